// Which windows of shares speak of the machine, and how many shares each should have brought. Pure.
//
// What is left out is left out whole, shares and time, and for reasons that the count of shares has no part in: else honest machines
// would look slow, or slow ones honest.
import { deliveredRate, type DeliveredRate } from '../../stratum/interval.ts';
import type { HashrateRecord, SharesRecord } from '../../wire/records.ts';
import type { Timed } from '../store/store.ts';
import type { ShareStep } from './sequential-test.ts';

/** A span in which the pool or the path to it was at fault, by the verdicts on reachability. */
export interface TroubleSpan {
  from_ms: number;
  until_ms: number;
  /** The pool's url as records have it; null: every pool (the worker's own line). */
  pool: string | null;
}

/** Why time does not count for or against a machine. */
export const EXCUSES = ['not_hashing', 'starting', 'not_connected', 'pool_trouble', 'work_unknown'] as const;
export type Excuse = (typeof EXCUSES)[number];

/** A window that counts. */
export interface ExposureWindow {
  at_ms: number;
  /** Time in which a miner was logged in. */
  exposure_ms: number;
  /** Shares expected for each H/s: Σ seconds / hashes per share. */
  shares_per_hs: number;
  /**
   * Shares that the machine found: accepted ones (also of a target that the meter had missed), unanswered and stale ones. Stale is the path's or the pool's doing, and an answer that
   * never came is nobody's: the rule `rejects` speaks of them, and speed is not blamed a second time.
   */
  found: number;
  /** What the miner claimed then; null: it did not say. */
  claimed_hs: number | null;
}

export interface Exposure {
  windows: ExposureWindow[];
  excused_ms: Record<Excuse, number>;
}

/** After a start rates are of no meaning: the DAG, and the first averages (facts/miners.md section 4). */
const START_GRACE_S = 180;
/** Records of one report bear moments some milliseconds apart; reports come every 15 s. */
const NEAR_MS = 5000;
/** A state says nothing of what happens longer after it. */
const STATE_MAX_AGE_MS = 120_000;

/** Records are oldest first. */
export function exposureOf(o: {
  shares: readonly Timed<SharesRecord>[];
  hashrate: readonly Timed<HashrateRecord>[];
  troubles: readonly TroubleSpan[];
  /** Age of a miner, in seconds, before its rate means anything; a rig with a small DAG needs less. */
  start_grace_s?: number;
}): Exposure {
  const excused_ms: Exposure['excused_ms'] = {
    ...{ not_hashing: 0, starting: 0, not_connected: 0, pool_trouble: 0, work_unknown: 0 },
  };
  const grace_s = o.start_grace_s ?? START_GRACE_S;
  const windows: ExposureWindow[] = [];
  let next = 0;
  let earlier: SharesRecord | null = null;
  for (const { at_ms, record } of o.shares) {
    while (next < o.hashrate.length && (o.hashrate[next]?.at_ms ?? Infinity) <= at_ms + NEAR_MS) next += 1;
    const now = o.hashrate[next - 1];
    const before = o.hashrate[next - 2];
    const span = { from_ms: at_ms - record.window_ms, until_ms: at_ms };
    const work = meanWork(earlier?.pool === record.pool ? earlier.share_work_hashes : null, record.share_work_hashes);
    earlier = record;
    excused_ms.not_connected += Math.max(0, record.window_ms - record.connected_ms);
    if (record.connected_ms <= 0) continue;
    const excuse = excuseOf({ ...{ span, pool: record.pool, now, before, work }, grace_s, troubles: o.troubles });
    if (excuse !== null || work === null) {
      excused_ms[excuse ?? 'work_unknown'] += record.connected_ms;
      continue;
    }
    windows.push({
      at_ms,
      exposure_ms: record.connected_ms,
      shares_per_hs: record.connected_ms / 1000 / work,
      found: record.accepted + record.unanswered + record.stale,
      claimed_hs: now?.record.claimed_hs ?? null,
    });
  }
  return { windows, excused_ms };
}

