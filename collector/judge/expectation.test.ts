import { describe, expect, it } from 'vitest';
import { devFee } from './dev-fees.ts';
import { expectationFor, machineExpectation, type GpuKind } from './expectation.ts';
import { fleetRate, type FleetSample } from './fleet-rates.ts';
import type { OwnRate } from './own-rates.ts';

const NOTHING = { own: [], fleet: [] };

function gpu(model: string, power_limit_w: number | null): GpuKind {
  return { model, memory_bytes: null, power_limit_w };
}

/** Low, likely and high in MH/s. */
function range(kind: GpuKind, algo: string, known: Parameters<typeof expectationFor>[2] = NOTHING) {
  const found = expectationFor(kind, algo, known);
  return found === null
    ? null
    : [found.low_hs, found.rate_hs, found.high_hs].map((hs) => Number((hs / 1e6).toFixed(1)));
}

function fleetOf(rates: readonly number[], over: Partial<FleetSample> = {}): FleetSample[] {
  return rates.map((mega, i) => ({
    ...{ host: `h${i}`, model: 'NVIDIA GeForce RTX 3070', algo: 'kawpow', power_limit_w: 150 },
    ...{ rate_hs: mega * 1e6, shares: 400, ...over },
  }));
}

describe('what a GPU can be expected to hash', () => {
  it('is the tables’ figures with their spread, and says so', () => {
    expect(range(gpu('RTX 3070', 150), 'kawpow')).toEqual([22.9, 31.2, 38.2]);
    expect(expectationFor(gpu('RTX 3070', 150), 'kawpow', NOTHING)).toMatchObject({
      source: 'reference',
      says: 'reference table (2CC 31.3 MH/s, NJ 30.6 MH/s at 150 W, NJ, more rows 31.8 MH/s at 154 W) at 150 W',
    });
  });

  it('is not known for GPUs and algorithms that nobody names', () => {
    expect(range(gpu('RTX 5090', 400), 'kawpow')).toBeNull();
    expect(range(gpu('RTX 3070', 150), 'sha256d')).toBeNull();
  });

  // Each was measured on an honest machine (facts/miners.md section 5), so none may be below the low end.
  it.each([
    ['RTX 3060', 'kawpow', 119, 9.6],
    ['RTX 3060', 'autolykos2', 119, 103],
    ['GTX 1660 Super', 'kawpow', 78, 10.1],
    ['RTX 3070', 'kawpow', 150, 25.5],
    ['RTX 3070', 'autolykos2', 220, 143.3],
    ['RTX 3070', 'etchash', 220, 52.5],
    ['RTX 3090', 'kawpow', 290, 55],
    ['RTX 3080', 'kawpow', 220, 45],
    ['RTX 4090', 'kawpow', 320, 75],
  ])('%s %s at %d W: %d MH/s is honest', (model, algo, watts, mega) => {
    const [low = NaN, , high = NaN] = range(gpu(model, watts), algo) ?? [];
    expect(mega).toBeGreaterThanOrEqual(low);
    expect(mega).toBeLessThanOrEqual(high);
  });

  it('falls with the power limit, KawPow’s steeply and Autolykos2’s hardly', () => {
    const at = (watts: number, algo: string): number[] => range(gpu('RTX 3060', watts), algo) ?? [];
    const fall = (algo: string): number[] => at(98, algo).map((hs, i) => hs / (at(140, algo)[i] ?? NaN));
    expect(fall('kawpow')[0]).toBeLessThan(0.3);
    expect(fall('kawpow')[1]).toBeCloseTo(0.7, 1);
    expect(fall('autolykos2')[1]).toBeGreaterThan(0.9);
    expect(at(300, 'kawpow')[1]).toBe(at(140, 'kawpow')[1]);
  });

  it('without power limit is what the facts call the least: 60 % of the figure', () => {
    expect(range(gpu('RTX 4070', null), 'kawpow')?.[0]).toBeCloseTo(19.2, 5);
    expect(range(gpu('RTX 4070', 130), 'kawpow')?.[0]).toBeCloseTo(19.2, 5);
  });

  it('the operator’s own figure wins, the nearest power limit of several', () => {
    const figure: OwnRate = { model: 'RTX 3070', algo: 'rvn', power_limit_w: null, rate_hs: 27e6, spread: 0.05 };
    const own = [
      figure,
      { ...figure, power_limit_w: 120, rate_hs: 24e6 },
      { ...figure, power_limit_w: 150, rate_hs: 29e6 },
    ];
    const known = { own, fleet: fleetOf([31, 31, 31, 31, 31]) };
    const nvidia = 'NVIDIA GeForce RTX 3070';
    expect(range(gpu(nvidia, 150), 'kawpow', known)).toEqual([27.6, 29, 30.4]);
    expect(range(gpu(nvidia, 122), 'kawpow', known)).toEqual([22.8, 24, 25.2]);
    expect(range(gpu(nvidia, 108), 'kawpow', known)?.[1]).toBeCloseTo(21.6, 1);
    expect(range(gpu(nvidia, 150), 'kawpow', { own: [figure], fleet: [] })).toEqual([25.6, 27, 28.4]);
    expect(expectationFor(gpu(nvidia, 150), 'kawpow', known)?.says).toBe('your own figure 29 MH/s ±5 % at 150 W');
    expect(range(gpu('RTX 3070 Ti', 150), 'kawpow', known)?.[1]).not.toBe(29);
  });

  it('the fleet makes it narrower once five hosts have proven it, and one host has one voice', () => {
    const rates = [29, 29.5, 30, 30.5, 31];
    const known = { own: [], fleet: fleetOf(rates) };
    expect(range(gpu('RTX 3070', 150), 'kawpow', known)).toEqual([27.8, 30, 32.2]);
    expect(expectationFor(gpu('RTX 3070', 150), 'kawpow', known)).toMatchObject({ source: 'fleet' });
    for (const fleet of [
      fleetOf(rates.slice(1)),
      fleetOf(rates, { host: 'one' }),
      fleetOf(rates, { shares: 100 }),
      fleetOf(rates, { power_limit_w: 120 }),
    ]) {
      // prettier-ignore
      expect(range(gpu('RTX 3070', 150), 'kawpow', { own: [], fleet })).toEqual([22.9, 31.2, 38.2]);
    }
    const withLiars = fleetOf([...rates, 5, 90]);
    expect(fleetRate(withLiars, { model: 'RTX 3070', algo: 'kawpow', power_limit_w: 150 })?.rate_hs).toBe(30e6);
    expect(
      fleetRate(fleetOf([10, 20, 30, 40, 50]), { model: 'RTX 3070', algo: 'kawpow', power_limit_w: 150 }),
    ).toBeNull();
  });

  it('a fleet outside the table is believed, but a sick one makes no measure below 60 %', () => {
    const slow = (mega: number) =>
      range(gpu('RTX 3070', 150), 'kawpow', { own: [], fleet: fleetOf(Array(5).fill(mega)) });
    expect(slow(20)).toEqual([18.8, 20, 21.2]);
    expect(slow(10)?.[0]).toBeCloseTo(18.7, 1);
    const unknown = fleetOf([50, 50, 50, 50, 50], { model: 'RTX 5090', power_limit_w: 400 });
    expect(range(gpu('RTX 5090', 400), 'kawpow', { own: [], fleet: unknown })).toEqual([47, 50, 53]);
  });
});

