// Measures the pools and the collectors for as long as the worker runs: some half a minute after the miner hashes, then every 15 to
// 20 minutes, and soon after the relay met a fault. Loaded after the miner runs; nothing here ever stops it.
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { AddressTrial, ReachabilityRecord, Stall } from '../../wire/reachability.ts';
import type { VerdictName } from '../../wire/verdict.ts';
import type { CollectorAccess, NetDeps, RunTarget } from '../net/context.ts';
import { poolKeyOf } from '../net/plan.ts';
import type { ProbeProfile } from '../net/profile.ts';
import { probeRun, type RunResult } from '../net/run.ts';
import { ProbeTimesFile, untilNextRunMs } from './reachability-schedule.ts';

/** Records of a target that its next verdict can look back on: three hours. */
const HISTORY_MAX = 12;
/** Whether the miner hashes is looked at so often. */
const LOOK_MS = 1000;
/** A miner that does not hash by then may be in want of a pool: the first run waits no longer. */
const HASHING_WAIT_MS = 180_000;
/** The relay tells of a fault and of the next in one breath. */
const FAULT_SETTLE_MS = 2000;

/** How a route stands: what the relay and the uplink choose by. */
export interface Rank {
  /** As in the settings, without login, options and tags. */
  url: string;
  verdict: VerdictName | null;
  /** Of the fastest TCP connection; null where none stood. */
  delay_ms: number | null;
  /** The name's addresses by the collectors' own answers, where the name itself leads astray; else []. */
  addresses: string[];
}

export interface ReachabilityOptions {
  /** With the relay's own view of stalls, at the time of a run. */
  targets: () => readonly RunTarget[];
  collectors: readonly CollectorAccess[];
  profile: ProbeProfile;
  /** `spotrig-probe/<version>`. */
  agent: string;
  /** File that keeps the times of the last run. */
  timesPath: string;
  deps: NetDeps;
  logger: Logger;
  isHashing: () => boolean;
  onRecord: (record: ReachabilityRecord) => void;
  /** `sinceMs`: by the monotonic clock, when the run began. */
  onRanks: (ranks: Rank[], sinceMs: number) => void;
  /** A run that broke by a fault of ours. */
  onFault: (detail: string) => void;
}

/** Runs until it is stopped. */
export class ReachabilitySampler {
  readonly #o: ReachabilityOptions;
  readonly #clock: Clock;
  readonly #times: ProbeTimesFile;
  readonly #history = new Map<string, ReachabilityRecord[]>();
  readonly #stalls = new Map<string, Stall[]>();
  #cancel: () => void = () => undefined;
  #isRunning = false;
  #isFault = false;
  #stopped = false;

  /** Starts at once, in the background. Throws system errors where the times cannot be kept. */
  constructor(o: ReachabilityOptions) {
    this.#o = o;
    this.#clock = o.deps.clock;
    this.#times = new ProbeTimesFile(o.timesPath);
    this.#awaitHashing(this.#clock.monoMs());
  }

