// Whether an interval holds the truth as often as it says: seeded simulations of miners whose rate is known.
import { describe, expect, it } from 'vitest';
import { poisson, seeded } from '../test/fakes/random.ts';
import { deliveredRate } from './interval.ts';
import { addShare } from './rate-ring.ts';

const WINDOWS = 20_000;
const CONFIDENCE = 0.95;

/** A stretch of the window in which the pool asked for this work per share. */
interface Stretch {
  work_hashes: number;
  /** Expected shares. */
  mean: number;
}

/** How many of the windows have the true rate inside their interval. The work asked last is the last stretch's. */
function coverage(stretches: readonly Stretch[], seed: number): number {
  const random = seeded(seed);
  const truth_hs = stretches.reduce((sum, { work_hashes, mean }) => sum + work_hashes * mean, 0);
  const known = new Map<string, boolean>();
  let covered = 0;
  for (let i = 0; i < WINDOWS; i += 1) {
    const counts = stretches.map(({ mean }) => poisson(mean, random));
    const key = counts.join();
    let isInside = known.get(key);
    if (isInside === undefined) {
      isInside = holds(stretches, counts, truth_hs);
      known.set(key, isInside);
    }
    if (isInside) covered += 1;
  }
  return covered / WINDOWS;
}

function holds(stretches: readonly Stretch[], counts: readonly number[], truth_hs: number): boolean {
  const sums = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, unmeasured: 0 };
  for (const [at, { work_hashes }] of stretches.entries()) {
    for (let n = counts[at] ?? 0; n > 0; n -= 1) addShare(sums, work_hashes);
  }
  const next_share_work_hashes = stretches.at(-1)?.work_hashes ?? null;
  const rate = deliveredRate({ ...sums, window_ms: 1000, confidence: CONFIDENCE, next_share_work_hashes });
  if (rate.low_hs === null || rate.high_hs === null) throw new Error(`no interval for ${counts.join()}`);
  return rate.low_hs <= truth_hs && truth_hs <= rate.high_hs;
}

describe('20,000 windows of a miner at its true rate', () => {
  // Exactly, by the Poisson distribution: 0.9796, 0.9754, 0.9560, 0.9547, 0.9509. A count cannot miss by less than one, so small
  // means are covered more often than asked, and no exact interval can do otherwise.
  it.each([5, 10, 30, 100, 500])(
    'about %d equal shares: the 95 %% interval holds the truth as often as it says',
    (mean) => {
      const share = coverage([{ work_hashes: 4_295_032_833, mean }], mean);
      expect(share).toBeGreaterThanOrEqual(0.945);
      expect(share).toBeLessThanOrEqual(0.985);
    },
  );

  // The rate holds while the pool changes the target, so that a stretch of twice the work has half the shares.
  it.each([
    ['up fourfold, twice', [20, 5, 1.25], [1, 4, 16]],
    ['down by steps of two', [5, 10, 20], [8, 4, 2]],
    ['up sixteenfold, late', [60, 1], [1, 16]],
  ])('the target goes %s: the interval is never too short', (_, means, works) => {
    const stretches = means.map((mean, at) => ({ mean, work_hashes: works[at] ?? 1 }));
    const share = coverage(stretches, means.length);
    expect(share).toBeGreaterThanOrEqual(0.95);
    expect(share).toBeLessThanOrEqual(0.999);
  });
});