/** One window for many, as long as the sums stand for all of them; null for none. Tests of the sum see less often, and not less. */
export function sumWindows(windows: readonly ExposureWindow[]): ExposureWindow | null {
  const last = windows.at(-1);
  if (last === undefined) return null;
  const sum = { at_ms: last.at_ms, exposure_ms: 0, shares_per_hs: 0, found: 0 };
  let claimed = 0;
  let claimedPerHs = 0;
  for (const window of windows) {
    sum.exposure_ms += window.exposure_ms;
    sum.shares_per_hs += window.shares_per_hs;
    sum.found += window.found;
    if (window.claimed_hs === null) continue;
    claimed += window.claimed_hs * window.shares_per_hs;
    claimedPerHs += window.shares_per_hs;
  }
  return { ...sum, claimed_hs: claimedPerHs > 0 ? claimed / claimedPerHs : null };
}

/** The rate that windows prove, with its 99.9 % interval (Garwood: shares are counted, each worth what was asked). */
export function rateOf(windows: readonly ExposureWindow[]): DeliveredRate {
  const found = windows.reduce((total, window) => total + window.found, 0);
  const per_hs = windows.reduce((total, window) => total + window.shares_per_hs, 0);
  const unit = found > 0 ? 1 : 0;
  const sums = { work_hashes: found, work_sq_hashes2: found, work_max_hashes: unit, window_ms: per_hs * 1000 };
  return deliveredRate({ ...sums, next_share_work_hashes: 1 });
}

/** What a test of a fixed rate sees: `rate_hs` is what should arrive by shares. */
export function stepsAt(windows: readonly ExposureWindow[], rate_hs: number): ShareStep[] {
  return windows.map(({ at_ms, found, shares_per_hs }) => ({ at_ms, found, expected: shares_per_hs * rate_hs }));
}

/** What a test of the claims sees; windows without a claim are left out. `share`: of a claim that must arrive. */
export function stepsOfClaims(windows: readonly ExposureWindow[], share: number): ShareStep[] {
  return windows.flatMap(({ at_ms, found, shares_per_hs, claimed_hs }) =>
    claimed_hs === null ? [] : [{ at_ms, found, expected: shares_per_hs * claimed_hs * share }],
  );
}

function excuseOf(o: {
  span: { from_ms: number; until_ms: number };
  pool: string | null;
  now: Timed<HashrateRecord> | undefined;
  before: Timed<HashrateRecord> | undefined;
  work: number | null;
  grace_s: number;
  troubles: readonly TroubleSpan[];
}): Excuse | null {
  const { span, now, before } = o;
  if (now === undefined || span.until_ms - now.at_ms > STATE_MAX_AGE_MS) return 'not_hashing';
  // The state at the window's begin, where it is known: a miner that was building its DAG then has hashed for a part of it only.
  const wasBefore = before !== undefined && now.at_ms - before.at_ms <= STATE_MAX_AGE_MS ? before.record.state : null;
  for (const state of [now.record.state, wasBefore]) {
    if (state === 'starting' || state === 'dag') return 'starting';
    // A miner that stalls while it is logged in is the machine's doing.
    if (state !== null && state !== 'hashing' && state !== 'stalled') return 'not_hashing';
  }
  const uptime_s = now.record.miner_uptime_s;
  if (uptime_s !== null && uptime_s < o.grace_s) return 'starting';
  const troubled = o.troubles.some(
    (trouble) =>
      (trouble.pool === null || trouble.pool === o.pool) &&
      trouble.from_ms < span.until_ms &&
      trouble.until_ms > span.from_ms,
  );
  if (troubled) return 'pool_trouble';
  return o.work === null ? 'work_unknown' : null;
}

/**
 * Hashes per share over a window: the harmonic mean of what was asked at its two ends, since shares come by 1/work, and the pool may
 * have changed it at any moment in between. null: not known.
 */
function meanWork(begin: number | null, end: number | null): number | null {
  if (end === null || end <= 0) return null;
  if (begin === null || begin <= 0) return end;
  return 2 / (1 / begin + 1 / end);
}
