// Judges a running miner: rules are data, what happened goes in, a fault with its evidence comes out. Pure: times are passed in.
// The miners' own watchdogs are off: they restart behind the supervisor's back and hide the reason (facts/miners.md sections 0, 4).
import type { LogSign, MinerSample } from '../../miners/miner.ts';

export const RULE_NAMES = ['api_silent', 'zero_hashrate', 'no_share', 'gpu_idle', 'gpu_lost', 'cuda_error'] as const;
export type RuleName = (typeof RULE_NAMES)[number];

export interface Rule {
  /** How long the condition holds before it is a fault. */
  after_ms: number;
  /** Restarts for this rule within `memory_ms`; further faults are told and change nothing. */
  restarts_max: number;
  memory_ms: number;
}

const HALF_HOUR_MS = 30 * 60_000;

/** The defaults. One restart is worthwhile; a second fault in a short time is the host's trouble, and a report (facts section 4). */
export const WATCHDOG_RULES: Readonly<Record<RuleName, Rule>> = {
  /** Process up, API mute. Polls are every 5 s. */
  api_silent: { after_ms: 180_000, restarts_max: 2, memory_ms: HALF_HOUR_MS },
  /** The API answers 0 H/s; the adapter's grace for a start or a DAG comes on top. Not while there is no pool to hash for. */
  zero_hashrate: { after_ms: 60_000, restarts_max: 2, memory_ms: HALF_HOUR_MS },
  /** Logged in at the pool, claims a rate, and no share came in SHARE_INTERVALS expected intervals; never sooner than this. */
  no_share: { after_ms: 300_000, restarts_max: 2, memory_ms: 60 * 60_000 },
  /** One of several cards does nothing while others hash. */
  gpu_idle: { after_ms: 180_000, restarts_max: 1, memory_ms: HALF_HOUR_MS },
  /** The miner's log says that a card fell off the bus, or that CUDA failed. A moment for the miner to end by itself. */
  gpu_lost: { after_ms: 15_000, restarts_max: 1, memory_ms: HALF_HOUR_MS },
  cuda_error: { after_ms: 15_000, restarts_max: 1, memory_ms: HALF_HOUR_MS },
};

/** The chance of no share in so many expected intervals, with nothing wrong, is e^-12: six in a million. */
export const SHARE_INTERVALS = 12;

/** What the relay knows; null where it is off, or does not read the pool's dialect. */
export interface ShareFacts {
  /** Since when, without a break, a miner is logged in at the pool; null = not now. */
  logged_in_since_ms: number | null;
  last_accepted_ms: number | null;
  /** Expected hashes per share now. */
  share_work_hashes: number | null;
}

export interface Fault {
  rule: RuleName;
  /** One sentence with the figures. */
  evidence: string;
  /** false: this rule has used up its restarts, so it is only told. */
  restart: boolean;
}

export class Watchdog {
  readonly #rules: Readonly<Record<RuleName, Rule>>;
  readonly #graceMs: number;
  /** Since when each condition holds, for this run of the miner. */
  readonly #since = new Map<RuleName, number>();
  readonly #told = new Set<RuleName>();
  /** Moments of restarts, over all runs. */
  readonly #restarts = new Map<RuleName, number[]>();
  #startedMs = 0;
  #excusedUntilMs = 0;
  #claimed_hs: number | null = null;
  #idle: number[] = [];

  constructor(o: { graceMs: number; rules?: Readonly<Record<RuleName, Rule>> }) {
    this.#graceMs = o.graceMs;
    this.#rules = o.rules ?? WATCHDOG_RULES;
  }

  /** A run of the miner is watched from now on; an adopted one started earlier. */
  begin(startedMs: number, nowMs: number): void {
    this.#since.clear();
    this.#told.clear();
    this.#startedMs = startedMs;
    this.#excusedUntilMs = startedMs + this.#graceMs;
    this.#claimed_hs = null;
    this.#idle = [];
    this.#since.set('api_silent', nowMs);
  }

