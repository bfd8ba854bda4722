// A worker's last hours as columns for a plot. Pure.
import type { SeriesAnswer } from '../../wire/api.ts';
import type { GpuRecord, HashrateRecord, SharesRecord } from '../../wire/records.ts';
import { NO_SHARES, type SharesSums, type Timed } from '../store/store.ts';
import { ROLLUP_SPANS_MS, type Rollup, type RollupSpan } from '../store/machine-store.ts';
import { unmeasuredOf } from '../store/rollup-sums.ts';
import { DELIVERED_WINDOW_MS, type Delivered, deliveredOf } from './delivered.ts';
import { sumOrNull } from './worker-row.ts';

/** More points than this no screen shows. */
export const SERIES_POINTS_MAX = 720;
/** Workers report about this often; smaller buckets would be empty every other time. */
const BUCKET_MIN_MS = 15_000;

/**
 * Columns from `since_ms` to `now_ms`. A bucket's claimed hashrate and power are means, its temperature the hottest GPU's, its
 * shares a count; the delivered hashrate is of the ten minutes that end with the bucket. Null: nothing known in it.
 * The records are oldest first; shares should begin a delivered window before `since_ms`.
 */
export function seriesOf(o: {
  hashrate: readonly Timed<HashrateRecord>[];
  shares: readonly Timed<SharesRecord>[];
  gpu: readonly Timed<GpuRecord>[];
  since_ms: number;
  now_ms: number;
}): SeriesAnswer {
  const bucket_ms = Math.max(BUCKET_MIN_MS, Math.ceil((o.now_ms - o.since_ms) / SERIES_POINTS_MAX));
  const count = Math.ceil((o.now_ms - o.since_ms) / bucket_ms);
  // Ends are counted back from now, so that the newest bucket is a whole one.
  const ends = Array.from({ length: count }, (_, i) => o.now_ms - (count - 1 - i) * bucket_ms);
  const indexOf = (at_ms: number): number => count - 1 - Math.floor((o.now_ms - at_ms) / bucket_ms);

  const hashrate = bucketed(o.hashrate, count, indexOf);
  const shares = bucketed(o.shares, count, indexOf);
  const gpu = bucketed(o.gpu, count, indexOf);
  const delivered = slidingDelivered(o.shares, ends);
  return {
    t: ends.map((end) => end / 1000),
    claimed_hs: hashrate.map((found) => meanOrNull(found.map((record) => record.claimed_hs))),
    delivered_hs: delivered.map((value) => value.delivered_hs),
    delivered_low_hs: delivered.map((value) => value.delivered_low_hs),
    delivered_high_hs: delivered.map((value) => value.delivered_high_hs),
    accepted: shares.map((found) => sumOrNull(found.map((record) => record.accepted))),
    rejected: shares.map((found) => sumOrNull(found.map((record) => record.rejected))),
    power_w: gpu.map((found) => meanOrNull(found.map((record) => sumOrNull(record.gpus.map((g) => g.power_w))))),
    temperature_c: gpu.map((found) => maxOrNull(found.flatMap((r) => r.gpus.map((g) => g.temperature_c)))),
  };
}

/**
 * The same columns from sums of minutes or hours, oldest first: a point is a whole number of spans. Those should begin a
 * delivered window before `since_ms`.
 */
