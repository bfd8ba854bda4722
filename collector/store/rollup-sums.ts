// Sums of records over minutes and hours. Pure.
import type { GpuRecord, HashrateRecord, SharesRecord } from '../../wire/records.ts';
import { ROLLUP_SPANS_MS, type Rollup, type RollupSpan } from './machine-store.ts';

/** Kinds that are summed. */
export const ROLLUP_KINDS = ['hashrate', 'shares', 'gpu'] as const;
export type RollupRecord = HashrateRecord | SharesRecord | GpuRecord;

/** Of a span without a record. */
export function emptyRollup(t_ms: number): Rollup {
  return {
    ...{ t_ms, claimed_sum_hs: 0, claimed_n: 0, records: 0, window_ms: 0, connected_ms: 0 },
    ...{ work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, unmeasured: 0 },
    ...{ accepted: 0, rejected: 0, stale: 0, unanswered: 0, power_sum_w: 0, power_n: 0, temperature_max_c: null },
  };
}

/** The span that a moment falls into. */
export function spanStart(span: RollupSpan, at_ms: number): number {
  return Math.floor(at_ms / ROLLUP_SPANS_MS[span]) * ROLLUP_SPANS_MS[span];
}

/** Adds a record to a sum. */
export function addToRollup(sum: Rollup, record: RollupRecord): void {
  if (record.kind === 'hashrate') {
    if (record.claimed_hs === null) return;
    sum.claimed_sum_hs += record.claimed_hs;
    sum.claimed_n += 1;
  } else if (record.kind === 'shares') addShares(sum, record);
  else addGpus(sum, record);
}

function addShares(sum: Rollup, record: SharesRecord): void {
  sum.records += 1;
  sum.window_ms += record.window_ms;
  sum.connected_ms += record.connected_ms;
  sum.work_hashes += record.work_hashes;
  sum.work_sq_hashes2 += record.work_sq_hashes2;
  sum.work_max_hashes = Math.max(sum.work_max_hashes, record.work_max_hashes);
  sum.unmeasured += unmeasuredOf(record);
  sum.accepted += record.accepted;
  sum.rejected += record.rejected;
  sum.stale += record.stale;
  sum.unanswered += record.unanswered;
}

function addGpus(sum: Rollup, record: GpuRecord): void {
  const powers = record.gpus.flatMap(({ power_w }) => (power_w === null ? [] : [power_w]));
  if (powers.length > 0) {
    sum.power_sum_w += powers.reduce((total, power_w) => total + power_w, 0);
    sum.power_n += 1;
  }
  const temperatures = record.gpus.flatMap(({ temperature_c }) => (temperature_c === null ? [] : [temperature_c]));
  if (temperatures.length > 0) sum.temperature_max_c = Math.max(sum.temperature_max_c ?? -Infinity, ...temperatures);
}

/** Accepted shares whose work is not known; in a dialect that is not read nothing is counted, which is not nothing delivered. */
export function unmeasuredOf(record: SharesRecord): number {
  return record.unmeasured + (record.dialect === 'unknown' && record.pool !== null ? 1 : 0);
}
