import { expect, it } from 'vitest';
import { decideRestart, FAST_EXIT_MS, FAST_EXITS_MAX } from './restart-policy.ts';

it('doubles the delay over fast exits, then makes it a report with slow tries', () => {
  const delays: number[] = [];
  let fastExits = 0;
  let gaveUp = false;
  for (let i = 0; i < FAST_EXITS_MAX + 2; i++) {
    const d = decideRestart(500, fastExits);
    delays.push(d.delayMs);
    fastExits = d.fastExits;
    gaveUp ||= d.giveUpFastTries;
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 300_000, 300_000, 300_000]);
  expect(gaveUp).toBe(true);
});

it('forgets fast exits after one long run', () => {
  expect(decideRestart(FAST_EXIT_MS, 7)).toEqual({ delayMs: 1000, fastExits: 0, giveUpFastTries: false });
});
