import { describe, expect, it } from 'vitest';
import { FakeClock } from '../test/fakes/clock.ts';
import { every } from './schedule.ts';

describe('every', () => {
  it('keeps to its grid whatever the jitter and the time that a call takes', async () => {
    const clock = new FakeClock();
    const times: number[] = [];
    let turn = 0;
    const stop = every({
      clock,
      random: () => [0.9, 0, 0.5][turn++ % 3] ?? 0,
      periodMs: 15_000,
      jitterMs: 1000,
      action: () => {
        times.push(clock.monoMs());
        return clock.sleep(4000);
      },
    });
    await clock.advance(61_000);
    expect(times).toEqual([15_900, 30_000, 45_500, 60_900]);
    stop();
    await clock.advance(100_000);
    expect(times).toHaveLength(4);
  });

  it('leaves out what it missed while one call took long', async () => {
    const clock = new FakeClock();
    const times: number[] = [];
    const stop = every({
      clock,
      random: () => 0,
      periodMs: 1000,
      jitterMs: 0,
      action: () => {
        times.push(clock.monoMs());
        return times.length === 1 ? clock.sleep(5500) : Promise.resolve();
      },
    });
    await clock.advance(9000);
    expect(times).toEqual([1000, 7000, 8000, 9000]);
    stop();
  });
});