  /** The relay lost a pool, or reaches none; with what it saw of a connection that went quiet. A run follows soon. */
  fault(stalled: { url: string; stall: Stall } | null = null): void {
    if (stalled !== null) {
      const known = this.#stalls.get(stalled.url) ?? [];
      this.#stalls.set(stalled.url, [...known, stalled.stall].slice(-2));
    }
    this.#isFault = true;
    if (!this.#isRunning) this.#schedule(FAULT_SETTLE_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#times.close();
  }

  #awaitHashing(sinceMs: number): void {
    if (this.#isFault || this.#o.isHashing() || this.#clock.monoMs() - sinceMs >= HASHING_WAIT_MS) this.#schedule();
    else this.#cancel = this.#clock.setTimer(LOOK_MS, () => this.#awaitHashing(sinceMs));
  }

  #schedule(atLeastMs = 0): void {
    if (this.#stopped) return;
    this.#cancel();
    const { profile, deps } = this.#o;
    const dueMs = untilNextRunMs({
      nowMs: this.#clock.nowMs(),
      lastRunMs: this.#times.times.run_ms,
      isFault: this.#isFault,
      timers: profile,
      random: deps.random,
    });
    this.#cancel = this.#clock.setTimer(Math.max(dueMs, atLeastMs), () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#isFault = false;
    const { times } = this.#times;
    const { collectors, profile, agent, deps, logger, onFault } = this.#o;
    const [now, sinceMs] = [this.#clock.nowMs(), this.#clock.monoMs()];
    const targets = this.#o.targets().map((t) => ({ ...t, stalls: this.#stalls.get(t.target.url) ?? t.stalls }));
    this.#stalls.clear();
    const isBulkDue = times.run_ms !== null && now - (times.bulk_ms ?? -Infinity) >= profile.bulk_every_ms;
    // Written before the first packet: a kill in the middle must not let the next start begin anew.
    times.run_ms = now;
    if (isBulkDue) times.bulk_ms = now;
    const rest = new Map(times.rest);
    for (const { target } of targets) times.rest.set(poolKeyOf(target.host), now);
    this.#save();
    try {
      const history = (url: string): readonly ReachabilityRecord[] => this.#history.get(url) ?? [];
      const result = await probeRun(
        {
          ...{ targets, collectors, profile, agent, history, rest, isWatched: false, isBulkDue, isFull: false },
          trace: (step) => logger.debug({ ...step }, 'probe'),
        },
        deps,
      );
      if (!this.#stopped) this.#take(result, rest, sinceMs);
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'a probe run broke');
      onFault(messageOf(error));
    }
    this.#isRunning = false;
    this.#schedule(this.#isFault ? FAULT_SETTLE_MS : 0);
  }

  #take(result: RunResult, rest: ReadonlyMap<string, number>, sinceMs: number): void {
    for (const [pool, ms] of rest) this.#times.times.rest.set(pool, ms);
    this.#save();
    for (const record of result.records) {
      const earlier = this.#history.get(record.target.url) ?? [];
      this.#history.set(record.target.url, [record, ...earlier].slice(0, HISTORY_MAX));
      const { target, verdict, operation, failure } = record;
      this.#o.logger.info({ target: target.url, verdict: verdict?.verdict, operation, failure }, 'reachability');
      this.#o.onRecord(record);
    }
    const ranks = result.records.map((record) => rankOf(record, result.pins.get(record.target.url) ?? []));
    this.#o.onRanks(ranks, sinceMs);
  }

  #save(): void {
    const trouble = this.#times.save();
    if (trouble !== null) this.#o.logger.warn({ error: trouble }, 'the times of probe runs could not be saved');
  }
}

/**
 * What a record says to those who choose a route. Where the name leads astray and addresses of the control's answered in its place,
 * the endpoint stands as reachable, by these.
 */
export function rankOf(record: ReachabilityRecord, pins: readonly string[]): Rank {
  const { target, verdict, addresses, dns } = record;
  const delays = addresses.flatMap(({ tcp }) => (tcp?.failure === null && tcp.ms !== null ? [tcp.ms] : []));
  const isAstray =
    verdict?.verdict === 'blocked:dns' ||
    verdict?.flags.includes('dns_interference') === true ||
    dns.some((answer) => answer.transport === 'system' && answer.family === 'A' && answer.failure !== null);
  const repaired = isAstray
    ? pins.filter((pin) => addresses.some((trial) => trial.address === pin && isWell(trial)))
    : [];
  return {
    url: target.url,
    verdict: repaired.length > 0 ? 'reachable' : (verdict?.verdict ?? null),
    delay_ms: delays.length === 0 ? null : Math.min(...delays),
    addresses: repaired,
  };
}

/** It came to the last step that was tried, and that one went well. */
function isWell({ tcp, tls, stratum, http }: AddressTrial): boolean {
  const last = stratum ?? http ?? tls ?? tcp;
  return last !== null && [tcp, tls, stratum, http].every((step) => step === null || step.failure === null);
}
