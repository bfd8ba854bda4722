// One run: the baseline, then every target step by step, then what a failure or a suspicion asks for (facts/censorship.md
// section 3.2). Sequential within a pool, at most four pools at once, one TLS hello at a time per neighbourhood.
import { deepestEnd, tryAddress, type TrialLimits } from '../../stratum/probe/trial.ts';
import { judge } from '../../wire/judge.ts';
import type { Failure, Operation } from '../../wire/failure.ts';
import { RECORD_CONTROLS_MAX } from '../../wire/reachability.ts';
import type {
  AddressTrial,
  Baseline,
  Bulk,
  DnsAnswer,
  Network,
  ReachabilityRecord,
  Stall,
  Variant,
} from '../../wire/reachability.ts';
import { measureBaseline } from './baseline.ts';
import { bogonTest } from './bogons.ts';
import { measureBulk } from './bulk.ts';
import type { CollectorAccess, NetDeps, Peer, RunContext, RunTarget, TraceStep } from './context.ts';
import { ControlDesk } from './control-client.ts';
import { KeyedLocks, Limit } from './limits.ts';
import { candidates, isLocalV6Failure, poolKeyOf, prefixOf, type Candidate } from './plan.ts';
import type { ProbeProfile } from './profile.ts';
import { Resolvers } from './resolve.ts';
import { requestOf, tryVariants, type Sibling } from './variants.ts';

export interface RunOptions {
  targets: readonly RunTarget[];
  collectors: readonly CollectorAccess[];
  profile: ProbeProfile;
  /** `spotrig-probe/<version>`. */
  agent: string;
  /** Stay connected after every good answer; else only where the target comes with a stall. */
  isWatched: boolean;
  /** Move bulk to and from the collector; else only after a stall. */
  isBulkDue: boolean;
  /** Try variants after every failure, also where controls fail alike. */
  isFull: boolean;
  /** Earlier records of a target, newest first, for the verdict. */
  history: (url: string) => readonly ReachabilityRecord[];
  /** When each pool was last connected to, Unix ms; kept by the caller over runs, written to here. */
  rest: Map<string, number>;
  trace: (step: TraceStep) => void;
}

export interface RunResult {
  /** One for each target, in their order. */
  records: ReachabilityRecord[];
  /** Addresses that the collectors' own resolvers have, by target: fit to be pinned. */
  pins: Map<string, string[]>;
  egress: Network | null;
  bulk: Bulk[];
}

/** What the attempts at one target came to. */
interface Measured {
  target: RunTarget;
  dns: DnsAnswer[];
  trials: AddressTrial[];
  attempts: number;
  stalls: Stall[];
  operation: Operation | null;
  failure: Failure | null;
  at_ms: number;
  variants: Variant[];
}

/** Does a whole run. Never rejects for the network. */
export async function probeRun(o: RunOptions, deps: NetDeps): Promise<RunResult> {
  const run = new Run(o, deps);
  try {
    return await run.all();
  } finally {
    run.close();
  }
}

class Run {
  readonly #o: RunOptions;
  readonly #c: RunContext;
  readonly #desk: ControlDesk;
  /** When each pool was last connected to before this run. */
  readonly #before: ReadonlyMap<string, number>;

