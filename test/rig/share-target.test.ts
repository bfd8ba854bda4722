import { describe, expect, it } from 'vitest';
import {
  compactTarget,
  DIFFICULTY_ONE_TARGET,
  difficultyOfHashes,
  expectedHashes,
  HASH_SPACE,
  targetOfCompact,
  targetOfDifficulty,
} from './share-target.ts';

describe('share target', () => {
  it('puts difficulty 1 at 4,295,032,833 hashes', () => {
    expect(targetOfDifficulty(1)).toBe(DIFFICULTY_ONE_TARGET);
    expect(Math.round(expectedHashes(targetOfDifficulty(1)))).toBe(4_295_032_833);
  });

  it.each([1e-9, 1e-7, 2e-5, 0.5, 3, 65_536, 1e9])('keeps difficulty %d through target and back', (difficulty) => {
    const hashes = expectedHashes(targetOfDifficulty(difficulty));
    expect(hashes / (difficulty * 4_295_032_833)).toBeCloseTo(1, 5);
    expect(difficultyOfHashes(hashes) / difficulty).toBeCloseTo(1, 5);
  });

  it('never leaves the space of hashes, and refuses what is no difficulty', () => {
    expect(targetOfDifficulty(1e-15)).toBe(HASH_SPACE - 1n);
    for (const bad of [0, -1, Number.NaN, Infinity]) expect(() => targetOfDifficulty(bad)).toThrow(RangeError);
  });

  it('writes CryptoNote targets as xmrig reads them', () => {
    // 2^32 / 10,000 = 0x00068db8, little-endian on the wire.
    expect(compactTarget(10_000)).toBe('b88d0600');
    for (const hashes of [1, 7, 150, 10_000, 1_000_000]) {
      const read = Number(1n << 64n) / Number(targetOfCompact(compactTarget(hashes)));
      expect(read / hashes).toBeCloseTo(1, 2);
    }
  });
});