describe('what a machine can be expected to hash', () => {
  const machine = (gpus: readonly { model: string; count: number }[], power_limits_w: readonly (number | null)[]) =>
    machineExpectation({ gpus, power_limits_w, memoryOf: () => null, algo: 'kawpow', known: NOTHING });

  it('is the sum of its GPUs, each at its own limit, and the weakest source', () => {
    const [one = NaN] = range(gpu('RTX 3070', 150), 'kawpow') ?? [];
    const four = machine([{ model: 'RTX 3070', count: 4 }], [150, 150, 150, 150]);
    expect((four?.low_hs ?? NaN) / 1e6).toBeCloseTo(one * 4, 0);
    expect(four?.says).toMatch(/^4 × RTX 3070: reference table .* at 150 W$/);
    const own = { model: 'RTX 3080', algo: 'kawpow', power_limit_w: null, rate_hs: 4e7, spread: 0 };
    const mixed = machineExpectation({
      gpus: [
        { model: 'RTX 3080', count: 1 },
        { model: 'RTX 3070', count: 1 },
      ],
      ...{ power_limits_w: [200], memoryOf: () => null, algo: 'kawpow', known: { own: [own], fleet: [] } },
    });
    expect(mixed).toMatchObject({ source: 'reference' });
    expect(mixed?.says).toContain('RTX 3070: reference table');
    expect(mixed?.says).toContain('at an unknown power limit');
  });

  it('is not known where one of them is not', () => {
    expect(machine([{ model: 'RTX 3070', count: 3 }, { model: 'RTX 5090', count: 1 }], [])).toBeNull(); // prettier-ignore
    expect(machine([], [])).toBeNull();
  });
});

describe('the dev fee', () => {
  it.each([
    ['t-rex', 'kawpow', 0.01],
    ['t-rex', 'ergo', 0.02],
    ['xmrig', 'rx/0', 0.01],
    ['SRBMiner', 'kawpow', 0.0085],
    ['somebody', 'kawpow', 0.05],
    [null, null, 0.05],
  ])('of %s on %s is %d', (miner, algo, fee) => {
    expect(devFee(miner, algo)).toBeCloseTo(fee, 6);
  });
});
