// The life of one order, judged again and again by the product's own verdicts and advice.
import { adviseMachine, type MachineAdvice } from '../../../collector/judge/advice.ts';
import { exposureOf, sumWindows, type ExposureWindow } from '../../../collector/judge/exposure.ts';
import { expectationOf, RECENT_MS, type MachineFacts } from '../../../collector/judge/machine-facts.ts';
import { stepsAt } from '../../../collector/judge/exposure.ts';
import type { OwnRate } from '../../../collector/judge/own-rates.ts';
import { troubleSpans, type PoolSighting } from '../../../collector/judge/troubles.ts';
import { NO_SHARES, type StoredEvent, type Timed } from '../../../collector/store/store.ts';
import type { GpuRecord, HashrateRecord, SharesRecord } from '../../../wire/records.ts';
import { hostGpus, order } from '../../fakes/machine-facts.ts';
import { BOOT, gpuRecord, hashrateRecord, hostRecord, lifecycleRecord, sharesRecord } from '../../fakes/reports.ts';
import { DEV_FEE, type Machine } from './machine.ts';
import type { Pool } from './pool.ts';

const START_MS = Date.UTC(2026, 10, 1);
const POOL = 'stratum+tcp://pool.example:3333';
/** The worker measures its pool about every quarter of an hour. */
const PROBE_S = 1020;
const HOUR_MS = 3_600_000;

export interface LifeOptions {
  machine: Machine;
  pool: Pool;
  days: number;
  /** Workers report each 15 s; longer windows are as good to judge by and take less time. Divides `judge_s` and PROBE_S. */
  report_s: number;
  /** How often it is judged. */
  judge_s: number;
  gpus: number;
  own: readonly OwnRate[];
  /** Whether to end at the first advice to cancel. */
  stopAtCancel: boolean;
}

export interface LifeResult {
  /** Days of the order that passed, and the days (0, 1, …) in which some advice was cancel or worse. */
  days: number;
  bad_days: number[];
  /** The first advice to cancel or worse; null: none came. */
  decision: { at_s: number; expected: number; advice: MachineAdvice } | null;
  last: MachineAdvice | null;
}

/** What should arrive by shares of a machine at the low end of what can be expected, in H/s. */
export function dueOf(expectation: { low_hs: number }): number {
  return expectation.low_hs * (1 - DEV_FEE);
}

/** Runs a life. */
export function live(o: LifeOptions): LifeResult {
  const records = new Records(o);
  const result: LifeResult = { days: o.days, bad_days: [], decision: null, last: null };
  for (let at_s = o.report_s; at_s <= o.days * 86_400; at_s += o.report_s) {
    records.report(at_s);
    if (at_s % o.judge_s !== 0) continue;
    const facts = records.facts(at_s);
    const advice = adviseMachine(facts);
    result.last = advice;
    if (advice.advice !== 'cancel' && advice.advice !== 'blacklist') continue;
    const day = Math.floor((at_s - 1) / 86_400);
    if (result.bad_days.at(-1) !== day) result.bad_days.push(day);
    if (result.decision === null) {
      const due_hs = facts.expectation === null ? 0 : dueOf(facts.expectation);
      const expected = stepsAt(facts.exposure.windows, due_hs).reduce((sum, step) => sum + step.expected, 0);
      result.decision = { at_s, expected, advice };
    }
    if (o.stopAtCancel) break;
  }
  return result;
}

/** What the collector would have stored, as the judge is given it. */
class Records {
  readonly #o: LifeOptions;
  readonly #host: MachineFacts['host'];
  readonly #cards: GpuRecord;
  readonly #order: NonNullable<MachineFacts['order']>;
  #hashrate: Timed<HashrateRecord>[] = [];
  #shares: Timed<SharesRecord>[] = [];
  #events: StoredEvent[] = [];
  #sightings: PoolSighting[] = [];
  /** Exposure up to here is in the windows; the older ones are summed by the hour. */
  #exposedMs = 0;
  #old: ExposureWindow[] = [];
  #windows: ExposureWindow[] = [];
  #excused = exposureOf({ shares: [], hashrate: [], troubles: [] }).excused_ms;
  #delivered = { ...NO_SHARES };

