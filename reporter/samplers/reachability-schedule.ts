// When a worker's next run is due, and what it must not forget when it is killed: a worker that starts again every minute must
// not hammer pools.
import { messageOf } from '../../platform/errors.ts';
import { readStateSlot, StateSlot } from '../../platform/state-slot.ts';
import type { ProbeProfile } from '../net/profile.ts';

/** Pools that are remembered; an order names fewer. */
const POOLS_MAX = 32;
/** Of the file: every boot's, because pools do not care which boot comes. */
const OWNER = 'prober';

/** What outlives the process; Unix ms. */
export interface ProbeTimes {
  /** Begin of the last run; null before the first. */
  run_ms: number | null;
  bulk_ms: number | null;
  /** The last connection to each pool. */
  rest: Map<string, number>;
}

export type RunTimers = Pick<ProbeProfile, 'first_run_ms' | 'run_min_ms' | 'run_max_ms' | 'fault_run_min_ms'>;

/**
 * How long until the next run. Regular ones are 15 to 20 minutes apart, at random, so that a fleet that was ordered at one
 * moment does not come to its pools at one moment; one that a fault asks for comes sooner, and never at once after another.
 */
export function untilNextRunMs(o: {
  nowMs: number;
  lastRunMs: number | null;
  isFault: boolean;
  timers: RunTimers;
  random: () => number;
}): number {
  const { nowMs, lastRunMs, isFault, timers, random } = o;
  if (lastRunMs === null) return isFault ? 0 : timers.first_run_ms;
  // The wall clock may have been set back since.
  const sinceMs = Math.max(0, nowMs - lastRunMs);
  const pauseMs = isFault
    ? timers.fault_run_min_ms
    : timers.run_min_ms + random() * (timers.run_max_ms - timers.run_min_ms);
  return Math.max(0, pauseMs - sinceMs);
}

/** The times on disk, written before each run begins and after it ends. */
export class ProbeTimesFile {
  readonly times: ProbeTimes;
  readonly #slot: StateSlot;

  /** Throws system errors where the file cannot be opened. A damaged one counts as none. */
  constructor(path: string) {
    this.times = readTimes(readStateSlot(path, OWNER));
    this.#slot = new StateSlot(path, OWNER);
  }

  /** What went wrong, or null. */
  save(): string | null {
    const { run_ms, bulk_ms, rest } = this.times;
    const newest = [...rest].toSorted(([, a], [, b]) => b - a).slice(0, POOLS_MAX);
    try {
      this.#slot.write({ run_ms, bulk_ms, rest: newest.map(([pool, ms]) => [pool.slice(0, 80), Math.round(ms)]) });
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  close(): void {
    this.#slot.close();
  }
}

function readTimes(saved: unknown): ProbeTimes {
  const { run_ms, bulk_ms, rest } = (typeof saved === 'object' && saved !== null ? saved : {}) as Record<
    string,
    unknown
  >;
  const time = (value: unknown): number | null => (typeof value === 'number' && value >= 0 ? value : null);
  const pools = (Array.isArray(rest) ? rest : []).filter(
    (pair): pair is [string, number] => Array.isArray(pair) && typeof pair[0] === 'string' && time(pair[1]) !== null,
  );
  return { run_ms: time(run_ms), bulk_ms: time(bulk_ms), rest: new Map(pools) };
}
