import { describe, expect, it } from 'vitest';
import { gpuModel } from './gpu-model.ts';
import { isDoubtful, type ReferenceAlgo, referenceAlgo, referenceRates } from './reference-rates.ts';

function rates(model: string, algo: ReferenceAlgo, memory_gb: number | null = null) {
  return referenceRates(gpuModel(model), memory_gb, algo).map(({ rate_hs, power_w, source }) => [rate_hs / 1e6, power_w, source]); // prettier-ignore
}

describe('the reference table', () => {
  it('has every figure of a GPU with its power and source', () => {
    expect(rates('NVIDIA GeForce RTX 3070', 'kawpow')).toEqual([
      [31.3, null, '2CC'],
      [30.6, 150, 'NJ'],
      [31.8, 154, 'NJ, more rows'],
    ]);
    expect(rates('RTX 3090', 'autolykos2')).toEqual([
      [275, null, '2CC'],
      [268.3, 263, 'NJ'],
    ]);
    expect(rates('RX 5700 XT', 'etchash')).toEqual([
      [55.2, null, '2CC'],
      [54.7, null, 'NJ'],
    ]);
    expect(rates('RTX 4090', 'kheavyhash')).toEqual([[2180, null, '2CC']]);
    expect(rates('RTX 4090', 'nexapow')).toEqual([[330, null, '2CC']]);
    expect(rates('RTX 5060 Ti', 'autolykos2')).toEqual([[119, 150, 'a single report']]);
  });

  it('has no figure where the facts have none', () => {
    expect(rates('RTX 5090', 'kawpow')).toEqual([]);
    expect(rates('RTX 9999', 'kawpow')).toEqual([]);
    expect(referenceAlgo('sha256d')).toBeNull();
    expect(referenceAlgo('randomx')).toBeNull();
  });

  it('chooses between cards of one name by their memory', () => {
    expect(rates('RTX 3080', 'kawpow', 12)).toEqual([[53, null, '2CC']]);
    expect(rates('RTX 3080', 'kawpow', 10)[0]).toEqual([49, null, '2CC']);
    expect(rates('RTX 2060 12GB', 'kawpow')).toEqual([[21, null, '2CC']]);
    expect(rates('RTX 3060 Laptop GPU', 'kawpow')).toEqual([[23, null, '2CC']]);
  });

  it('knows an algorithm by the names that miners give it', () => {
    for (const [name, algo] of [
      ['KawPow', 'kawpow'],
      ['rvn', 'kawpow'],
      ['AUTOLYKOS2', 'autolykos2'],
      ['ethash', 'etchash'],
    ] as const) {
      expect(referenceAlgo(name)).toBe(algo);
    }
  });

  it('says which figure the facts doubt', () => {
    expect(isDoubtful(gpuModel('NVIDIA GeForce RTX 2080 SUPER'), 'etchash')).toBe(true);
    expect(isDoubtful(gpuModel('RTX 2080'), 'etchash')).toBe(false);
  });
});
