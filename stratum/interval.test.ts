import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deliveredRate } from './interval.ts';

/** n shares of equal work over one second. */
function equalShares(n: number, work = 1, confidence = 0.95): ReturnType<typeof deliveredRate> {
  return deliveredRate({
    work_hashes: n * work,
    work_sq_hashes2: n * work * work,
    work_max_hashes: n === 0 ? 0 : work,
    next_share_work_hashes: work,
    window_ms: 1000,
    confidence,
  });
}

describe('deliveredRate', () => {
  // Garwood's 95 % table as reprinted in Pearson and Hartley, Biometrika Tables I, table 40.
  it.each([
    [0, 0, 3.689],
    [1, 0.0253, 5.572],
    [2, 0.2422, 7.225],
    [5, 1.623, 11.67],
    [10, 4.795, 18.39],
    [30, 20.24, 42.83],
    [50, 37.11, 65.92],
  ])('gives the table of Garwood for %d equal shares', (n, low, high) => {
    const rate = equalShares(n);
    expect(rate.rate_hs).toBe(n);
    expect(rate.low_hs).toBeCloseTo(low, low > 10 ? 2 : 3);
    expect(rate.high_hs).toBeCloseTo(high, high > 10 ? 2 : 3);
  });

  it('is 99.9 % when nothing else is asked, and per second', () => {
    const sums = { work_hashes: 5e9, work_sq_hashes2: 5e18, work_max_hashes: 1e9 };
    const rate = deliveredRate({ ...sums, window_ms: 60_000 });
    expect(rate.rate_hs).toBeCloseTo(5e9 / 60, 3);
    const explicit = deliveredRate({ ...sums, window_ms: 60_000, confidence: 0.999 });
    expect(rate).toEqual(explicit);
  });

  it('holds low ≤ rate ≤ high, scales with the work, and stays finite for any shares', () => {
    const works = fc.array(fc.double({ min: 1, max: 1e30, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(works, fc.double({ min: 1, max: 1e9, noNaN: true }), (shares, window_ms) => {
        const rate = deliveredRate({
          work_hashes: shares.reduce((sum, w) => sum + w, 0),
          work_sq_hashes2: shares.reduce((sum, w) => sum + w * w, 0),
          work_max_hashes: Math.max(...shares),
          window_ms,
        });
        expect(rate.rate_hs).not.toBeNull();
        expect(rate.low_hs).toBeLessThanOrEqual(rate.rate_hs ?? 0);
        expect(rate.high_hs).toBeGreaterThanOrEqual(rate.rate_hs ?? 0);
      }),
    );
  });

  it('says nothing where nothing can be known', () => {
    const unknown = { rate_hs: null, low_hs: null, high_hs: null };
    const sums = { work_hashes: 10, work_sq_hashes2: 10, work_max_hashes: 1 };
    expect(deliveredRate({ ...sums, window_ms: 0 })).toEqual(unknown);
    expect(deliveredRate({ ...sums, window_ms: Number.NaN })).toEqual(unknown);
    const noShares = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, window_ms: 1000 };
    expect(deliveredRate(noShares)).toEqual({ rate_hs: 0, low_hs: 0, high_hs: null });
  });

  it('knows a lower bound alone where shares of unknown work were accepted too', () => {
    const sums = { work_hashes: 10, work_sq_hashes2: 10, work_max_hashes: 1, window_ms: 1000 };
    const { low_hs } = deliveredRate(sums);
    expect(deliveredRate({ ...sums, unmeasured: 0 })).toEqual(deliveredRate(sums));
    expect(deliveredRate({ ...sums, unmeasured: 1 })).toEqual({ rate_hs: null, low_hs, high_hs: null });
    const none = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, window_ms: 1000, unmeasured: 3 };
    expect(deliveredRate(none)).toEqual({ rate_hs: null, low_hs: null, high_hs: null });
  });

  it('refuses sums that no shares can have, and never hangs on absurd ones', () => {
    const window_ms = 1000;
    for (const [work_hashes, work_sq_hashes2, work_max_hashes] of [
      [10, 1000, 1],
      [10, 0, 1],
      [10, 10, 0],
      [1, 100, 10],
      [0, 1, 1],
      [Infinity, Infinity, Infinity],
      [Number.NaN, 1, 1],
    ] as const) {
      const rate = deliveredRate({ work_hashes, work_sq_hashes2, work_max_hashes, window_ms });
      expect(rate.rate_hs).toBeNull();
    }
    const many = deliveredRate({ work_hashes: 1e200, work_sq_hashes2: 1e200, work_max_hashes: 1, window_ms });
    expect(many.low_hs).toBeCloseTo(1e200, -192);
  });
});
