// Asks all resolvers for one name: the system's, UDP, TCP/53, DoH of several operators; IPv4 and IPv6 apart. Who lies shows where
// they differ (facts/censorship.md section 3.2, step 2).
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { failureOf } from '../../stratum/failure-of.ts';
import type { ProbeDeps } from '../../stratum/probe/connection.ts';
import { NAME_MAX_CHARS } from '../../wire/limits.ts';
import type { DnsAnswer } from '../../wire/reachability.ts';
import type { Failure } from '../../wire/failure.ts';
import { isDnsName, type Family } from './dns-message.ts';
import { askTcp, DohClient } from './dns-stream.ts';
import { askUdp, type DnsResult, type UdpDeps } from './dns-udp.ts';
import { Limit } from './limits.ts';
import type { ProbeProfile } from './profile.ts';

/** getaddrinfo, one family at a time. */
export type Lookup = (host: string, family: 4 | 6) => Promise<LookupAddress[]>;

export interface ResolveDeps extends UdpDeps {
  probe: ProbeDeps;
  lookup: Lookup;
  isBogon: (address: string) => boolean;
}

const FAMILIES: readonly Family[] = ['A', 'AAAA'];
const ADDRESSES_MAX = 16;
/** A look-up of the system's blocks a thread for many seconds where DNS is dead, and the process has four for all its files. */
const SYSTEM_LOOKUPS_MAX = 2;

/** All resolvers of one run. */
export class Resolvers {
  readonly #profile: ProbeProfile;
  readonly #deps: ResolveDeps;
  readonly #doh: DohClient[];
  readonly #system = new Limit(SYSTEM_LOOKUPS_MAX);

  constructor(profile: ProbeProfile, deps: ResolveDeps) {
    this.#profile = profile;
    this.#deps = deps;
    this.#doh = profile.doh.map((resolver) => new DohClient(resolver, deps.probe));
  }

  /** Every resolver's answer on a name; [] for a literal address. Never rejects. */
  async resolve(host: string): Promise<DnsAnswer[]> {
    if (isIP(host) !== 0) return [];
    if (!isDnsName(host)) return this.#askSystem(host); // `a..b` in somebody's settings: it says what is wrong
    const { udp, tcp, dns_ms, dns_late_ms } = this.#profile;
    const { probe } = this.#deps;
    const ask = (
      resolver: string,
      transport: DnsAnswer['transport'],
      how: (question: { name: string; family: Family }) => Promise<DnsResult>,
    ): Promise<DnsAnswer[]> =>
      Promise.all(
        FAMILIES.map(async (family) => this.#answer(resolver, transport, family, await how({ name: host, family }))),
      );
    const limits = { timeoutMs: dns_ms, lateMs: dns_late_ms };
    const answers = await Promise.all([
      this.#askSystem(host),
      ...udp.map((r) => ask(r.name, 'udp', (question) => askUdp(r, question, limits, this.#deps))),
      ...tcp.map((r) => ask(r.name, 'tcp', (question) => askTcp(r, question, dns_ms, probe))),
      ...this.#doh.map((client) => ask(client.resolver.name, 'doh', (question) => client.ask(question, dns_ms))),
    ]);
    return answers.flat();
  }

  /**
   * Addresses of a name that nobody lies about: the system's, or those of the others where it has none; and whether the system
   * answered. A name of the owner's own may stand in a private network.
   */
  async resolveAny(
    host: string,
    isPrivateFine = false,
  ): Promise<{ addresses: string[]; isSystemOk: boolean; failure: Failure | null }> {
    if (isIP(host) !== 0) return { addresses: [host], isSystemOk: true, failure: null };
    const isBogon = isPrivateFine ? () => false : this.#deps.isBogon;
    const system = await this.#askSystem(host);
    const good = goodAddresses(system, isBogon);
    if (good.length > 0) return { addresses: good, isSystemOk: true, failure: null };
    const failure = system.find((answer) => answer.family === 'A')?.failure ?? null;
    return { addresses: goodAddresses(await this.resolve(host), isBogon), isSystemOk: false, failure };
  }

  close(): void {
    for (const client of this.#doh) client.close();
  }

  async #askSystem(host: string): Promise<DnsAnswer[]> {
    const answers: DnsAnswer[] = [];
    for (const family of FAMILIES) {
      const result = await this.#system.run(() => this.#lookUp(host, family));
      answers.push(this.#answer('system', 'system', family, result));
      // Another ten seconds of the same silence would tell nothing more.
      if (result.failure === 'generic_timeout_error') break;
    }
    return answers;
  }

  /** The place in the queue is kept until getaddrinfo is really done; the answer is given up before. */
  #lookUp(host: string, family: Family): { early: Promise<DnsResult>; done: Promise<unknown> } {
    const { clock, lookup } = this.#deps;
    const begun = clock.monoMs();
    const result = (failure: Failure | null, addresses: string[] = []): DnsResult => {
      return { addresses, late: [], failure, ms: clock.monoMs() - begun };
    };
    const done = lookup(host, family === 'A' ? 4 : 6).then(
      (found) => result(found.length === 0 ? 'dns_no_answer' : null, [...new Set(found.map((f) => f.address))]),
      (error: unknown) => {
        const failure = failureOf(error);
        // getaddrinfo says the same of a name that has no address of this family.
        return result(family === 'AAAA' && failure === 'dns_nxdomain_error' ? 'dns_no_answer' : failure);
      },
    );
    const early = new Promise<DnsResult>((resolve) => {
      const cancel = clock.setTimer(this.#profile.dns_ms, () => resolve(result('generic_timeout_error')));
      void done.then((answer) => {
        cancel();
        resolve(answer);
      });
    });
    return { early, done };
  }

  #answer(resolver: string, transport: DnsAnswer['transport'], family: Family, result: DnsResult): DnsAnswer {
    const addresses = result.addresses.slice(0, ADDRESSES_MAX);
    const isBogon = result.failure === null && addresses.some((address) => this.#deps.isBogon(address));
    return {
      resolver: resolver.slice(0, NAME_MAX_CHARS),
      transport,
      family,
      addresses,
      late: result.late,
      failure: isBogon ? 'dns_bogon_error' : result.failure,
      ms: result.ms,
    };
  }
}

/** Addresses that can be dialled, in the order in which they were told, each once. */
export function goodAddresses(answers: readonly DnsAnswer[], isBogon: (address: string) => boolean): string[] {
  return [...new Set(answers.flatMap((answer) => [...answer.addresses, ...answer.late]))].filter((a) => !isBogon(a));
}
