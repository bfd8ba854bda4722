import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BITCOIN_DIFFICULTY_ONE,
  difficultyOfTarget,
  hashesOfTarget,
  targetOfCompact,
  targetOfDifficulty,
  targetOfHex,
} from './target.ts';

describe('hashesOfTarget', () => {
  it('knows the work of difficulty 1, in Bitcoin and in KawPow pools', () => {
    expect(hashesOfTarget(BITCOIN_DIFFICULTY_ONE)).toBeCloseTo(4295032833.000015, 5);
    expect(hashesOfTarget(0xffn << 216n)).toBeCloseTo(2 ** 40 / 255, 5);
  });

  it('is one hash for the easiest target, and null for what is none', () => {
    expect(hashesOfTarget((1n << 256n) - 1n)).toBe(1);
    expect(hashesOfTarget(1n)).toBe(2 ** 256);
    expect(hashesOfTarget(0n)).toBeNull();
    expect(hashesOfTarget(-1n)).toBeNull();
    expect(hashesOfTarget(1n << 256n)).toBeNull();
  });
});

describe('targetOfDifficulty', () => {
  it('is exact for whole and for fractional difficulties', () => {
    expect(targetOfDifficulty(1)).toBe(BITCOIN_DIFFICULTY_ONE);
    expect(targetOfDifficulty(0.5)).toBe(BITCOIN_DIFFICULTY_ONE * 2n);
    expect(targetOfDifficulty(8192)).toBe(BITCOIN_DIFFICULTY_ONE / 8192n);
  });

  it('comes back as the difficulty that it was', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e20, noNaN: true }), (difficulty) => {
        const target = targetOfDifficulty(difficulty);
        expect(target).not.toBeNull();
        const back = difficultyOfTarget(target ?? 0n) ?? 0;
        expect(Math.abs(back - difficulty) / difficulty).toBeLessThan(1e-12);
      }),
    );
  });

  it('has no target for what is no difficulty, and never more than all hashes', () => {
    for (const bad of [0, -1, Number.NaN, Infinity, 1e300]) expect(targetOfDifficulty(bad)).toBeNull();
    expect(targetOfDifficulty(1e-300)).toBe((1n << 256n) - 1n);
  });
});

describe('targetOfHex', () => {
  it('reads 64 digits, with or without 0x', () => {
    const digits = `00000000ff${'0'.repeat(54)}`;
    expect(targetOfHex(digits)).toBe(0xffn << 216n);
    expect(targetOfHex(`0x${digits.toUpperCase()}`)).toBe(0xffn << 216n);
  });

  it('refuses all else', () => {
    for (const bad of ['', '0', 'ff', '0'.repeat(64), 'g'.repeat(64), 'f'.repeat(65)]) {
      expect(targetOfHex(bad)).toBeNull();
    }
  });
});

describe('targetOfCompact', () => {
  it('reads the 4-byte form as XMRig does', () => {
    // 2^32-1 / 0x0000a7c5 = 99,999 hashes; XMRig shows diff 99999 for it (its own rounding down at each step).
    const target = targetOfCompact('c5a70000') ?? 0n;
    expect(target >> 192n).toBe(0xffff_ffff_ffff_ffffn / (0xffff_ffffn / 0xa7c5n));
    expect(Math.floor(hashesOfTarget(target) ?? 0)).toBe(Number(0xffff_ffffn / 0xa7c5n));
    expect(hashesOfTarget(targetOfCompact('ffffffff') ?? 0n)).toBeCloseTo(1, 9);
  });

  it('reads the 8-byte form', () => {
    expect(targetOfCompact('0000000000000001')).toBe(1n << (56n + 192n));
    expect(hashesOfTarget(targetOfCompact('0000000000000001') ?? 0n)).toBe(256);
  });

  it('refuses all else', () => {
    for (const bad of ['', '00000000', '0000000000000000', 'c5a700', 'c5a7000z', 'c5a70000c5a7']) {
      expect(targetOfCompact(bad)).toBeNull();
    }
  });
});
