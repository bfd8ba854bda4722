import { describe, expect, it } from 'vitest';
import { gpuModel, isPromisedModel, memoryGb } from './gpu-model.ts';

const GIB = 1024 ** 3;

describe('GPU names', () => {
  it.each([
    ['NVIDIA GeForce RTX 3070', 'RTX 3070'],
    ['NVIDIA GeForce RTX 3070', 'rtx3070'],
    ['NVIDIA GeForce RTX 3060 Ti', 'RTX 3060Ti LHR'],
    ['NVIDIA GeForce RTX 3060', 'GeForce RTX 3060 LHR v2'],
    ['NVIDIA GeForce GTX 1660 SUPER', 'GTX 1660 Super'],
    ['NVIDIA GeForce GTX 1660 SUPER', '1660S'],
    ['NVIDIA GeForce RTX 4070 Ti SUPER', 'RTX 4070 TiSuper'],
    ['NVIDIA GeForce RTX 3080 Laptop GPU', 'RTX 3080 LAPTOP'],
    ['NVIDIA GeForce RTX 3080 Laptop GPU', 'RTX 3080 Mobile'],
    ['AMD Radeon RX 7900 XTX', 'RX 7900XTX'],
    ['Radeon (TM) RX 580 Series', 'RX 580'],
    ['NVIDIA RTX A4000', 'A4000'],
    ['NVIDIA P106-100', 'P106-100'],
  ])('%s is what the market calls %s', (seen, promised) => {
    expect(gpuModel(seen).key).toBe(gpuModel(promised).key);
    expect(isPromisedModel(promised, seen, null)).toBe(true);
  });

  it.each([
    ['RTX 3070', 'NVIDIA GeForce RTX 3070 Ti'],
    ['RTX 3070', 'NVIDIA GeForce RTX 3070 Laptop GPU'],
    ['RTX 3080', 'NVIDIA GeForce RTX 3060'],
    ['RTX 2080 Super', 'NVIDIA GeForce RTX 2080'],
    ['RTX 4070 Ti Super', 'NVIDIA GeForce RTX 4070 SUPER'],
    ['RTX 4090', 'NVIDIA GeForce RTX 4090 D'],
    ['RX 7900 XT', 'AMD Radeon RX 7900 XTX'],
    ['P106-100', 'NVIDIA P104-100'],
  ])('who was promised %s and sees %s was cheated', (promised, seen) => {
    expect(isPromisedModel(promised, seen, null)).toBe(false);
  });

  it('memory tells cards of one name apart, where both sides know it', () => {
    expect(gpuModel('RTX 3080 12 GB')).toEqual({ key: '3080', memory_gb: 12 });
    expect(isPromisedModel('RTX 3080 12GB', 'NVIDIA GeForce RTX 3080', 12 * GIB)).toBe(true);
    expect(isPromisedModel('RTX 3080 12GB', 'NVIDIA GeForce RTX 3080', 10 * GIB)).toBe(false);
    expect(isPromisedModel('RTX 3080 12GB', 'NVIDIA GeForce RTX 3080', null)).toBe(true);
    expect(isPromisedModel('RTX 3080', 'NVIDIA GeForce RTX 3080', 12 * GIB)).toBe(true);
    expect(memoryGb(8192 * 1_048_576)).toBe(8);
    expect(memoryGb(null)).toBeNull();
  });
});
