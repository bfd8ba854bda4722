import { expect, it } from 'vitest';
import { backoffMs, parseRetryAfterMs } from './backoff.ts';

it('doubles up to the cap, the upper half at random', () => {
  const o = { baseMs: 1000, maxMs: 60_000 };
  expect([0, 1, 2, 10, 5000].map((n) => backoffMs(n, { ...o, random: () => 1 }))).toEqual([
    1000, 2000, 4000, 60_000, 60_000,
  ]);
  expect(backoffMs(2, { ...o, random: () => 0 })).toBe(2000);
});

it('reads Retry-After in seconds and as a date, capped, and nothing senseless', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(parseRetryAfterMs('7', now, 300_000)).toBe(7000);
  expect(parseRetryAfterMs('Thu, 01 Jan 2026 00:00:09 GMT', now, 300_000)).toBe(9000);
  expect(parseRetryAfterMs('99999', now, 300_000)).toBe(300_000);
  expect(parseRetryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', now, 300_000)).toBe(0);
  for (const bad of [undefined, '', 'soon', '-5x']) expect(parseRetryAfterMs(bad, now, 300_000)).toBeNull();
});
