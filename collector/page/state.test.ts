import { describe, expect, it } from 'vitest';
import { fleetAnswer, hashingRow } from '../../test/fakes/fleet.ts';
import { arrange, FIRST_VIEW, formatHash, hottest, matchesEvent, minerLabel, parseHash, SORT_KEYS } from './state.ts';
import type { View } from './state.ts';

const NOW = Date.UTC(2026, 0, 1);
const { workers } = fleetAnswer(NOW, 12);

function ids(change: Partial<View>): string[] {
  return arrange(workers, { ...FIRST_VIEW, ...change }).map(({ id }) => id);
}

describe('address', () => {
  it.each<Partial<View>>([
    {},
    { worker: 'rig-1' },
    { text: 'rtx 3070 & more', state: 'trouble' },
    { worker: 'rig_2', text: 'a=b?c#d', state: 'backing_off', sort: 'power', descending: true },
    { page: 'reachability' },
    {
      page: 'reachability',
      text: 'eu ru',
      verdict: 'blocked:tls',
      target: 'stratum+ssl://a.example:1',
      network: 'AS1',
    },
    { page: 'reachability', verdict: 'trouble' },
    { page: 'events', text: 'frp refused' },
    { page: 'machines', text: 'host-9', advice: 'cancel' },
    { page: 'hosts', advice: 'trouble' },
    { worker: 'rig-1', span: 'quarter' },
  ])('leads back to %o', (change) => {
    const view = { ...FIRST_VIEW, ...change };
    expect(parseHash(formatHash(view))).toEqual(view);
  });
  it('is short for the first view', () => {
    expect(formatHash(FIRST_VIEW)).toBe('#/');
    expect(formatHash({ ...FIRST_VIEW, worker: 'rig-1' })).toBe('#/w/rig-1');
  });
  it.each([
    '',
    '#',
    '#/',
    '#/w/',
    '#/w/%',
    '#/x/rig-1',
    '#/?state=nonsense&sort=nonsense&desc=yes',
    '#/?verdict=x&target=y',
  ])('reads %j as the first view', (hash) => {
    expect(parseHash(hash)).toEqual(FIRST_VIEW);
  });
});

describe('matchesEvent', () => {
  const event = {
    ...{ worker: null, claimed: { frp_user: 'Mallory', frp_proxy: null }, boot: null, at: '', event: 'frp_refused' },
    ...{ level: 'warn' as const, detail: 'Login of Mallory refused', exit_code: null, signal: null, log: [] },
  };
  it.each(['', 'mallory', 'no worker', 'frp refused', 'frp_refused login', 'WARN'])('finds it by %j', (text) => {
    expect(matchesEvent(event, text)).toBe(true);
  });
  it.each(['rig-1', 'mallory rig-1'])('does not find it by %j', (text) => {
    expect(matchesEvent(event, text)).toBe(false);
    expect(matchesEvent({ ...event, worker: 'rig-1' }, text)).toBe(true);
  });
});

describe('arrange', () => {
  it('puts trouble first, worst of all the silent', () => {
    expect(ids({}).slice(0, 6)).toEqual([
      'rig-stuck',
      'rig-offline',
      'rig-stalled',
      'rig-backing-off',
      'rig-stopped',
      'rig-liar',
    ]);
  });
  it('orders names as people count', () => {
    const named = ids({ sort: 'worker', text: 'pool_connected' });
    expect(named.indexOf('rig-2')).toBeLessThan(named.indexOf('rig-10'));
  });
  it('keeps the unknown last in both directions', () => {
    for (const descending of [true, false]) {
      const last = ids({ sort: 'claimed', descending }).at(-1);
      expect(workers.find(({ id }) => id === last)?.claimed_hs).toBeNull();
    }
    expect(ids({ sort: 'claimed', descending: true })[0]).toBe('rig-liar');
  });
  it.each(SORT_KEYS)('loses nobody when it sorts by %s', (sort) => {
    expect(ids({ sort }).toSorted()).toEqual(workers.map(({ id }) => id).toSorted());
  });
  it('filters by state and by trouble', () => {
    expect(ids({ state: 'offline' })).toEqual(['rig-offline']);
    expect(ids({ state: 'trouble' })).toHaveLength(6);
  });
  it('wants every word of the text, in any place and case', () => {
    expect(ids({ text: 'LIAR rtx' })).toEqual(['rig-liar']);
    expect(ids({ text: 'liar radeon' })).toEqual([]);
    expect(ids({ text: '  ' })).toHaveLength(workers.length);
    expect(ids({ text: 'runtime failed' })).toEqual(['rig-stuck']);
  });
});

describe('figures of a row', () => {
  const row = hashingRow('rig-1', 0, NOW);
  it('takes the hottest GPU that tells', () => {
    const [first, second] = row.gpus;
    if (first === undefined || second === undefined) throw new Error('the fake has GPUs');
    expect(
      hottest({
        ...row,
        gpus: [
          { ...first, temperature_c: null },
          { ...second, temperature_c: 71 },
        ],
      }),
    ).toBe(71);
    expect(hottest({ ...row, gpus: [{ ...first, temperature_c: null }] })).toBeNull();
    expect(hottest({ ...row, gpus: [] })).toBeNull();
  });
  it('labels the miner with what is known', () => {
    expect(minerLabel(row)).toBe('t-rex · kawpow');
    expect(minerLabel({ ...row, algo: null })).toBe('t-rex');
    expect(minerLabel({ ...row, miner: null, algo: null })).toBeNull();
  });
});
