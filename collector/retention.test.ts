import { expect, it } from 'vitest';
import { SpotrigError } from '../platform/errors.ts';
import { silentLogger } from '../platform/logger.ts';
import { FakeClock } from '../test/fakes/clock.ts';
import { retain } from './retention.ts';
import type { Store } from './store/store.ts';

it('prunes in steps, rests between rounds, and outlives a failing store', async () => {
  const clock = new FakeClock();
  const begun = clock.nowMs();
  const calls: number[] = [];
  const answers = [500, 20, 0, 'fail', 0] as const;
  const store = {
    prune: (before: number) => {
      const answer = answers[calls.length] ?? 0;
      calls.push(clock.nowMs() - begun);
      expect(before).toBe(clock.nowMs() - 1000);
      return answer === 'fail' ? Promise.reject(new SpotrigError('store_failed', 'busy')) : Promise.resolve(answer);
    },
  } as unknown as Store;
  const end = new AbortController();
  const running = retain({ store, clock, logger: silentLogger, keep_ms: 1000, signal: end.signal });
  await clock.advance(121_000);
  expect(calls).toEqual([0, 100, 200, 60_200, 120_200]);
  end.abort();
  await running;
  expect(clock.pending).toBe(0);
});
