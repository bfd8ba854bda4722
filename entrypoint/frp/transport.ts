// What a rung means for frpc: where it connects, and the part `transport` of its configuration.
import { endpointOf, serverNameOf } from '../../stratum/frp-rungs.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import type { FrpRung } from '../../wire/frp-names.ts';

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

function loopbackOf({ ssh }: FrpAddress, port: number | undefined): { host: string; port: number } | null {
  return ssh === null || port === undefined ? null : { host: '127.0.0.1', port };
}
