// The quick form of npm run bench:judge: the same lives by the same seeds, fewer of them.
import { describe, expect, it } from 'vitest';
import { simulate, summaryOf, tableOf, WRONG_DAYS_MAX } from '../bench/judge/simulate.ts';

describe('machines with a known truth', () => {
  it('honest ones are left alone, slow ones are found, and about as soon as can be', async () => {
    const outcomes = await simulate({ seed: 1, days: 300, lanes: 2 });
    console.log(`${tableOf(outcomes)}\n${summaryOf(outcomes)}`);
    for (const { scenario, tally, wald } of outcomes) {
      if (scenario.of_low === null) {
        expect(tally.days).toBeGreaterThan(200);
        expect(tally.bad_days / tally.days).toBeLessThanOrEqual(WRONG_DAYS_MAX);
      }
      if (!scenario.hides) continue;
      expect(tally.decided).toBe(tally.lives);
      // A dozen lives scatter by a quarter around the mean that the whole bench shows.
      expect(wald).toBeLessThan(1.8);
    }
  });

  it('the same seed gives the same outcome, whatever the number of threads', async () => {
    const run = async (lanes: number) => (await simulate({ seed: 5, days: 20, lanes })).map(({ tally }) => tally);
    const [one, two] = [await run(1), await run(2)];
    expect(one.map(({ decided, bad_days }) => [decided, bad_days])).toEqual(
      two.map(({ decided, bad_days }) => [decided, bad_days]),
    );
    expect(one[1]?.waited_shares).toBeCloseTo(two[1]?.waited_shares ?? NaN, 6);
  });
});
