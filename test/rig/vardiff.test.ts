import { describe, expect, it } from 'vitest';
import { freshWindow, isWindowFull, nextShareHashes, withShare, type VardiffRules } from './vardiff.ts';

const rules: VardiffRules = { targetShareMs: 1000, minHashes: 100, maxHashes: 1e9 };

/** Plays a miner of a steady rate against vardiff, shares evenly spaced, and returns the hashes per share it ends at. */
function settle(startHashes: number, rate_hs: number, seconds: number): number {
  let hashes = startHashes;
  let nowMs = 0;
  let window = freshWindow(nowMs);
  while (nowMs < seconds * 1000) {
    const shareMs = (hashes / rate_hs) * 1000;
    const fullAtMs = window.startMs + 16 * rules.targetShareMs;
    if (nowMs + shareMs <= fullAtMs) {
      nowMs += shareMs;
      window = withShare(window, hashes);
    } else {
      nowMs = fullAtMs + 1;
    }
    if (isWindowFull(window, rules, nowMs)) {
      hashes = nextShareHashes(hashes, window, rules, nowMs);
      window = freshWindow(nowMs);
    }
  }
  return hashes;
}

describe('vardiff', () => {
  it.each([
    [1_000, 150_000],
    [150_000_000, 150_000],
    [86_000, 150_000],
    [100, 200],
  ])('settles near a share a second from %d hashes per share at %d H/s', (start, rate_hs) => {
    const hashes = settle(start, rate_hs, 300);
    expect(hashes / rate_hs).toBeGreaterThan(0.6);
    expect(hashes / rate_hs).toBeLessThan(1.7);
  });

  it('moves by at most four times a window, also when nothing came', () => {
    expect(nextShareHashes(8000, freshWindow(0), rules, 16_000)).toBe(2000);
    expect(nextShareHashes(8000, { startMs: 0, shares: 16, work: 128_000 }, rules, 10)).toBe(32_000);
  });

  it('stays inside its bounds', () => {
    expect(nextShareHashes(120, freshWindow(0), rules, 16_000)).toBe(100);
    expect(nextShareHashes(9e8, { startMs: 0, shares: 16, work: 16 * 9e8 }, rules, 10)).toBe(1e9);
  });

  it('leaves a rate within the dead band alone', () => {
    expect(nextShareHashes(1000, { startMs: 0, shares: 16, work: 16_000 }, rules, 12_000)).toBe(1000);
  });
});