  constructor(o: LifeOptions) {
    this.#o = o;
    this.#host = { at_ms: START_MS, record: hostRecord(START_MS, { gpus: hostGpus(o.gpus), expect: null }) };
    this.#cards = cardsOf(o.gpus);
    this.#order = order({
      ...{ placed_at: new Date(START_MS).toISOString(), expect: [{ model: 'RTX 3070', count: o.gpus }] },
      power_limits_w: Array.from({ length: o.gpus }, () => 150),
    });
  }

  report(at_s: number): void {
    const { machine, pool, report_s } = this.#o;
    const at_ms = START_MS + at_s * 1000;
    const from_s = at_s - report_s;
    const state = machine.state(at_s);
    const step = pool.step(from_s, at_s, (when_s) => {
      const rate_hs = machine.rate_hs(when_s);
      return rate_hs === null ? null : rate_hs * (1 - DEV_FEE);
    });
    const claimed_hs = state === 'hashing' ? (machine.rate_hs(at_s) ?? 0) * machine.world.claim_factor : null;
    const uptime = { miner_uptime_s: machine.uptime_s(at_s), pool: POOL, claimed_gpus: [] };
    this.#hashrate.push({ at_ms, record: hashrateRecord(at_ms, { state, claimed_hs, ...uptime }) });
    const { connected_s, ...counts } = step;
    const window = { window_ms: report_s * 1000, connected_ms: connected_s * 1000, pool: POOL };
    this.#shares.push({ at_ms, record: sharesRecord(at_ms, counts.accepted, { ...counts, ...window }) });
    this.#delivered.records += 1;
    this.#delivered.work_hashes += step.work_hashes;
    this.#delivered.work_sq_hashes2 += step.work_sq_hashes2;
    this.#delivered.work_max_hashes = Math.max(this.#delivered.work_max_hashes, step.work_max_hashes);
    if (machine.world.starts.some((start) => start.at_s > from_s && start.at_s <= at_s)) {
      const record = lifecycleRecord(at_ms, {
        event: 'miner_exited',
        level: 'warn',
        detail: 't-rex ended with code 1',
      });
      this.#events.push({ worker: 'rig-1', boot: BOOT, at_ms, record });
    }
    if (at_s % PROBE_S === 0) {
      const kind = pool.hiccupAt(at_s)?.kind;
      const verdict = kind === 'down' ? 'pool_down' : kind === 'frozen' ? 'blocked:stratum' : 'reachable';
      this.#sightings.push({ at_ms, pool: POOL, verdict });
    }
  }

  facts(at_s: number): MachineFacts {
    const now_ms = START_MS + at_s * 1000;
    this.#expose();
    const recent = <T extends { at_ms: number }>(all: T[]): T[] =>
      all.filter(({ at_ms }) => at_ms > now_ms - RECENT_MS);
    this.#hashrate = recent(this.#hashrate);
    this.#shares = recent(this.#shares);
    this.#events = recent(this.#events);
    this.#sightings = recent(this.#sightings);
    const unheard = this.#o.machine.world.unheard.find(({ from_s, until_s }) => at_s > from_s && at_s < until_s);
    const heard_ms = unheard === undefined ? now_ms : START_MS + unheard.from_s * 1000;
    const heard = <T extends { at_ms: number }>(all: readonly T[]): readonly T[] =>
      unheard === undefined ? all : all.filter(({ at_ms }) => at_ms <= heard_ms);
    const facts: MachineFacts = {
      ...{ worker: 'rig-1', now_ms, listening_since_ms: START_MS, order: this.#order, host: this.#host },
      hello: { stage: 'start', code: 0, at_ms: START_MS },
      last_report_ms: heard_ms,
      ...{ hashrate: heard(this.#hashrate), shares: heard(this.#shares), events: this.#events },
      gpu: heard(gpuRecords(now_ms, this.#cards)),
      exposure: { windows: heard([...this.#old, ...this.#windows]) as ExposureWindow[], excused_ms: this.#excused },
      ...{ delivered: this.#delivered, pool_figures: [], expectation: null, earlier_bad_orders: 0 },
      peers: { reject_share: null, silent_share: null, absent_share: null },
    };
    return { ...facts, expectation: expectationOf(facts, { own: this.#o.own, fleet: [] }) };
  }

  /** Adds what came since the last time. The record before is looked at again, for what it says of the window's begin. */
  #expose(): void {
    const from = Math.max(0, this.#shares.findIndex(({ at_ms }) => at_ms > this.#exposedMs) - 1);
    const first_ms = this.#shares[from]?.at_ms ?? 0;
    const { windows, excused_ms } = exposureOf({
      shares: this.#shares.slice(from),
      hashrate: this.#hashrate.filter(({ at_ms }) => at_ms >= first_ms - 2 * this.#o.report_s * 1000),
      troubles: troubleSpans(this.#sightings),
    });
    this.#windows.push(...windows.filter(({ at_ms }) => at_ms > this.#exposedMs));
    for (const key of Object.keys(excused_ms) as (keyof typeof excused_ms)[]) this.#excused[key] += excused_ms[key];
    this.#exposedMs = this.#shares.at(-1)?.at_ms ?? this.#exposedMs;
    while (this.#exposedMs - (this.#windows[0]?.at_ms ?? Infinity) > 2 * HOUR_MS) {
      const until_ms = (this.#windows[0]?.at_ms ?? 0) + HOUR_MS;
      const count = this.#windows.findIndex(({ at_ms }) => at_ms > until_ms);
      const sum = sumWindows(this.#windows.splice(0, count === -1 ? this.#windows.length : count));
      if (sum !== null) this.#old.push(sum);
    }
  }
}

/** Half an hour of cards that are well: at their power limit, and on risers. */
function gpuRecords(now_ms: number, cards: GpuRecord): Timed<GpuRecord>[] {
  return Array.from({ length: 24 }, (_, i) => ({ at_ms: now_ms - (23 - i) * 75_000, record: cards }));
}

function cardsOf(gpus: number): GpuRecord {
  const record = gpuRecord(START_MS, Array<number>(gpus).fill(147));
  return { ...record, gpus: record.gpus.map((gpu) => ({ ...gpu, power_limit_w: 150 })) };
}
