import { expect, it } from 'vitest';
import { rawMachine } from '../../test/fakes/markets.ts';
import type { RawMachine } from '../../test/fakes/market-rules.ts';
import { type DiffInput, Running, diff } from './diff.ts';
import { configDigest, envOf } from './env.ts';
import { parseFleet } from './fleet.ts';
import { readMachine } from './snapshot.ts';

const IMAGE = '0'.repeat(24);

function input(snapshot: Record<string, RawMachine>, o: { replace?: boolean; banned?: string } = {}): DiffInput {
  const read = parseFleet(
    JSON.stringify({
      ...{
        name: 'f',
        profile: 'ccr',
        image: IMAGE,
        pools: ['stratum+tcp://p.example.org:1'],
        filter: { countries: ['RU'] },
      },
      bid: { rule: 'outbid', per_gpu: 1, max_per_gpu: 2, step: 0.1 },
      gpu: { 'RTX 3070': { pl: 100 } },
    }),
  );
  if (!('fleet' in read)) throw new Error(read.complaints.join());
  const banned = {
    servers: new Map(o.banned === undefined ? [] : [[o.banned, 'slow']]),
    hosts: new Map<string, string>(),
  };
  return {
    fleet: read.fleet,
    image: IMAGE,
    banned,
    snapshot,
    my_user_id: '77',
    clore_usd: null,
    replace: o.replace ?? false,
  };
}

function bids(...prices: [owner: number, price: number][]): RawMachine['bids'] {
  return prices.map(([owner, price], id) => ({
    owner,
    id,
    active: true,
    price,
    currency: 'CLORE-Blockchain',
    pl: 200,
  }));
}

function running(change: Partial<Running> = {}): Running {
  return Running.parse({ order_id: 500, server: 7, price: 2, oc: [{ pl: 100 }, { pl: 100 }], ...change });
}

const cases: [name: string, machine: RawMachine | null, order: Running, change: string, edit: object | null][] = [
  ['nobody bids more', rawMachine({ bids: bids([77, 2]) }), running(), 'keep', null],
  [
    'another bids more',
    rawMachine({ bids: bids([77, 2], [5, 2.5]) }),
    running(),
    'edit',
    { order_id: 500, price: 2.6 },
  ],
  ['another bids more than the most', rawMachine({ bids: bids([77, 2], [5, 4]) }), running(), 'cancel', null],
  [
    'the others have gone',
    rawMachine({ bids: bids([77, 3]) }),
    running({ price: 3 }),
    'edit',
    { order_id: 500, price: 2 },
  ],
  ['the others have fallen by less than a step', rawMachine({}), running({ price: 2.05 }), 'keep', null],
  [
    'other clocks',
    rawMachine({}),
    running({ oc: [{ pl: 90 }] }),
    'edit',
    { order_id: 500, price: 2, oc: [{ pl: 100 }, { pl: 100 }] },
  ],
  ['clocks that are not known', rawMachine({}), running({ oc: null }), 'keep', null],
  ['it is offline', rawMachine({ online: false }), running(), 'transient', null],
  ['it has moved', rawMachine({ cc: 'DE' }), running(), 'cancel', null],
  ['it is not in the snapshot', null, running(), 'absent', null],
  ['its settings are others by now', rawMachine({}), running({ config_digest: 'other' }), 'outdated', null],
];
it.each(cases)('where %s: the order is for %s', (_name, machine, order, change, edit) => {
  const made = diff([order], input(machine === null ? {} : { '7': machine }));
  expect(made.changes).toMatchObject([{ order_id: 500, server: 7, change }]);
  expect(made.edits).toEqual(edit === null ? [] : [edit]);
  expect(made.cancels).toEqual(change === 'cancel' ? [{ order_ids: [500] }] : []);
});

it('an order of a black-listed machine is cancelled, and says why', () => {
  const made = diff([running()], input({ '7': rawMachine({}) }, { banned: '7' }));
  expect(made.changes).toMatchObject([
    { change: 'cancel', reason: 'blacklisted_server', words: 'the black list has this server: slow' },
  ]);
});

it('an order with the settings of now is kept, and one with others is cancelled by --replace', () => {
  const on = input({ '7': rawMachine({}) }, { replace: true });
  const read = readMachine('7', on.snapshot['7']);
  if (!('machine' in read)) throw new Error(read.wrong);
  const env = envOf({ fleet: on.fleet, server: '7', machine: read.machine, token: 'of then', rig: null });
  expect(diff([running({ config_digest: configDigest(IMAGE, env) })], on).changes).toMatchObject([{ change: 'keep' }]);
  expect(diff([running({ config_digest: 'other' })], on).cancels).toEqual([{ order_ids: [500] }]);
});

it('cancels 64 orders in a request', () => {
  const orders = Array.from({ length: 150 }, (_, i) => running({ order_id: i, server: i + 1 }));
  const snapshot = Object.fromEntries(orders.map(({ server }) => [String(server), rawMachine({ cc: 'DE' })]));
  expect(diff(orders, input(snapshot)).cancels.map(({ order_ids }) => order_ids.length)).toEqual([64, 64, 22]);
});