export function seriesOfRollups(o: {
  rollups: readonly Rollup[];
  span: RollupSpan;
  since_ms: number;
  now_ms: number;
}): SeriesAnswer {
  const span_ms = ROLLUP_SPANS_MS[o.span];
  const spans = Math.max(1, Math.ceil((o.now_ms - o.since_ms) / span_ms / SERIES_POINTS_MAX));
  const bucket_ms = spans * span_ms;
  // The end of the span that is now, so that every sum falls into one bucket as a whole.
  const end_ms = Math.ceil(o.now_ms / span_ms) * span_ms;
  const count = Math.ceil((end_ms - o.since_ms) / bucket_ms);
  const ends = Array.from({ length: count }, (_, i) => end_ms - (count - 1 - i) * bucket_ms);
  const lookback_ms = Math.max(bucket_ms, DELIVERED_WINDOW_MS);
  const within = (from_ms: number, to_ms: number): Rollup[] =>
    o.rollups.slice(firstAt(o.rollups, from_ms), firstAt(o.rollups, to_ms));
  const found = ends.map((end) => within(end - bucket_ms, end));
  const delivered = ends.map((end) => {
    const shares = within(end - lookback_ms, end).filter(({ records }) => records > 0);
    return deliveredOf(addSums(shares), null);
  });
  const columnOf = (pick: (rollup: Rollup) => number | null): (number | null)[] =>
    found.map((rollups) => sumOrNull(rollups.map(pick)));
  const meansOf = (sum: (rollup: Rollup) => number, n: (rollup: Rollup) => number): (number | null)[] =>
    found.map((rollups) => {
      const total = sumOrNull(rollups.map(n)) ?? 0;
      return total === 0 ? null : (sumOrNull(rollups.map(sum)) ?? 0) / total;
    });
  return {
    t: ends.map((end) => end / 1000),
    claimed_hs: meansOf(
      (rollup) => rollup.claimed_sum_hs,
      (rollup) => rollup.claimed_n,
    ),
    delivered_hs: delivered.map((value) => value.delivered_hs),
    delivered_low_hs: delivered.map((value) => value.delivered_low_hs),
    delivered_high_hs: delivered.map((value) => value.delivered_high_hs),
    accepted: columnOf((rollup) => (rollup.records === 0 ? null : rollup.accepted)),
    rejected: columnOf((rollup) => (rollup.records === 0 ? null : rollup.rejected)),
    power_w: meansOf(
      (rollup) => rollup.power_sum_w,
      (rollup) => rollup.power_n,
    ),
    temperature_c: found.map((rollups) => maxOrNull(rollups.map((rollup) => rollup.temperature_max_c))),
  };
}

/** Index of the first that begins at this moment or later. */
function firstAt(rollups: readonly Rollup[], at_ms: number): number {
  let low = 0;
  let high = rollups.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rollups[middle]?.t_ms ?? Infinity) < at_ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bucketed<T>(records: readonly Timed<T>[], count: number, indexOf: (at_ms: number) => number): T[][] {
  const buckets: T[][] = Array.from({ length: count }, () => []);
  for (const { at_ms, record } of records) buckets[indexOf(at_ms)]?.push(record);
  return buckets;
}

/** For each end, what the shares of the ten minutes before it prove. */
function slidingDelivered(shares: readonly Timed<SharesRecord>[], ends: readonly number[]): Delivered[] {
  let from = 0;
  let to = 0;
  return ends.map((end) => {
    while (to < shares.length && (shares[to]?.at_ms ?? Infinity) <= end) to++;
    while (from < to && (shares[from]?.at_ms ?? Infinity) <= end - DELIVERED_WINDOW_MS) from++;
    // Added anew each time: subtracting floats would leave a rest where nothing was delivered.
    const newest = shares[to - 1]?.record.share_work_hashes ?? null;
    return deliveredOf(sumShares(shares.slice(from, to)), newest);
  });
}

function sumShares(shares: readonly Timed<SharesRecord>[]): SharesSums {
  return addSums(shares.map(({ record }) => ({ ...record, records: 1, unmeasured: unmeasuredOf(record) })));
}

function addSums(all: readonly SharesSums[]): SharesSums {
  const sums = { ...NO_SHARES };
  for (const one of all) {
    sums.records += one.records;
    sums.window_ms += one.window_ms;
    sums.work_hashes += one.work_hashes;
    sums.work_sq_hashes2 += one.work_sq_hashes2;
    sums.work_max_hashes = Math.max(sums.work_max_hashes, one.work_max_hashes);
    sums.unmeasured += one.unmeasured;
  }
  return sums;
}

function meanOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : (sumOrNull(known) ?? 0) / known.length;
}

function maxOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
