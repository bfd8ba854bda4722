// The quick form of npm run bench:judge: the same lives by the same seeds, fewer of them.
import { describe, expect, it } from 'vitest';
import { simulate, summaryOf, tableOf, WRONG_DAYS_MAX } from '../bench/judge/simulate.ts';

/** It computes all the time, and others may do so too. */
const LIMIT_MS = 900_000;

describe('machines with a known truth', { timeout: LIMIT_MS }, () => {
  it('honest ones are left alone, slow ones are found, and about as soon as can be', async () => {
    const outcomes = await simulate({ seed: 1, days: 150, lanes: 2 });
    console.log(`${tableOf(outcomes)}\n${summaryOf(outcomes)}`);
    for (const { scenario, tally, wald } of outcomes) {
      if (scenario.of_low === null) {
        expect(tally.days).toBeGreaterThanOrEqual(150);
        expect(tally.bad_days / tally.days).toBeLessThanOrEqual(WRONG_DAYS_MAX);
      }
      if (!scenario.hides) continue;
      expect(tally.decided).toBe(tally.lives);
      // Eight lives scatter by a third around the mean that the whole bench shows.
      expect(wald).toBeLessThan(2);
    }
  });

  it('the same seed gives the same outcome, whatever the number of threads', async () => {
    const run = async (lanes: number) => (await simulate({ seed: 5, days: 9, lanes })).map(({ tally }) => tally);
    const [one, two] = [await run(1), await run(2)];
    expect(one.map(({ decided, bad_days }) => [decided, bad_days])).toEqual(
      two.map(({ decided, bad_days }) => [decided, bad_days]),
    );
    expect(one[1]?.waited_shares).toBeCloseTo(two[1]?.waited_shares ?? NaN, 6);
  });
});
