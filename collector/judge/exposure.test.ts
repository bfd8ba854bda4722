import { describe, expect, it } from 'vitest';
import { hashrateRecord, sharesRecord } from '../../test/fakes/reports.ts';
import type { HashrateRecord, SharesRecord } from '../../wire/records.ts';
import { exposureOf, rateOf, stepsAt, stepsOfClaims, sumWindows, type TroubleSpan } from './exposure.ts';

const STEP_MS = 15_000;

/** Windows of 15 s, one for each entry. */
function exposure(
  windows: readonly { shares?: Partial<SharesRecord>; hashrate?: Partial<HashrateRecord> | null }[],
  troubles: readonly TroubleSpan[] = [],
) {
  const at = (i: number): number => (i + 1) * STEP_MS;
  return exposureOf({
    shares: windows.map((w, i) => ({ at_ms: at(i), record: sharesRecord(at(i), 2, w.shares) })),
    hashrate: windows.flatMap((w, i) =>
      w.hashrate === null
        ? []
        : [{ at_ms: at(i) + 20, record: hashrateRecord(at(i), { miner_uptime_s: 600, ...w.hashrate }) }],
    ),
    troubles,
  });
}

describe('exposure', () => {
  it('expects shares by the time logged in and the work asked', () => {
    const { windows, excused_ms } = exposure([{}, { shares: { connected_ms: 6000, accepted: 1 } }]);
    expect(windows).toEqual([
      { at_ms: 15_000, exposure_ms: 15_000, shares_per_hs: 15 / 1e6, found: 2, claimed_hs: 1_000_000 },
      { at_ms: 30_000, exposure_ms: 6000, shares_per_hs: 6 / 1e6, found: 1, claimed_hs: 1_000_000 },
    ]);
    expect(excused_ms.not_connected).toBe(9000);
    expect(stepsAt(windows, 1e6).map(({ expected }) => expected)).toEqual([15, 6]);
    expect(stepsOfClaims(windows, 0.9).map(({ expected }) => expected)).toEqual([13.5, 5.4]);
  });

  it('follows the pool’s changes of the work', () => {
    const at = (share_work_hashes: number) => ({ shares: { share_work_hashes } });
    const { windows } = exposure([at(1e6), at(4e6), at(4e6)]);
    expect(windows.map((w) => w.shares_per_hs * 1e6)).toEqual([15, 15 * ((1 + 0.25) / 2), 3.75]);
    const moved = exposure([at(1e6), { shares: { share_work_hashes: 4e6, pool: 'stratum+tcp://other.example:1' } }]);
    expect(moved.windows[1]?.shares_per_hs).toBe(15 / 4e6);
  });

  it('counts for the machine what was unanswered or stale, and not what was rejected', () => {
    const { windows } = exposure([{ shares: { accepted: 3, unanswered: 2, stale: 1, rejected: 5, unmeasured: 1 } }]);
    expect(windows[0]?.found).toBe(6);
  });

  it.each([
    ['starting', { state: 'dag' }],
    ['starting', { state: 'starting' }],
    ['starting', { miner_uptime_s: 100 }],
    ['not_hashing', { state: 'backing_off' }],
    ['not_hashing', { state: 'preparing' }],
  ] as const)('leaves out whole windows: %s, %o', (excuse, hashrate) => {
    const { windows, excused_ms } = exposure([{ hashrate }, {}, {}]);
    // A window that began in that state is left out as well, but a miner's age is of its own moment.
    const left = 'state' in hashrate ? 1 : 2;
    expect(windows).toHaveLength(left);
    expect(excused_ms[excuse]).toBe((3 - left) * STEP_MS);
  });

  it('may be told of a shorter grace', () => {
    const at_ms = 15_000;
    const hashrate = [{ at_ms, record: hashrateRecord(at_ms, { miner_uptime_s: 30 }) }];
    const young = { shares: [{ at_ms, record: sharesRecord(at_ms, 1) }], hashrate, troubles: [] };
    expect(exposureOf(young).windows).toHaveLength(0);
    expect(exposureOf({ ...young, start_grace_s: 20 }).windows).toHaveLength(1);
  });

  it('does not excuse a miner that stalls while it is logged in', () => {
    expect(exposure([{ hashrate: { state: 'stalled', claimed_hs: 0 } }]).windows).toHaveLength(1);
  });

  it('leaves out what cannot be judged: no login, no known work, no word of the miner', () => {
    const { windows, excused_ms } = exposure([
      { shares: { connected_ms: 0 }, hashrate: null },
      { shares: { share_work_hashes: null }, hashrate: null },
    ]);
    expect(windows).toEqual([]);
    expect(excused_ms).toMatchObject({ not_connected: STEP_MS, not_hashing: STEP_MS });
    expect(exposure([{ shares: { share_work_hashes: null } }]).excused_ms.work_unknown).toBe(STEP_MS);
    const old = exposure([{}, ...Array.from({ length: 12 }, () => ({ hashrate: null }))]);
    expect(old.windows).toHaveLength(9);
  });

  it('leaves out the time of a pool’s trouble, and only that pool’s', () => {
    const pool = 'stratum+tcp://pool.example:3333';
    const during = (of: string | null): TroubleSpan[] => [{ from_ms: 16_000, until_ms: 31_000, pool: of }];
    for (const of of [pool, null]) {
      const { windows, excused_ms } = exposure([{}, {}, {}, {}], during(of));
      expect(windows.map(({ at_ms }) => at_ms)).toEqual([15_000, 60_000]);
      expect(excused_ms.pool_trouble).toBe(2 * STEP_MS);
    }
    expect(exposure([{}, {}], during('stratum+tcp://other.example:1')).windows).toHaveLength(2);
  });
});

describe('sums of windows', () => {
  it('say the same: shares and expectations add up, claims weigh by what was asked', () => {
    const { windows } = exposure([
      {},
      { shares: { share_work_hashes: 4e6 }, hashrate: { claimed_hs: 2_000_000 } },
      { hashrate: { claimed_hs: null } },
    ]);
    const sum = sumWindows(windows);
    expect(sumWindows([])).toBeNull();
    expect(sum).toMatchObject({ at_ms: 45_000, exposure_ms: 45_000, found: 6 });
    const total = (steps: { expected: number }[]): number => steps.reduce((all, { expected }) => all + expected, 0);
    const summed = sum === null ? [] : [sum];
    expect(total(stepsAt(summed, 1e6))).toBeCloseTo(total(stepsAt(windows, 1e6)), 9);
    const claiming = windows.slice(0, 2);
    expect(
      total(
        stepsOfClaims(
          [sumWindows(claiming)].flatMap((w) => w ?? []),
          1,
        ),
      ),
    ).toBeCloseTo(total(stepsOfClaims(claiming, 1)), 9);
  });

  it('prove a rate with its interval; no share proves an upper bound', () => {
    const { windows } = exposure(Array.from({ length: 100 }, () => ({})));
    const rate = rateOf(windows);
    expect(rate.rate_hs).toBeCloseTo(200 / (100 * 15e-6), 3);
    expect(rate.low_hs ?? NaN).toBeLessThan(rate.rate_hs ?? NaN);
    expect(rate.high_hs ?? NaN).toBeGreaterThan(rate.rate_hs ?? NaN);
    const none = rateOf(exposure([{ shares: { accepted: 0 } }]).windows);
    expect(none).toMatchObject({ rate_hs: 0, low_hs: 0 });
    expect(none.high_hs).toBeGreaterThan(0);
    expect(rateOf([])).toEqual({ rate_hs: null, low_hs: null, high_hs: null });
  });
});
