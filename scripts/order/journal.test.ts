import { describe, expect, it } from 'vitest';
import { MY_USER_ID, rawMachine } from '../../test/fakes/markets.ts';
import { type Entry, heldServers, isRegistrable, newEntry, rigsInUse, runningOf, settle } from './journal.ts';

const T = 1_764_170_000_000;
const SETTLE_MS = 300_000;

function entry(change: Partial<Entry> = {}): Entry {
  const body = {
    ...{ currency: 'CLORE-Blockchain' as const, image: '0'.repeat(24), renting_server: 7, price: 2, oc: [{ pl: 100 }] },
    env: {},
  };
  const order = {
    body,
    worker: 'rig-7',
    host: '5',
    expect: [{ model: 'RTX 3070', count: 1 }],
    rig_id: null,
    config_digest: 'x',
  };
  return { ...newEntry(order, { fleet: 'f', now_ms: T }), ...change };
}

function bid(id: number, owner = MY_USER_ID) {
  return { owner, id, active: true, price: 2, currency: 'CLORE-Blockchain', pl: 100 };
}

/** After a snapshot taken `s` seconds after the request left. */
function after(one: Entry, s: number | null, bids: ReturnType<typeof bid>[] | null): Entry[] {
  const snapshot = bids === null ? {} : { '7': rawMachine({ bids }) };
  const taken_ms = s === null ? null : T + s * 1000;
  return settle([one], { snapshot, taken_ms, my_user_id: String(MY_USER_ID), settle_ms: SETTLE_MS });
}

describe('a request without a clear answer', () => {
  it.each(['sending', 'unknown', 'too_low'] as const)('(%s) is an order once a snapshot shows its bid', (state) => {
    expect(after(entry({ state }), 1, [bid(99, 5), bid(100)])).toMatchObject([
      { state: 'placed', order_id: 100, is_registered: false },
    ]);
  });

  it.each(['sending', 'unknown', 'too_low'] as const)(
    '(%s) is none once a snapshot that is new enough shows no bid',
    (state) => {
      expect(after(entry({ state }), 299, [bid(99, 5)])).toMatchObject([{ state }]);
      expect(after(entry({ state }), 300, [bid(99, 5)])).toEqual([]);
    },
  );

  it('stays so where the snapshot’s time is not known, or the machine is not in it', () => {
    expect(after(entry(), null, [])).toMatchObject([{ state: 'sending' }]);
    expect(after(entry(), 86_400, null)).toMatchObject([{ state: 'sending' }]);
    expect(after(entry(), 21 * 86_400, null)).toEqual([]);
  });

  it('is not proven by a bid that ended before', () => {
    const old = entry({ state: 'ended', order_id: 100, ended_ms: T - 1 });
    const snapshot = { '7': rawMachine({ bids: [bid(100)] }) };
    const seen = { snapshot, taken_ms: T + 1000, my_user_id: String(MY_USER_ID), settle_ms: SETTLE_MS };
    expect(settle([old, entry()], seen)).toMatchObject([{ state: 'sending' }, { state: 'ended' }]);
  });
});

describe('a placed order', () => {
  const placed = entry({ state: 'placed', order_id: 100, is_registered: true });

  it('stays while a snapshot shows it, or none is new enough', () => {
    expect(after(placed, 3600, [bid(100)])).toEqual([placed]);
    expect(after(placed, 10, [])).toEqual([placed]);
  });

  it('has ended once a newer snapshot lacks it, and the collector is to hear of that', () => {
    expect(after(placed, 3600, [])).toMatchObject([{ state: 'ended', ended_ms: T + 3_600_000, is_registered: false }]);
  });

  it('has another id where the market shows another', () => {
    expect(after(placed, 10, [bid(101)])).toMatchObject([{ state: 'placed', order_id: 101, is_registered: false }]);
  });
});

it('an ended order is kept until the collector knows', () => {
  const ended = entry({ state: 'ended', ended_ms: T });
  expect(after(ended, 3600, [])).toEqual([ended]);
  expect(after({ ...ended, is_registered: true }, 3600, [])).toEqual([]);
  // A rig of HiveOS is no worker of ours.
  expect(after({ ...ended, rig_id: '5' }, 3600, [])).toEqual([]);
});

it('live orders hold their machines, their limits and their rigs', () => {
  const all = [
    entry({ rig_id: '1' }),
    entry({ server: 8, state: 'placed', rig_id: '2' }),
    entry({ server: 9, state: 'ended', rig_id: '3' }),
    entry({ server: 10, state: 'unknown', fleet: 'other' }),
  ];
  const held = heldServers(all);
  expect([...held].map(([server, { reason }]) => [server, reason])).toEqual([
    ['7', 'outcome_unknown'],
    ['8', 'own_bid'],
    ['10', 'outcome_unknown'],
  ]);
  expect(runningOf(all, 'f')).toEqual({ orders: 2, spend_clore_day: 4 });
  expect([...rigsInUse(all)]).toEqual(['1', '2']);
});

it('an order can be registered whose names the collector’s schema takes', () => {
  expect(isRegistrable(entry())).toBe(true);
  expect(isRegistrable(entry({ host: 'a b' }))).toBe(false);
  expect(isRegistrable(entry({ expect: [{ model: 'Odd+Model', count: 1 }] }))).toBe(false);
});
