// Generated markets and fleet files, sane and senseless ones, for properties of the planner.
import fc from 'fast-check';
import type { RawBid, RawFleet, RawGpu, RawMachine } from './market-rules.ts';

export const MY_USER_ID = 77;
export const OWN_IMAGE = '0123456789abcdef01234567';

const MODELS = [
  'RTX 3070',
  'RTX 3080',
  'NVIDIA GeForce RTX 3070',
  'GTX 1660 SUPER',
  'P104-100',
  'RTX 9090',
  'Odd+Model',
  'RTX 3060 (Laptop)',
];
const COUNTRIES = ['RU', 'KZ', 'US', 'DE', 'CN'];

const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(some, { nil: null, freq: 25 });
const mostly = <T, U>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 39, arbitrary: usual }, { weight: 1, arbitrary: odd });
const odd = fc.constantFrom<unknown[]>(null, undefined, 'x', [], [5], [300, 100], [100.4, 100.6], [0, 0], [-5, 0]);

function range(least: number, most: number): fc.Arbitrary<unknown> {
  const width = most - least;
  const usual = fc
    .tuple(fc.nat(width), fc.nat(width))
    .map(([a, b]) => [least + Math.min(a, b), least + Math.max(a, b)]);
  return mostly(usual, odd);
}

const gpu: fc.Arbitrary<RawGpu> = fc.record({
  model: mostly(fc.constantFrom(...MODELS.slice(0, 3)), fc.constantFrom(...MODELS)),
  pl: range(50, 400),
  mem_lock: range(405, 10_000),
  core_lock: range(200, 2500),
  mem_offset: range(-2000, 3000),
  core_offset: range(-1000, 500),
});

const price = mostly(
  fc.oneof(
    fc.constantFrom(0.2, 1, 1.0001, 2.1),
    fc.integer({ min: 1, max: 60_000 }).map((n) => n / 10_000),
  ),
  fc.constantFrom(0, 0.0001, 12, 4999.9999, 5000, 9000),
);

const bid: fc.Arbitrary<RawBid> = fc.record({
  owner: mostly(fc.integer({ min: 1, max: 60 }), fc.constant(MY_USER_ID)),
  id: fc.integer({ min: 1, max: 1_000_000 }),
  active: fc.boolean(),
  price,
  currency: mostly(fc.constant('CLORE-Blockchain'), fc.constant('bitcoin')),
  pl: maybe(fc.integer({ min: 50, max: 2000 })),
});

const machine: fc.Arbitrary<RawMachine> = fc.record(
  {
    bids: fc.oneof(
      { weight: 3, arbitrary: fc.array(bid, { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.array(bid, { minLength: 7, maxLength: 10 }) },
    ),
    on_demand_rented: mostly(fc.constant(false), fc.constant(true)),
    online: mostly(fc.constant(true), fc.constant(false)),
    ram: maybe(fc.double({ min: 0, max: 64, noNaN: true })),
    gpus: mostly(
      gpu.chain((one) => fc.integer({ min: 1, max: 8 }).map((count) => Array.from({ length: count }, () => one))),
      fc.array(gpu, { maxLength: 34 }),
    ),
    cuda: maybe(fc.constantFrom('11.4', '12.2', '12.10', '13', '9.0', 'none')),
    max_rental_length: maybe(fc.integer({ min: 0, max: 2_000_000 })),
    cc: maybe(fc.constantFrom(...COUNTRIES, 'ru', 'Russia', '')),
    host: maybe(fc.integer({ min: 1, max: 5 })),
    reliability: maybe(fc.double({ min: 0, max: 1, noNaN: true })),
    energy_price: maybe(fc.constantFrom(0, 0.05, 0.3)),
    working_properly: mostly(fc.constant(true), fc.constant(false)),
    min_bid: mostly(fc.constantFrom(0, 0.5), fc.constant(13.5067)),
  },
  {
    requiredKeys: [
      'bids',
      'on_demand_rented',
      'online',
      'ram',
      'gpus',
      'cuda',
      'max_rental_length',
      'cc',
      'host',
      'reliability',
      'energy_price',
    ],
  },
);

const server = mostly(
  fc.integer({ min: 1, max: 40 }).map(String),
  fc.constantFrom('0', 'x', '07', '1e3', '-4', '9999999999999'),
);
const senseless = fc.constantFrom<unknown[]>(null, 7, 'machine', [], {}, { bids: 'none', online: true });

/** Machines by server. */
export const snapshots: fc.Arbitrary<Record<string, unknown>> = fc
  .array(fc.tuple(server, mostly(machine, senseless)), { maxLength: 8 })
  .map((pairs) => Object.fromEntries(pairs));

const wish = fc.record(
  {
    pl: fc.constantFrom(60, 120, 130, 250, 401),
    core_lock: fc.constantFrom(900, 1500, 2600),
    mem_lock: fc.constantFrom(5001, 9500),
    core_offset: fc.constantFrom(-200, 0, 100, 600),
    mem_offset: fc.constantFrom(-500, 1000, 2600),
    bid: fc.constantFrom(0.0003, 0.3, 1.23456, 40),
    max: fc.constantFrom(0.4, 15, 100, 1000),
  },
  { requiredKeys: ['pl'] },
);

const POOLS = [
  'stratum+tcp://ru.example.org:5030#RU',
  'stratum+ssl://eu.example.org:5130',
  'stratum+tcp://user:secret@us.example.org:3333#US,DE',
  'stratum+ssl://kz.example.org:5131?sni=none#KZ',
  `stratum+tcp://${'long-name.'.repeat(20)}example.org:4444`,
];

const SANE_ENV = {
  DELEGATED_ENTRYPOINT: 'https://collector.example.org/entrypoint.sh',
  SPOTRIG_COLLECTOR: 'https://collector.example.org',
  SPOTRIG_MINER: 't-rex',
  SPOTRIG_ALGO: 'kawpow',
  SPOTRIG_WALLET: 'RWalletOfAnExample',
};

const oddEnv = fc.constantFrom<Record<string, string>[]>(
  { SPOTRIG_MINER_ARGS: JSON.stringify(['y'.repeat(1500)]) },
  { SPOTRIG_MINER_ARGS: JSON.stringify(['z'.repeat(1600)]) },
  { SPOTRIG_LOG: 'loud' },
  { SPOTRIG_TYPO: '1' },
  { OTHER: 'ü'.repeat(1600) },
  { OTHER: '"'.repeat(1536) },
  { SPOTRIG_WALLET: '' },
);

/** Fillers bring the whole near its limit and over it. */
const workerEnv: fc.Arbitrary<Record<string, string>> = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: oddEnv }),
    fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(5, 6, 7, 8) }),
    fc.integer({ min: 1000, max: 1536 }),
  )
  .map(([some, fillers, chars]) => ({
    ...SANE_ENV,
    ...some,
    ...Object.fromEntries(Array.from({ length: fillers }, (_, i) => [`FILL_${i}`, 'f'.repeat(chars)])),
  }));

