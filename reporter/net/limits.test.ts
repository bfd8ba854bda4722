import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyedLocks, Limit } from './limits.ts';

const tick = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('never runs more at once, runs all, and goes on after one that fails', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(fc.boolean(), { maxLength: 12 }), async (max, fates) => {
      const limit = new Limit(max);
      let running = 0;
      let most = 0;
      const ends = await Promise.allSettled(
        fates.map((isGood) =>
          limit.hold(async () => {
            most = Math.max(most, ++running);
            await tick();
            running--;
            if (!isGood) throw new Error('bad');
          }),
        ),
      );
      expect(most).toBe(Math.min(max, fates.length));
      expect(ends.map((end) => end.status === 'fulfilled')).toEqual(fates);
    }),
    { numRuns: 30 },
  );
});

it('keeps the place of work that was given up, until it is done', async () => {
  const limit = new Limit(1);
  let finish = (): void => undefined;
  const done = new Promise<void>((resolve) => (finish = resolve));
  expect(await limit.run(() => ({ early: Promise.resolve('late'), done }))).toBe('late');
  let hasStarted = false;
  const second = limit.hold(() => Promise.resolve((hasStarted = true)));
  await tick();
  expect(hasStarted).toBe(false);
  finish();
  await second;
  expect(hasStarted).toBe(true);
});

it('locks by key alone', async () => {
  const locks = new KeyedLocks();
  const order: string[] = [];
  const work = (key: string, name: string): Promise<void> =>
    locks.hold(key, async () => {
      order.push(`${name}+`);
      await tick();
      order.push(`${name}-`);
    });
  await Promise.all([work('a', 'one'), work('a', 'two'), work('b', 'three')]);
  expect(order.indexOf('two+')).toBeGreaterThan(order.indexOf('one-'));
  expect(order.slice(0, 2)).toEqual(['one+', 'three+']);
  expect(order).toHaveLength(6);
});
