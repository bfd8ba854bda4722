// What the resolvers said, and whether the system's answer can be believed.
import type { DnsAnswer, ReachabilityRecord } from '../reachability.ts';

export interface Names {
  /** Addresses by the system's resolver that can be believed so far. */
  system: readonly string[];
  /** The system's resolver was asked. */
  isAsked: boolean;
  /** It gave no address that can be used. */
  hasFailed: boolean;
  failure: string | null;
  method: 'lie' | 'timeout' | 'icmp' | null;
  /** Two different answers to one query. */
  race: DnsAnswer | null;
  /** Addresses by DoH or TCP/53, which a forger on UDP does not reach, and what gave them. */
  honest: readonly string[];
  honestBy: DnsAnswer | null;
  /** DoH answered that there is no such name or address: nobody on the way can forge that. */
  deniedBy: DnsAnswer | null;
  /** All resolvers by UDP are silent. */
  isUdpSilent: boolean;
  isBogon: boolean;
}

const SILENT: readonly string[] = ['generic_timeout_error', 'dns_temporary_failure'];
const DENIALS: readonly string[] = ['dns_nxdomain_error', 'dns_no_answer'];
const FALSE_ANSWERS: readonly string[] = [
  ...DENIALS,
  'dns_bogon_error',
  'dns_refused_error',
  'dns_servfail_error',
  'dns_server_misbehaving',
  'dns_non_recoverable_failure',
  'dns_reply_with_wrong_query_id',
];

/** `controlAddresses`: what the name has by a fresh control. A bogon that the control sees too is the zone's own. */
export function namesOf({ dns }: ReachabilityRecord, controlAddresses: readonly string[]): Names {
  const isBogus = (answer: DnsAnswer): boolean =>
    answer.failure === 'dns_bogon_error' && !answer.addresses.some((address) => controlAddresses.includes(address));
  const gives = (answer: DnsAnswer): boolean =>
    answer.addresses.length > 0 &&
    !isBogus(answer) &&
    (answer.failure === null || answer.failure === 'dns_bogon_error');
  const by = (...transports: DnsAnswer['transport'][]): DnsAnswer[] =>
    dns.filter((a) => transports.includes(a.transport));
  const system = by('system');
  const udp = by('udp');
  const honest = by('doh', 'tcp').filter(gives);
  const hasFailed = system.length > 0 && !system.some(gives);
  // AAAA is often empty; a bogon says more than a silence, and c-ares more than the system's folded error.
  const telling = [...system, ...udp].filter((answer) => answer.family === 'A' && !gives(answer));
  const worst = telling.find(isBogus) ?? telling.find((a) => FALSE_ANSWERS.includes(a.failure ?? '')) ?? telling[0];
  return {
    system: system.filter(gives).flatMap((answer) => answer.addresses),
    isAsked: system.length > 0,
    hasFailed,
    failure: hasFailed ? (worst?.failure ?? system[0]?.failure ?? null) : null,
    method: hasFailed ? methodOf(worst?.failure ?? null) : null,
    race: dns.find((a) => a.late.length > 0 && !a.late.some((address) => a.addresses.includes(address))) ?? null,
    honest: [...new Set(honest.flatMap((answer) => answer.addresses))],
    honestBy: honest[0] ?? null,
    deniedBy: by('doh').find((a) => a.family === 'A' && DENIALS.includes(a.failure ?? '')) ?? null,
    isUdpSilent: udp.length > 0 && udp.every((answer) => SILENT.includes(answer.failure ?? '')),
    isBogon: system.some(isBogus),
  };
}

function methodOf(failure: string | null): Names['method'] {
  if (failure === null) return null;
  if (SILENT.includes(failure)) return 'timeout';
  if (failure === 'connection_refused') return 'icmp';
  return FALSE_ANSWERS.includes(failure) ? 'lie' : null;
}