  constructor(o: RunOptions, deps: NetDeps) {
    this.#o = o;
    this.#before = new Map(o.rest);
    const { profile, trace } = o;
    const isBogon = bogonTest(profile.bogons);
    const { tcp_ms, tls_ms, reply_ms, ack_ms, close_ms } = profile;
    const limits: TrialLimits = { tcp_ms, tls_ms, reply_ms, ack_ms, close_ms };
    const resolvers = new Resolvers(profile, { ...deps, isBogon });
    this.#c = {
      ...{
        profile,
        limits,
        agent: o.agent,
        collectors: o.collectors,
        clock: deps.clock,
        deps,
        resolvers,
        isBogon,
        trace,
      },
      locks: new KeyedLocks(),
      siteLimit: new Limit(profile.pools_at_once),
    };
    this.#desk = new ControlDesk(o.collectors, profile, deps, trace);
  }

  close(): void {
    this.#c.resolvers.close();
  }

  async all(): Promise<RunResult> {
    const { targets, isBulkDue } = this.#o;
    this.#desk.begin(targets.map(({ target }) => target.url));
    const { baseline, collector } = await measureBaseline(this.#c);
    const measured = await this.#byPool(targets, (target) => this.#measure(target));
    await this.#desk.insist(measured.filter((m) => m.operation !== null).map((m) => m.target.target.url));
    const failed = measured.filter((m) => this.#isWorthVariants(m, baseline));
    await this.#byPool(failed, (m) => this.#vary(m, measured, collector));
    const isSuspicious = measured.some((m) => m.stalls.some((stall) => stall.end !== 'alive' && stall.end !== 'fin'));
    const bulk = isBulkDue || isSuspicious ? await this.#bulk(collector) : [];
    return {
      records: measured.map((m) => this.#record(m, baseline, bulk)),
      pins: new Map(targets.map(({ target }) => [target.url, this.#controlAddresses(target.url)])),
      egress: this.#desk.egress,
      bulk,
    };
  }

  /** Works through the items, one at a time within a pool, several pools at once; results in the items' order. */
  async #byPool<T extends RunTarget | Measured, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
    const results = new Map<T, R>();
    const pools = Map.groupBy(items, (item) => poolKeyOf(('dns' in item ? item.target.target : item.target).host));
    const atOnce = new Limit(this.#c.profile.pools_at_once);
    await Promise.all(
      [...pools.values()].map((group) =>
        atOnce.hold(async () => {
          for (const item of group) results.set(item, await work(item));
        }),
      ),
    );
    return items.map((item) => results.get(item) as R);
  }

  async #measure(t: RunTarget): Promise<Measured> {
    const { profile, clock, deps, isBogon, trace } = this.#c;
    const { target } = t;
    const at_ms = clock.nowMs();
    const dns = await this.#c.resolvers.resolve(target.host);
    for (const answer of dns) {
      const what = `dns ${answer.transport} ${answer.resolver} ${answer.family}`;
      const late = answer.late.length === 0 ? '' : `, late: ${answer.late.join(' ')}`;
      trace({
        target: target.url,
        what,
        ms: answer.ms,
        failure: answer.failure,
        note: answer.addresses.join(' ') + late,
      });
    }
    await this.#desk.settle();
    const list = candidates({
      ...{ host: target.host, dns, control: this.#controlAddresses(target.url) },
      // The owner's own collector may stand in a private network.
      isBogon: target.role === 'collector' ? () => false : isBogon,
      ...{ maxV4: profile.addresses_v4, maxV6: profile.addresses_v6 },
    });
    await this.#letRest(target.host);
    const m: Measured = {
      ...{ target: t, dns, trials: [], attempts: 0, stalls: [...t.stalls], at_ms, variants: [] },
      ...NOT_YET,
    };
    for (; m.attempts < profile.attempts; m.attempts++) {
      if (m.attempts > 0) {
        const { attempt_pause_min_ms: min, attempt_pause_max_ms: max } = profile;
        await clock.sleep(min + deps.random() * (max - min));
      }
      const trials = await this.#attempt(m, m.attempts === 0 ? list : list.filter((candidate) => candidate.mayAsk));
      m.trials.push(...trials);
      const isWell = deepestEnd(trials, goalOf(t), null).operation === null;
      if (list.length === 0 || (m.attempts === 0 && isWell)) {
        m.attempts++;
        break;
      }
    }
    this.#o.rest.set(poolKeyOf(target.host), clock.nowMs());
    return Object.assign(m, deepestEnd(m.trials, goalOf(t), dnsFailureOf(dns)));
  }

  /** Every address once, one at a time. */
  async #attempt(m: Measured, list: readonly Candidate[]): Promise<AddressTrial[]> {
    const trials: AddressTrial[] = [];
    let isAnswered = false;
    for (const { address, mayAsk } of list) {
      const trial = await this.#try(m, address, mayAsk && !isAnswered);
      if (trial === null) continue;
      trials.push(trial);
      isAnswered ||= deepestEnd([trial], goalOf(m.target), null).operation === null && trial[goalOf(m.target)] !== null;
    }
    return trials;
  }

  async #try(m: Measured, address: string, isAsked: boolean): Promise<AddressTrial | null> {
    const { target } = m.target;
    const c = this.#c;
    const request = requestOf(m.target, c.agent);
    const path = m.target.path;
    const isWatched = isAsked && m.stalls.length < 4 && (this.#o.isWatched || m.target.stalls.length > 0);
    const dial = () =>
      tryAddress(
        {
          ...{ target, address, attempt: m.attempts, agent: c.agent, limits: c.limits, shape: m.target.tls },
          upTo: isAsked ? 'answer' : 'tls',
          question:
            path !== null ? { kind: 'http', path } : request === null ? { kind: 'none' } : { kind: 'stratum', request },
          ...(isWatched ? { watch: { watch_ms: c.profile.watch_ms, quiet_ms: c.profile.stall_quiet_ms } } : {}),
        },
        c.deps.probe,
      );
    const { trial, stall } = target.tls ? await c.locks.hold(prefixOf(address), dial) : await dial();
    if (stall !== null) m.stalls.push(stall);
    this.#traceTrial(target.url, trial, stall);
    return isLocalV6Failure(address, trial.tcp?.failure ?? null) ? null : trial;
  }

  #traceTrial(url: string, trial: AddressTrial, stall: Stall | null): void {
    const say = (what: string, step: { ms: number | null; failure: Failure | null } | null, note: string): void => {
      if (step !== null) this.#c.trace({ target: url, what, ms: step.ms, failure: step.failure, note });
    };
    const unacked = (step: { tx_unacked_bytes: number | null; retransmits: number | null }): string =>
      step.tx_unacked_bytes === null
        ? ''
        : `, ${step.tx_unacked_bytes} bytes unacknowledged, ${step.retransmits ?? 0} retransmits`;
    say(`tcp ${trial.address}`, trial.tcp, trial.attempt === 0 ? '' : `attempt ${trial.attempt + 1}`);
    const { tls, stratum, http } = trial;
    if (tls !== null)
      say('tls', tls, `${tls.protocol ?? `alert ${tls.alert ?? 'none'}`} ${tls.issuer ?? ''}${unacked(tls)}`);
    if (stratum !== null) {
      say(
        `stratum ${stratum.step ?? ''}`,
        stratum,
        `${stratum.reply ?? 'nothing'} ${stratum.first_bytes ?? ''}${unacked(stratum)}`,
      );
    }
    if (http !== null) say('http', http, `status ${http.status ?? 'none'}${unacked(http)}`);
    if (stall !== null) {
      const note = `${stall.end} after ${stall.messages} messages, ${stall.raw_bytes} bytes`;
      this.#c.trace({ target: url, what: 'watch', ms: stall.age_ms, failure: null, note });
    }
  }

  /** Two runs that follow each other closely look like a reconnect storm to a pool. */
  async #letRest(host: string): Promise<void> {
    const { clock, profile } = this.#c;
    const last = this.#before.get(poolKeyOf(host));
    if (last === undefined) return;
    const leftMs = last + profile.pool_rest_ms - clock.nowMs();
    // Never longer than one rest: the wall clock may have been set back meanwhile.
    if (leftMs > 0) await clock.sleep(Math.min(leftMs, profile.pool_rest_ms));
  }

  /** Not where the line is dead, and not where all controls see the same failure: the pool has trouble enough. */
  #isWorthVariants(m: Measured, baseline: Baseline): boolean {
    if (m.operation === null || m.operation === 'resolve') return false;
    if (baseline.sites.length > 0 && baseline.sites.every((site) => site.operation !== null)) return false;
    if (this.#o.isFull) return true;
    const controls = this.#desk.samples(m.target.target.url);
    // A port that answers a hello in plain text is most likely a plain one: more hellos would earn a ban.
    if (controls.length === 0) return m.failure !== 'non_tls_reply';
    return controls.some((control) => control.operation === null);
  }

  async #vary(m: Measured, all: readonly Measured[], collector: Peer | null): Promise<void> {
    const { target } = m.target;
    const siblings = all
      .filter((other) => other !== m && poolKeyOf(other.target.target.host) === poolKeyOf(target.host))
      .map((other): Sibling => {
        const { operation, failure } = other;
        return { target: other.target.target, operation, failure, address: other.trials[0]?.address ?? null };
      });
    const failedAt = m.operation ?? 'connect';
    const address =
      m.trials.find((trial) => deepestEnd([trial], goalOf(m.target), null).operation === failedAt)?.address ?? null;
    m.variants = await tryVariants({ target: m.target, failedAt, address, siblings, collector }, this.#c);
    this.#o.rest.set(poolKeyOf(target.host), this.#c.clock.nowMs());
  }

  async #bulk(peer: Peer | null): Promise<Bulk[]> {
    const access = this.#o.collectors.find(({ url }) => new URL(url).hostname.replace(/^\[|\]$/g, '') === peer?.host);
    return peer === null || access === undefined ? [] : measureBulk(access, peer, this.#c);
  }

  #controlAddresses(url: string): string[] {
    return [...new Set(this.#desk.samples(url).flatMap((sample) => sample.addresses))];
  }

  #record(m: Measured, baseline: Baseline, bulk: Bulk[]): ReachabilityRecord {
    const { target } = m.target;
    const told = m.dns.flatMap((answer) => [...answer.addresses, ...answer.late]);
    const controls = this.#desk.samples(target.url).slice(0, RECORD_CONTROLS_MAX);
    const sample: ReachabilityRecord = {
      ...{ kind: 'reachability', at_ms: m.at_ms, target, operation: m.operation, failure: m.failure, baseline },
      dns: m.dns.slice(0, 16),
      addresses: m.trials.slice(0, 24),
      control_addresses: this.#controlAddresses(target.url)
        .filter((address) => !told.includes(address))
        .slice(0, 16),
      ...{ attempts: m.attempts, controls, variants: m.variants.slice(0, 16), stalls: m.stalls.slice(0, 4) },
      ...{ bulk: bulk.slice(0, 6), egress: this.#desk.egress, clock_skew_ms: this.#desk.clock_skew_ms, verdict: null },
    };
    const history = this.#o.history(target.url);
    const verdict = judge({ sample, history, controls, inside: this.#desk.inside(target.url) });
    return { ...sample, verdict };
  }
}

const NOT_YET: Pick<Measured, 'operation' | 'failure'> = { operation: null, failure: null };

/** The last step that a target has. */
function goalOf({ target, path }: RunTarget): 'tcp' | 'tls' | 'stratum' | 'http' {
  if (path !== null) return 'http';
  if (target.dialect !== null && target.dialect !== 'unknown') return 'stratum';
  return target.tls ? 'tls' : 'tcp';
}

/** What the system's resolver said of the name, or whoever said something. */
function dnsFailureOf(dns: readonly DnsAnswer[]): Failure | null {
  const v4 = dns.filter((answer) => answer.family === 'A');
  return (v4.find((answer) => answer.failure !== null && answer.transport === 'system') ?? v4[0])?.failure ?? null;
}
