// Simulations are seeded: they give the same counts every time.
import { describe, expect, it } from 'vitest';
import { poisson, seeded } from '../../test/fakes/random.ts';
import { SEQUENTIAL, sequentialTest, waldExpectedShares, type ShareStep } from './sequential-test.ts';

const MINUTE_MS = 60_000;

/** A machine at `rateAt` of the expected rate, which is `expected` shares in each window. */
function steps(o: {
  rateAt: (i: number) => number;
  windows: number;
  expected: number;
  step_ms?: number;
  random: () => number;
}) {
  return Array.from({ length: o.windows }, (_, i): ShareStep => {
    const at_ms = (i + 1) * (o.step_ms ?? MINUTE_MS);
    return { at_ms, found: poisson(o.expected * o.rateAt(i), o.random), expected: o.expected };
  });
}

describe('the sequential test', () => {
  it('says nothing without shares to expect', () => {
    expect(sequentialTest([])).toMatchObject({ slow_since_ms: null, proven_ms: null, found: 0, expected: 0 });
    const strange = [
      { at_ms: 1, found: 3, expected: 0 },
      { at_ms: 2, found: 0, expected: NaN },
    ];
    expect(sequentialTest(strange)).toMatchObject({ slow_since_ms: null, expected: 0, likelihood: 1 });
  });

  it('weights are of sum 1, as the bound needs', () => {
    expect(SEQUENTIAL.alternatives.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
  });

  it.each([
    ['exactly the expected rate', 1, 12],
    ['5 % more', 1.05, 0],
  ])('is wrong about a machine with %s in at most 1 %% of lives of 20 days', (_, rate, most) => {
    const random = seeded(7);
    let wrong = 0;
    const lives = 300;
    for (let i = 0; i < lives; i += 1) {
      const life = steps({ rateAt: () => rate, windows: 480, expected: 8, step_ms: 60 * MINUTE_MS, random });
      const { expected_at_alarm } = sequentialTest(life);
      wrong += expected_at_alarm === null ? 0 : 1;
    }
    // The bound for both alarms together (1 % from the start, 1 % for changes) is 6 of 300 at the mean; 12 is its 99 % quantile.
    expect(wrong).toBeLessThanOrEqual(most);
  });

  it.each([0.6, 0.75, 0.85, 0.9])('finds a machine at %d of it, with at most 1.3 of Wald’s expected shares', (rate) => {
    const random = seeded(11);
    const runs = 100;
    let found = 0;
    let waited = 0;
    for (let i = 0; i < runs; i += 1) {
      const { expected_at_alarm } = sequentialTest(steps({ rateAt: () => rate, windows: 4000, expected: 1, random }));
      found += expected_at_alarm === null ? 0 : 1;
      waited += expected_at_alarm ?? 0;
    }
    expect(found).toBe(runs);
    expect(waited / found).toBeLessThanOrEqual(1.3 * waldExpectedShares(rate, 0.01, 0.01));
  });

  it('finds a machine that was good for ten days and then slows down', () => {
    const change = 2400;
    const run = sequentialTest(
      steps({ rateAt: (i) => (i < change ? 1 : 0.6), windows: 3000, expected: 3, step_ms: 6 * MINUTE_MS, random: seeded(3) }), // prettier-ignore
    );
    const late_ms = (run.slow_since_ms ?? Infinity) - change * 6 * MINUTE_MS;
    expect(run.proven_ms).toBeLessThan(change * 6 * MINUTE_MS);
    expect(late_ms).toBeGreaterThan(0);
    // ln 480 more evidence than from the start: about two and a half times Wald's 48 expected shares.
    expect((late_ms / MINUTE_MS / 6) * 3).toBeLessThan(200);
  });

  it('ends an alarm when the machine delivers again, and can find it slow once more', () => {
    const rateAt = (i: number): number => (i < 300 ? 0.5 : i < 1500 ? 1.05 : 0.5);
    const run = (windows: number) => sequentialTest(steps({ rateAt, windows, expected: 3, random: seeded(5) }));
    expect(run(300).slow_since_ms).toBeLessThan(300 * MINUTE_MS);
    const well = run(1500);
    expect(well.slow_since_ms).toBeNull();
    expect(well.recovered_ms).toBeGreaterThan(300 * MINUTE_MS);
    expect(run(1900).slow_since_ms).toBeGreaterThan(1500 * MINUTE_MS);
  });

  it('keeps the alarm while the machine is as slow as it was', () => {
    const run = sequentialTest(steps({ rateAt: () => 0.8, windows: 4000, expected: 2, random: seeded(9) }));
    expect(run.slow_since_ms).not.toBeNull();
    expect(run.recovered_ms).toBeNull();
  });

  it('is the same over windows of any work: what counts is how many shares were expected', () => {
    const fine = steps({ rateAt: () => 0.7, windows: 400, expected: 0.5, random: seeded(21) });
    const merged = fine.flatMap((step, i) => {
      const before = fine[i - 1];
      return i % 2 === 1 && before !== undefined
        ? [{ at_ms: step.at_ms, found: step.found + before.found, expected: step.expected + before.expected }]
        : [];
    });
    const [a, b] = [sequentialTest(fine), sequentialTest(merged)];
    expect(b.found).toBe(a.found);
    expect(Math.abs((a.slow_since_ms ?? NaN) - (b.slow_since_ms ?? NaN))).toBeLessThanOrEqual(15 * MINUTE_MS);
  });

  it('a dead machine is found and its numbers stay finite', () => {
    const run = sequentialTest(steps({ rateAt: () => 0, windows: 5000, expected: 10, random: seeded(1) }));
    expect(run.slow_since_ms).toBe(2 * MINUTE_MS);
    expect(Number.isFinite(run.likelihood)).toBe(true);
  });

  it.each([
    [0.8, 209.6],
    [0.6, 48.1],
  ])('Wald’s expected number at %d is %d shares', (rate, shares) => {
    expect(waldExpectedShares(rate, 0.01, 0.01)).toBeCloseTo(shares, 0);
  });
});
