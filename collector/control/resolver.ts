// The collector's own look at a name: one question for A and one for AAAA, to the resolvers that the operator chose.
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { failureOf } from '../../stratum/failure-of.ts';
import type { Failure } from '../../wire/failure.ts';

/** OONI's limit for one resolver. */
const TIMEOUT_MS = 4000;

export interface Resolved {
  /** IPv4 first; as they came otherwise. */
  addresses: string[];
  /** Null where there is an address. */
  failure: Failure | null;
}

export type Resolve = (host: string) => Promise<Resolved>;

/** Asks these servers, or the system's where there are none, until the signal. An address is its own answer. Never rejects. */
export function makeResolve(servers: readonly string[], signal: AbortSignal): Resolve {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  if (servers.length > 0) resolver.setServers(servers);
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  return async (host) => {
    if (isIP(host) !== 0) return { addresses: [host], failure: null };
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const [failure = null] = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [failureOf(answer.reason)] : [],
    );
    return { addresses, failure: addresses.length > 0 ? null : (failure ?? 'dns_no_answer') };
  };
}
