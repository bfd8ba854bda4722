import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { algoProfile } from './algos.ts';
import { hashesOfTarget } from './target.ts';

describe('algoProfile', () => {
  it.each([
    ['kawpow', 'bitcoin'],
    ['KAWPOW', 'bitcoin'],
    ['clore', 'bitcoin'],
    ['AUTOLYKOS2', 'bitcoin'],
    ['progpow-veil', 'bitcoin'],
    ['etchash', 'ethproxy'],
    ['kheavyhash', 'kaspa'],
    ['karlsenhashv2', 'kaspa'],
    ['equihash 144,5', 'equihash'],
    ['EQUI144_5', 'equihash'],
    ['equihash125_4', 'equihash'],
    ['rx/0', 'cryptonote'],
    ['cn-heavy/xhv', 'cryptonote'],
    ['randomx', 'cryptonote'],
    ['octopus', 'unknown'],
    ['BEAM-III', 'unknown'],
    ['nexapow', null],
    ['constructor', null],
    ['', null],
  ])('%j speaks %s', (algo, dialect) => {
    expect(algoProfile(algo).dialect).toBe(dialect);
  });

  // Hashes per share at difficulty 1 as the sources give them.
  it.each([
    ['sha256d', 4_295_032_833],
    ['kawpow', 4_295_032_833],
    ['etchash', 4_295_032_833],
    ['kheavyhash', 2 ** 32],
    ['scrypt', 65_537],
    ['ghostrider', 65_537],
    ['x16r', 16_777_472],
  ])('%s: difficulty 1 is %d hashes', (algo, hashes) => {
    const one = algoProfile(algo).difficultyOne;
    expect(Math.round(hashesOfTarget(one ?? 0n) ?? 0)).toBe(hashes);
  });

  it.each(['autolykos2', 'equihash', 'rx/0', 'octopus', 'meowpow', 'nexapow', '__proto__'])(
    '%s: no guess where no source tells',
    (algo) => {
      expect(algoProfile(algo).difficultyOne).toBeNull();
    },
  );

  it('takes any name', () => {
    fc.assert(fc.property(fc.string(), (algo) => void algoProfile(algo)));
  });
});
