import { describe, expect, it } from 'vitest';
import { hashingRow } from '../../test/fakes/fleet.ts';
import { totalsOf } from './totals.ts';

const row = hashingRow('rig-1', 0, Date.UTC(2026, 0, 1));

describe('totalsOf', () => {
  it('knows no power and no rate of an empty fleet', () => {
    expect(totalsOf([])).toMatchObject({ workers: 0, algos: [], power_w: null });
  });
  it('adds per algorithm, the largest group first', () => {
    const cpu = { ...row, algo: 'rx/0', claimed_hs: 4000, delivered_hs: null, power_w: null };
    const totals = totalsOf([
      cpu,
      { ...row, claimed_hs: 1e8, delivered_hs: 9e7 },
      { ...row, claimed_hs: 2e8, delivered_hs: 1e8 },
    ]);
    expect(totals.algos).toEqual([
      { algo: 'kawpow', workers: 2, claimed_hs: 3e8, delivered_hs: 1.9e8 },
      { algo: 'rx/0', workers: 1, claimed_hs: 4000, delivered_hs: null },
    ]);
    expect(totals).toMatchObject({ workers: 3, hashing: 3, power_w: 2 * (row.power_w ?? 0) });
  });
  it('leaves a silent worker’s old rates out, and keeps its shares', () => {
    const totals = totalsOf([{ ...row, state: 'offline', accepted: 7 }]);
    expect(totals).toMatchObject({ workers: 1, hashing: 0, trouble: 1, algos: [], power_w: null, accepted: 7 });
  });
});
