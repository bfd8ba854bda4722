// By which rungs an frps can be spoken to: where each connects, and the name that it sends.
import { isIP } from 'node:net';
import { FRP_RUNGS, type FrpRung } from '../wire/frp-names.ts';
import type { FrpAddress } from './frp-url.ts';

/** The rungs that this address can be tried by, in the order that its owner wants, or the usual one. */
export function rungsOf(address: FrpAddress): FrpRung[] {
  return (address.rungs ?? [...FRP_RUNGS]).filter((rung) => endpointOf(address, rung) !== null);
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

/** What an address must have for a rung, for who asked for it in vain. */
export const RUNG_NEEDS: Readonly<Record<FrpRung, string>> = {
  ...{ tls: 'nothing', tls_classic: 'nothing' },
  tls_other_name: 'the option other',
  tls_no_name: 'an IP address in place of the host name, with the option sni',
  wss: 'the option wss',
  ssh: 'the options ssh and hostkey',
  tls_no_mux: 'the option nomux',
};