  /** An answer of the API; null for a bad one or none. */
  observe(sample: MinerSample | null, nowMs: number): void {
    if (sample === null) {
      this.#holds('api_silent', true, nowMs);
      return;
    }
    this.#holds('api_silent', false, nowMs);
    this.#claimed_hs = sample.claimed_hs;
    this.#holds('zero_hashrate', sample.claimed_hs === 0, nowMs);
    const rates = sample.gpus.map((gpu) => gpu.hashrate_hs);
    this.#idle = sample.gpus.filter((gpu) => gpu.hashrate_hs === 0).map((gpu) => gpu.index);
    this.#holds('gpu_idle', this.#idle.length > 0 && rates.some((rate) => (rate ?? 0) > 0), nowMs);
  }

  /** A line of the miner's log meant something. */
  sign(sign: LogSign, nowMs: number): void {
    if (sign === 'dag_begin') this.#excusedUntilMs = nowMs + this.#graceMs;
    if (sign === 'gpu_lost' || sign === 'cuda_error') this.#holds(sign, true, nowMs);
  }

  /** The first fault that is due now, once per run for each rule; null when all is well. */
  judge(shares: ShareFacts | null, nowMs: number): Fault | null {
    for (const rule of RULE_NAMES) {
      if (this.#told.has(rule)) continue;
      const evidence = this.#evidence(rule, shares, nowMs);
      if (evidence === null) continue;
      this.#told.add(rule);
      return { rule, evidence, restart: this.#mayRestart(rule, nowMs) };
    }
    return null;
  }

  /** A restart was made for this rule. */
  restarted(rule: RuleName, nowMs: number): void {
    this.#restarts.set(rule, [...(this.#restarts.get(rule) ?? []), nowMs].slice(-10));
  }

  #holds(rule: RuleName, holds: boolean, nowMs: number): void {
    if (!holds) this.#since.delete(rule);
    else if (!this.#since.has(rule)) this.#since.set(rule, nowMs);
  }

  #mayRestart(rule: RuleName, nowMs: number): boolean {
    const { restarts_max, memory_ms } = this.#rules[rule];
    const recent = (this.#restarts.get(rule) ?? []).filter((at) => nowMs - at < memory_ms);
    return recent.length < restarts_max;
  }

  #evidence(rule: RuleName, shares: ShareFacts | null, nowMs: number): string | null {
    const { after_ms } = this.#rules[rule];
    if (rule === 'no_share') return this.#noShare(shares, after_ms, nowMs);
    const since = this.#since.get(rule);
    if (since === undefined) return null;
    // Starting, or building a DAG: a silent API and a rate of 0 are what is expected.
    let from = rule === 'gpu_lost' || rule === 'cuda_error' ? since : Math.max(since, this.#excusedUntilMs);
    if (rule === 'zero_hashrate' && shares !== null) from = Math.max(from, shares.logged_in_since_ms ?? Infinity);
    if (nowMs - from < after_ms) return null;
    const seconds = Math.round((nowMs - since) / 1000);
    switch (rule) {
      case 'api_silent':
        return `the miner’s API gave no whole answer for ${seconds} s`;
      case 'zero_hashrate':
        return `the miner says 0 H/s for ${seconds} s, ${Math.round((nowMs - this.#startedMs) / 1000)} s after its start`;
      case 'gpu_idle':
        return `GPU ${this.#idle.join(', ')} at 0 H/s for ${seconds} s while others hash`;
      case 'gpu_lost':
        return `the miner’s log told of a lost GPU ${seconds} s ago`;
      case 'cuda_error':
        return `the miner’s log told of a CUDA error ${seconds} s ago`;
    }
  }

  #noShare(shares: ShareFacts | null, leastMs: number, nowMs: number): string | null {
    if (shares?.logged_in_since_ms == null || shares.share_work_hashes === null) return null;
    if (this.#claimed_hs === null || this.#claimed_hs <= 0) return null;
    const intervalMs = (shares.share_work_hashes / this.#claimed_hs) * 1000;
    // Counted from when shares could come: logged in, and past the start or the DAG.
    const from = Math.max(
      shares.logged_in_since_ms,
      shares.last_accepted_ms ?? 0,
      this.#excusedUntilMs - this.#graceMs,
    );
    const waitedMs = nowMs - from;
    if (waitedMs < Math.max(leastMs, SHARE_INTERVALS * intervalMs) || nowMs < this.#excusedUntilMs) return null;
    return (
      `no share was accepted for ${Math.round(waitedMs / 1000)} s; at the claimed ${Math.round(this.#claimed_hs)} H/s ` +
      `one is expected every ${Math.round(intervalMs / 1000)} s`
    );
  }
}
