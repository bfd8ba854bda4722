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

/** From frpc's start to its login, in ms: what is slower does not come any more (facts/frp.md section 5). */
export const LOGIN_MS: Readonly<Record<FrpRung, number>> = {
  ...{ tls: 25_000, tls_classic: 25_000, tls_other_name: 25_000, tls_no_name: 25_000 },
  ...{ wss: 15_000, ssh: 20_000, tls_no_mux: 15_000 },
};

/** The rungs that this address can be tried by, in the order that its owner wants, or the usual one. */
export function rungsOf(address: FrpAddress): FrpRung[] {
  return (address.rungs ?? [...FRP_RUNGS]).filter((rung) => endpointOf(address, rung) !== null);
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
  const at = rung === 'ssh' ? loopbackOf(address, o.sshPort) : endpointOf(address, rung);
  if (at === null) return null;
  const serverName = serverNameOf(address, rung, o.otherName);
  return {
    ...{ serverAddr: at.host, serverPort: at.port, env: rung === 'tls_classic' ? { GODEBUG: 'tlsmlkem=0' } : {} },
    transport: {
      ...{ protocol: rung === 'wss' ? 'wss' : 'tcp', dialServerTimeout: DIAL_TIMEOUT_S, tcpMux: rung !== 'tls_no_mux' },
      ...{ heartbeatInterval: HEARTBEAT_INTERVAL_S, heartbeatTimeout: HEARTBEAT_TIMEOUT_S },
      tls: { enable: true, disableCustomTLSFirstByte: true, serverName, trustedCaFile: caPath },
    },
  };
}

/** Where a rung's TCP connection goes; null where the address has not what it needs. */
export function endpointOf(address: FrpAddress, rung: FrpRung): { host: string; port: number } | null {
  if (rung === 'wss') return address.wss;
  if (rung === 'ssh') return address.ssh;
  if (rung === 'tls_no_mux') return address.noMux;
  if (rung === 'tls_other_name' && address.otherNames.length === 0) return null;
  // frpc sends no name only where its `serverName` is a literal address, which then must stand in the certificate. The address of a
  // host that has a name is not known to stand there, and where no name is set the rung `tls` sends none already.
  if (rung === 'tls_no_name' && (isIP(address.host) === 0 || address.sni === null)) return null;
  return { host: address.host, port: address.port };
}

/** The name that the certificate must have, and the hello where it is no address. `otherName`: of `tls_other_name`, by default the first. */
export function serverNameOf(address: FrpAddress, rung: FrpRung, otherName?: string): string {
  const { host, sni, otherNames, wss } = address;
  if (rung === 'wss' && wss !== null) return wss.host;
  if (rung === 'tls_no_name') return host;
  if (rung === 'tls_other_name') return otherName ?? otherNames[0] ?? sni ?? host;
  return sni ?? host;
}

function loopbackOf({ ssh }: FrpAddress, port: number | undefined): { host: string; port: number } | null {
  return ssh === null || port === undefined ? null : { host: '127.0.0.1', port };
}
