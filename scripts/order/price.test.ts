import { describe, expect, it } from 'vitest';
import { parseFleet } from './fleet.ts';
import { type PriceQuestion, priceOf } from './price.ts';
import { CURRENCY, type Machine } from './snapshot.ts';

const machine: Machine = {
  ...{ bids: [], on_demand_rented: false, online: true, ram: 8, cuda: '12', max_rental_length: 0, cc: 'RU', host: '1' },
  ...{ reliability: 1, energy_price: null, working_properly: true, min_bid: null },
  gpus: Array.from({ length: 2 }, () => ({
    ...{ model: 'RTX 3070', pl: [50, 200] as [number, number], mem_lock: null, core_lock: null },
    ...{ mem_offset: null, core_offset: null },
  })),
};

function bids(...prices: number[]): PriceQuestion['others'] {
  return prices.map((price, id) => ({ owner: '5', id, active: false, price, currency: CURRENCY, pl: 200 }));
}

function price(
  bid: object,
  o: { others?: PriceQuestion['others']; machine?: Partial<Machine>; usd?: number } = {},
): unknown {
  const read = parseFleet(
    JSON.stringify({
      ...{ name: 'f', profile: 'ubuntu', pools: ['stratum+tcp://p.example.org:1'], bid },
      ...{ env: { DELEGATED_ENTRYPOINT: 'http://c.example.org/e.sh' }, gpu: { 'RTX 3070': { pl: 100 } } },
    }),
  );
  if (!('fleet' in read)) throw new Error(read.complaints.join());
  const made = priceOf({
    ...{ machine: { ...machine, ...o.machine }, others: o.others ?? [], fleet: read.fleet },
    ...{ oc: [{ pl: 100 }, { pl: 100 }], clore_usd: o.usd ?? null },
  });
  return 'price' in made ? made.price : made.reason;
}

describe('a bid', () => {
  it.each([
    ['fixed: the GPUs’ together', { rule: 'fixed', per_gpu: 1.5 }, {}, 3],
    ['fixed: whatever others bid', { rule: 'fixed', per_gpu: 1 }, { others: bids(9) }, 2],
    [
      'fixed: not below the host’s least',
      { rule: 'fixed', per_gpu: 1 },
      { machine: { min_bid: 2.5 } },
      'price_too_high',
    ],
    ['fixed: in USD', { rule: 'fixed', per_gpu: 0.01, unit: 'usd' }, { usd: 0.005 }, 4],
    ['in USD without the price of CLORE', { rule: 'fixed', per_gpu: 0.01, unit: 'usd' }, {}, 'price_range'],
    ['fixed: in steps that the market takes', { rule: 'fixed', per_gpu: 0.00003 }, {}, 0.0001],
    ['above the market’s most', { rule: 'fixed', per_gpu: 2501 }, {}, 'price_range'],
    ['outbid: the start where nobody bids', { rule: 'outbid', per_gpu: 1, max_per_gpu: 3 }, {}, 2],
    [
      'outbid: a step above the highest',
      { rule: 'outbid', per_gpu: 1, max_per_gpu: 3, step: 0.25 },
      { others: bids(1, 3.1) },
      3.35,
    ],
    [
      'outbid: no more than the most',
      { rule: 'outbid', per_gpu: 1, max_per_gpu: 3, step: 0.25 },
      { others: bids(5.8) },
      'price_too_high',
    ],
    [
      'outbid: up to the most, exactly',
      { rule: 'outbid', per_gpu: 1, max_per_gpu: 3, step: 0.25 },
      { others: bids(5.75) },
      6,
    ],
    [
      'outbid: the machine’s most counts too',
      { rule: 'outbid', max: 4, step: 1 },
      { others: bids(3.5) },
      'price_too_high',
    ],
    ['outbid: the host’s least', { rule: 'outbid', max: 4 }, { machine: { min_bid: 3.3 } }, 3.3],
    ['outbid: never nothing', { rule: 'outbid', max: 4 }, {}, 0.0001],
  ])('%s', (_name, bid, o, expected) => {
    expect(price(bid, o)).toBe(expected);
  });

  it('beside seven others may be the least', () => {
    expect(price({ rule: 'fixed', per_gpu: 1 }, { others: bids(3, 3, 3, 3, 3, 3, 3) })).toBe(2);
  });

  it('beside eight others must not be the least, nor as little as the least', () => {
    const eight = bids(3, 3, 3, 3, 2, 3, 3, 3);
    expect(price({ rule: 'fixed', per_gpu: 1 }, { others: eight })).toBe('eight_bids');
    expect(price({ rule: 'fixed', per_gpu: 1.001 }, { others: eight })).toBe(2.002);
  });

  it('beside eight others must leave the host more than one of them, its energy paid', () => {
    // 300 W more than theirs cost 0.72 USD a day at 0.1 USD/kWh; theirs leave 2 × 0.5 - 0 W.
    const others = bids(2, 2, 2, 2, 2, 2, 2, 2).map((bid) => ({ ...bid, pl: 10 }));
    const o = { others, usd: 0.5, machine: { energy_price: 0.1 } };
    expect(price({ rule: 'fixed', per_gpu: 1.1 }, o)).toBe('eight_bids');
    expect(price({ rule: 'fixed', per_gpu: 1.5 }, o)).toBe(3);
  });

  it('beside eight others in another currency is taken for the least', () => {
    const others = bids(1, 1, 1, 1, 1, 1, 1, 1).map((bid) => ({ ...bid, currency: 'bitcoin' }));
    expect(price({ rule: 'fixed', per_gpu: 1 }, { others })).toBe('eight_bids');
  });
});
