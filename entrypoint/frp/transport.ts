// What a rung means for frpc: where it connects, and the part `transport` of its configuration.
import { isIP } from 'node:net';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_RUNGS, type FrpRung } from '../../wire/frp-names.ts';

/** The parts of frpc.toml that a rung decides, and what its environment must hold. */
export interface FrpTransport {
  serverAddr: string;
  serverPort: number;
  transport: Record<string, unknown>;
  env: Record<string, string>;
}

/** TCP only: what frpc does not bound, its owner must (facts/frp.md section 3). */
const DIAL_TIMEOUT_S = 10;
/** Sent so that frps asks the hook again (op Ping): a revoked ticket is seen within a minute. */
const HEARTBEAT_INTERVAL_S = 30;
const HEARTBEAT_TIMEOUT_S = 90;

/** The rungs that this address can be tried by, in the order that its owner wants, or the usual one. */
export function rungsOf(address: FrpAddress): FrpRung[] {
  return (address.rungs ?? [...FRP_RUNGS]).filter((rung) => canTry(address, rung));
}

/**
 * What frpc needs for this rung; null where the address lacks the rung's option. `ssh` needs the loopback port of the SSH session
 * that leads to frps. `otherName` is the name of `tls_other_name`, by default the first.
 */
export function transportOf(
  address: FrpAddress,
  rung: FrpRung,
  caPath: string,
  o: { sshPort?: number; otherName?: string } = {},
): FrpTransport | null {
  if (!canTry(address, rung)) return null;
  const { host, port } = address;
  const ownName = address.sni ?? host;
  const way = (serverAddr: string, serverPort: number, serverName: string, more: object = {}): FrpTransport => ({
    ...{ serverAddr, serverPort, env: rung === 'tls_classic' ? { GODEBUG: 'tlsmlkem=0' } : {} },
    transport: {
      ...{ protocol: 'tcp', dialServerTimeout: DIAL_TIMEOUT_S, tcpMux: true },
      ...{ heartbeatInterval: HEARTBEAT_INTERVAL_S, heartbeatTimeout: HEARTBEAT_TIMEOUT_S },
      // An address as the name sends none, and is looked for in the certificate.
      tls: { enable: true, disableCustomTLSFirstByte: true, serverName, trustedCaFile: caPath },
      ...more,
    },
  });
  switch (rung) {
    case 'tls':
    case 'tls_classic':
      return way(host, port, ownName);
    case 'tls_other_name':
      return way(host, port, o.otherName ?? address.otherNames[0] ?? ownName);
    case 'tls_no_name':
      return way(host, port, host);
    case 'wss':
      return address.wss === null
        ? null
        : way(address.wss.host, address.wss.port, address.wss.host, { protocol: 'wss' });
    case 'ssh':
      return o.sshPort === undefined ? null : way('127.0.0.1', o.sshPort, ownName);
    case 'tls_no_mux':
      return address.noMux === null ? null : way(address.noMux.host, address.noMux.port, ownName, { tcpMux: false });
  }
}

function canTry(address: FrpAddress, rung: FrpRung): boolean {
  switch (rung) {
    case 'tls':
    case 'tls_classic':
      return true;
    case 'tls_other_name':
      return address.otherNames.length > 0;
    // Only an address can stand in the certificate in a name's place; without a name of its own `tls` is this already.
    case 'tls_no_name':
      return isIP(address.host) !== 0 && address.sni !== null;
    case 'wss':
      return address.wss !== null;
    case 'ssh':
      return address.ssh !== null;
    case 'tls_no_mux':
      return address.noMux !== null;
  }
}
