// What a run does next, from what it knows: pure. From cheap to expensive, from innocent to triggering (facts/censorship.md
// sections 3.2 and 4).
import { isIP, isIPv4 } from 'node:net';
import { addressBytes } from '../../stratum/probe/ack.ts';
import type { Failure, Operation } from '../../wire/failure.ts';
import type { DnsAnswer, Target, Variant } from '../../wire/reachability.ts';

/** What belongs to one pool and is measured one after the other: the last two labels of the name, or the address. */
export function poolKeyOf(host: string): string {
  return isIP(host) === 0 ? host.toLowerCase().split('.').slice(-2).join('.') : host;
}

/** The neighbourhood in which only one TLS hello at a time is sent: /24, and /48 of IPv6. */
export function prefixOf(address: string): string {
  return addressBytes(address)
    .subarray(0, isIPv4(address) ? 3 : 6)
    .toString('hex');
}

export interface Candidate {
  address: string;
  /** Step 1 may be spoken to it: to one address, and to a second when the first fails. The others end before it. */
  mayAsk: boolean;
}

/**
 * The addresses to dial. All resolvers' and the control's, bogons only where the control has them too. The system's first one is
 * asked first, because it is what a miner would use; the second to be asked is one that the system did not tell, so that a lie
 * and a block are told apart.
 */
export function candidates(o: {
  host: string;
  dns: readonly DnsAnswer[];
  control: readonly string[];
  isBogon: (address: string) => boolean;
  maxV4: number;
  maxV6: number;
}): Candidate[] {
  if (isIP(o.host) !== 0) return [{ address: o.host, mayAsk: true }];
  const usable = (address: string): boolean => o.control.includes(address) || !o.isBogon(address);
  const told = (answers: readonly DnsAnswer[]): string[] => answers.flatMap((a) => [...a.addresses, ...a.late]);
  const system = told(o.dns.filter((a) => a.transport === 'system')).filter(usable);
  const others = [...o.control, ...told(o.dns.filter((a) => a.transport !== 'system'))]
    .filter(usable)
    .filter((address) => !system.includes(address));
  const v4First = (list: readonly string[]): string[] => [...list.filter(isIPv4), ...list.filter((a) => !isIPv4(a))];
  const [mine, theirs] = [v4First([...new Set(system)]), v4First([...new Set(others)])];
  const first = mine[0] ?? theirs[0];
  const second = mine[0] === undefined ? theirs[1] : (theirs.find(isIPv4) ?? mine[1] ?? theirs[0]);
  const asked = [first, second].filter((address) => address !== undefined);
  const rest = [...mine, ...theirs].filter((address) => !asked.includes(address));
  const kept = [
    ...asked,
    ...rest.filter(isIPv4).slice(0, Math.max(0, o.maxV4 - asked.filter(isIPv4).length)),
    ...rest.filter((a) => !isIPv4(a)).slice(0, Math.max(0, o.maxV6 - asked.filter((a) => !isIPv4(a)).length)),
  ];
  return kept.map((address) => ({ address, mayAsk: asked.includes(address) }));
}

/** Whether a failure on an IPv6 address says only that this machine has no IPv6: no evidence (OONI drops these too). */
export function isLocalV6Failure(address: string, failure: Failure | null): boolean {
  const local: (Failure | null)[] = ['network_unreachable', 'host_unreachable', 'address_not_available'];
  return !isIPv4(address) && local.includes(failure);
}

/** What is tried after a target failed at this step, innocent first. Other ports and regions cost no connection of their own. */
export function variantPlan(
  target: Pick<Target, 'role' | 'tls' | 'sni'>,
  failedAt: Operation,
  hasCollector: boolean,
): Variant['variant'][] {
  const plan: Variant['variant'][] = ['alt_port', 'alt_region'];
  const isHello = failedAt === 'tls_handshake';
  if (isHello) {
    if (target.sni !== null) plan.push('no_sni', 'innocent_sni');
    plan.push('tls13', 'tls12');
    if (target.sni !== null) plan.push('split_hello');
  }
  // What is spoken inside TLS triggers nothing at the collector; a collector is its own control.
  const isSpoken = isHello || (failedAt === 'stratum_reply' && !target.tls);
  if (isSpoken && hasCollector && target.role === 'pool') {
    plan.push('innocent_at_collector', 'at_collector', 'innocent_again');
  }
  return plan;
}
