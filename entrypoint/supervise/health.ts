// What the miner is doing, from what is known of it. Pure.
import type { MinerSample } from '../../miners/miner.ts';
import type { MinerState } from '../../wire/records.ts';

/** A sample older than this says nothing about now. Polls are every 5 s; a busy miner misses a few. */
const SAMPLE_FRESH_MS = 60_000;

export interface HealthFacts {
  phase: 'preparing' | 'running' | 'backing_off' | 'stopped';
  nowMonoMs: number;
  startedMonoMs: number;
  /** For that long after a start, or after a DAG began, no hashrate is no fault. */
  graceMs: number;
  /** When a DAG began that is not done yet. */
  dagSinceMonoMs: number | null;
  /** The newest whole answer of the API, and when it came. */
  sample: MinerSample | null;
  sampleMonoMs: number | null;
}

/** The state that the fleet's page shows. */
export function minerState(f: HealthFacts): MinerState {
  if (f.phase !== 'running') return f.phase;
  const fresh = f.sample !== null && f.sampleMonoMs !== null && f.nowMonoMs - f.sampleMonoMs <= SAMPLE_FRESH_MS;
  // A miner that hashes has its DAG, whatever a line that we missed would have said.
  if (fresh && (f.sample?.claimed_hs ?? 0) > 0) return 'hashing';
  if (f.dagSinceMonoMs !== null && f.nowMonoMs - f.dagSinceMonoMs <= f.graceMs) return 'dag';
  return f.nowMonoMs - f.startedMonoMs <= f.graceMs ? 'starting' : 'stalled';
}