const filter = fc.record(
  {
    countries: fc.subarray(COUNTRIES, { minLength: 3 }),
    not_countries: fc.subarray(COUNTRIES, { maxLength: 2 }),
    min_gpus: fc.integer({ min: 1, max: 4 }),
    max_gpus: fc.integer({ min: 4, max: 40 }),
    min_reliability: fc.constantFrom(0, 0.5, 0.9),
    min_ram_gb: fc.constantFrom(0, 4, 16),
    min_cuda: fc.constantFrom('11.4', '12', '12.9'),
    min_rental_h: fc.constantFrom(0, 24, 400),
  },
  { requiredKeys: [] },
);

/** Fleet files, nearly all of which can be read. */
export const fleets: fc.Arbitrary<RawFleet> = fc
  .record({
    profile: fc.constantFrom<RawFleet['profile'][]>('ubuntu', 'ubuntu', 'ccr', 'hiveos'),
    worker: fc.constantFrom(undefined, 'rig-{server}', 'w_{server}'),
    pools: fc.subarray(POOLS, { minLength: 1 }),
    env: workerEnv,
    filter: fc.option(filter, { nil: undefined, freq: 2 }),
    rule: fc.constantFrom<('fixed' | 'outbid')[]>('fixed', 'outbid'),
    unit: fc.constantFrom<('clore' | 'usd' | undefined)[]>('clore', 'usd', undefined),
    step: fc.constantFrom(0.0001, 0.01, 1),
    max: fc.option(fc.constantFrom(0.5, 25, 100), { nil: undefined, freq: 2 }),
    oc_outside: fc.constantFrom<('clamp' | 'refuse' | undefined)[]>('clamp', 'clamp', 'refuse', undefined),
    gpu: fc
      .tuple(
        fc.record({ 'RTX 3070': wish, 'RTX 3080': wish }),
        fc.dictionary(fc.constantFrom(...MODELS.slice(3)), wish, { maxKeys: 4 }),
      )
      .map(([usual, others]) => ({ ...usual, ...others })),
    limit: fc.option(
      fc.record(
        { orders: fc.constantFrom(0, 3, 100, 1000), spend_day: fc.constantFrom(10, 100, 100_000) },
        { requiredKeys: [] },
      ),
      { nil: undefined },
    ),
  })
  .map(({ rule, unit, step, max, pools, profile, env, ...rest }) => ({
    name: 'generated',
    profile,
    ...(profile === 'ccr' ? { image: OWN_IMAGE } : {}),
    ...(profile === 'hiveos' ? { rigs: 'rigs.csv', env: { NOTE: env['OTHER'] ?? 'x' } } : { pools, env }),
    bid: {
      rule,
      ...(unit === undefined ? {} : { unit }),
      step,
      per_gpu: 0.7,
      max_per_gpu: 3,
      ...(max === undefined ? {} : { max }),
    },
    ...(JSON.parse(JSON.stringify(rest)) as Pick<RawFleet, 'gpu'>),
  }));

/** A machine that the example fleet file wants, but for `change`. */
export function rawMachine(change: Partial<RawMachine>): RawMachine {
  const one = {
    ...{ model: 'RTX 3070', pl: [60, 220], mem_lock: [405, 7001], core_lock: [300, 2100] },
    ...{ mem_offset: [-2000, 3000], core_offset: [-1000, 1000] },
  };
  return {
    ...{ bids: [], on_demand_rented: false, online: true, ram: 7.8, gpus: [one, one], cuda: '12.2' },
    ...{ max_rental_length: 1_728_000, cc: 'RU', host: 2525, reliability: 0.97, energy_price: 0.05 },
    ...change,
  };
}
