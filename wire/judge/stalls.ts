// Connections that worked and died, and transfers that crawled.
import type { Bulk, ReachabilityRecord, Stall } from '../reachability.ts';
import type { Thresholds } from './thresholds.ts';

export interface Freeze {
  /** What was counted the same again; null: seen once. */
  same: 'bytes' | 'packets' | 'age' | null;
  count: number;
  /** How often that count was seen. */
  times: number;
  /** Both within this sample: nothing else can have changed meanwhile. */
  isWithinSample: boolean;
  /** The kernel saw that our bytes were swallowed. */
  isUnacked: boolean;
}

export interface Slow {
  bits_per_s: number;
  baseline_bits_per_s: number;
}

export interface Stalls {
  freeze: Freeze | null;
  /** A connection that died after it had been idle: nobody's fault for certain. */
  idleKill: Stall | null;
  /** A connection that died in silence or by a reset before its time. */
  early: Stall | null;
  slow: Slow | null;
}

/** One thing that stood still, by whatever was counted of it. */
interface Frozen {
  bytes: number | null;
  packets: number | null;
  age_ms: number | null;
  isUnacked: boolean;
}

export function stallsOf(record: ReachabilityRecord, history: readonly ReachabilityRecord[], t: Thresholds): Stalls {
  const now = frozenOf(record, t);
  const before = history
    .filter((old) => old.at_ms < record.at_ms && record.at_ms - old.at_ms <= t.stall_history_ms)
    .flatMap((old) => frozenOf(old, t));
  const dead = record.stalls.filter((stall) => stall.end === 'silence' || stall.end === 'rst');
  const isIdle = (stall: Stall): boolean => (stall.idle_ms ?? 0) >= t.idle_kill_ms;
  return {
    freeze: freezeOf(now, before, t),
    idleKill: dead.find(isIdle) ?? null,
    early: dead.find((stall) => !isIdle(stall)) ?? null,
    slow: slowOf(record, t),
  };
}

/**
 * What froze. A pool may be quiet: silence counts only where our own bytes were not acknowledged. Where nobody knows, it
 * counts only together with another one (freezeOf).
 */
function frozenOf(record: ReachabilityRecord, t: Thresholds): Frozen[] {
  const stalls = record.stalls.filter(
    (stall) => stall.end === 'silence' && stall.tx_unacked_bytes !== 0 && (stall.idle_ms ?? 0) < t.idle_kill_ms,
  );
  return [
    ...stalls.map(({ raw_bytes, packets, age_ms, tx_unacked_bytes }) => ({
      bytes: raw_bytes,
      packets,
      age_ms,
      isUnacked: (tx_unacked_bytes ?? 0) > 0,
    })),
    ...record.bulk.filter((bulk) => isOwn(bulk, record) && isFrozen(bulk)).map(frozenBulk),
  ];
}

const frozenBulk = ({ form, moved }: Bulk): Frozen => ({
  bytes: form === 'messages' ? null : moved,
  packets: form === 'messages' ? moved : null,
  age_ms: null,
  isUnacked: true,
});

/** Bulk is never spoken to a pool; what freezes at the collector says something of the collector's own endpoint only. */
const isOwn = (bulk: Bulk, { target }: ReachabilityRecord): boolean =>
  (target.role === 'collector' && bulk.peer === 'collector') ||
  (target.role === 'baseline' && bulk.peer === 'baseline');

/** Something came through before it stood still: a path that loses every large packet moves nothing at all. */
const isFrozen = (bulk: Bulk): boolean =>
  bulk.failure === 'generic_timeout_error' && bulk.moved > 0 && bulk.moved < bulk.wanted;

function freezeOf(now: readonly Frozen[], before: readonly Frozen[], t: Thresholds): Freeze | null {
  const [last] = now;
  const isUnacked = now.some((frozen) => frozen.isUnacked);
  if (last === undefined) return null;
  for (const [same, of] of COUNTS) {
    const count = now.map(of).find((value) => value !== null);
    if (count === undefined || count === null) continue;
    const isSame = (frozen: Frozen): boolean => {
      const value = of(frozen);
      return value !== null && Math.abs(value - count) <= t.same_count_share * Math.max(value, count);
    };
    const here = now.filter(isSame).length;
    const times = here + before.filter(isSame).length;
    if (times > 1) return { same, count, times, isWithinSample: here > 1, isUnacked };
  }
  return { same: null, count: last.bytes ?? last.packets ?? 0, times: 1, isWithinSample: false, isUnacked };
}

const COUNTS: readonly (readonly ['bytes' | 'packets' | 'age', (frozen: Frozen) => number | null])[] = [
  ['bytes', (frozen) => frozen.bytes],
  ['packets', (frozen) => frozen.packets],
  ['age', (frozen) => frozen.age_ms],
];

/** A low plateau towards the collector while the baseline's transfers of the same form run. */
function slowOf(record: ReachabilityRecord, t: Thresholds): Slow | null {
  if (record.target.role !== 'collector') return null;
  for (const form of ['push', 'pull'] as const) {
    const own = fastest(record.bulk, 'collector', form, t.slow_min_bytes);
    const baseline = fastest(record.bulk, 'baseline', form, 1);
    if (own === null || baseline === null) continue;
    if (own <= t.slow_bits_per_s && baseline >= t.slow_factor * own)
      return { bits_per_s: own, baseline_bits_per_s: baseline };
  }
  return null;
}

function fastest(all: readonly Bulk[], peer: Bulk['peer'], form: Bulk['form'], minBytes: number): number | null {
  const some = all.filter((b) => b.peer === peer && b.form === form && b.moved >= minBytes && b.ms > 0);
  return some.length === 0 ? null : Math.max(...some.map((b) => (b.moved * 8000) / b.ms));
}
