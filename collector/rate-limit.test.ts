import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

it('lets a burst pass, then the rate', () => {
  const limit = new RateLimit({ burst: 3, per_s: 2 });
  expect([1, 2, 3, 4].map(() => limit.take('a', 1, 0))).toEqual([0, 0, 0, 500]);
  expect(limit.take('b', 1, 0)).toBe(0);
  expect(limit.take('a', 1, 250)).toBe(250);
  expect(limit.take('a', 1, 500)).toBe(0);
  expect(limit.take('a', 3, 1500)).toBe(500);
  expect(limit.take('a', 3, 100_000)).toBe(0);
});

it('lets an amount above the burst pass when all of it is there', () => {
  const limit = new RateLimit({ burst: 3, per_s: 1 });
  expect(limit.take('a', 100, 0)).toBe(0);
  expect(limit.take('a', 100, 1000)).toBe(2000);
});

it('forgets the key idle longest', () => {
  const limit = new RateLimit({ burst: 1, per_s: 1 / 3600 }, 2);
  expect(limit.take('a', 1, 0)).toBe(0);
  expect(limit.take('b', 1, 0)).toBe(0);
  expect(limit.take('a', 1, 1)).toBeGreaterThan(0);
  expect(limit.take('c', 1, 2)).toBe(0);
  expect(limit.take('a', 1, 3)).toBeGreaterThan(0);
  expect(limit.take('b', 1, 4)).toBe(0);
});
