// The rules of the market and of a fleet file, written a second time and in another way, so that a test can hold the planner to them:
// nothing here is of scripts/order.
import { readConfig } from '../../entrypoint/config.ts';
import { forgetSecrets } from '../../platform/secrets.ts';

/** A GPU of a snapshot, as the market would write it. */
export interface RawGpu {
  model: string;
  pl?: unknown;
  mem_lock?: unknown;
  core_lock?: unknown;
  mem_offset?: unknown;
  core_offset?: unknown;
}

export interface RawBid {
  owner: number;
  id: number;
  active: boolean;
  price: number;
  currency: string;
  pl: number | null;
}

export interface RawMachine {
  bids: RawBid[];
  on_demand_rented: boolean;
  online: boolean;
  ram: number | null;
  gpus: RawGpu[];
  cuda: string | null;
  max_rental_length: number | null;
  cc: string | null;
  host: number | null;
  reliability: number | null;
  energy_price: number | null;
  working_properly?: boolean;
  min_bid?: number;
}

/** A fleet file as JSON. */
export interface RawFleet {
  name: string;
  profile: 'ubuntu' | 'hiveos' | 'ccr';
  image?: string;
  worker?: string;
  pool_worker?: string;
  pools?: string[];
  rigs?: string;
  env: Record<string, string>;
  filter?: Record<string, unknown>;
  bid: {
    rule: 'fixed' | 'outbid';
    unit?: 'clore' | 'usd';
    step?: number;
    per_gpu?: number;
    max_per_gpu?: number;
    max?: number;
  };
  oc_outside?: 'clamp' | 'refuse';
  gpu: Record<
    string,
    {
      pl: number;
      core_lock?: number;
      mem_lock?: number;
      core_offset?: number;
      mem_offset?: number;
      bid?: number;
      max?: number;
    }
  >;
  limit?: { orders?: number; spend_day?: number };
}

/** An order's body, as far as a test trusts it. */
export interface RawOrder {
  [key: string]: unknown;
  renting_server: number;
  price: number;
  oc: Record<string, number>[];
  env: Record<string, string>;
}

export interface RulesInput {
  fleet: RawFleet;
  snapshot: Record<string, unknown>;
  bodies: readonly RawOrder[];
  my_user_id: number;
  clore_usd: number;
  /** The CCR id of the fleet's image. */
  image: string;
  banned_servers: readonly string[];
  banned_hosts: readonly string[];
  held: readonly string[];
  rigs: readonly { rig_id: string; rig_pass: string }[];
  running: { orders: number; spend_clore_day: number };
}

const OC_KEYS = ['pl', 'core_lock', 'mem_lock', 'mem_offset', 'core_offset'];
const CLORE = 'CLORE-Blockchain';

/** Every rule that these bodies break, in words; [] when they break none. */
export function brokenRules(input: RulesInput): string[] {
  const broken: string[] = [];
  const rule = (holds: boolean, words: string): void => {
    if (!holds) broken.push(words);
  };
  const { bodies, fleet, running } = input;
  const servers = bodies.map(({ renting_server }) => renting_server);
  rule(new Set(servers).size === servers.length, 'a server has two orders');
  for (const body of bodies) checkOrder(body, input, (holds, words) => rule(holds, `${body.renting_server}: ${words}`));
  rule(
    bodies.length === 0 || bodies.length + running.orders <= (fleet.limit?.orders ?? 1000),
    'more orders than the limit',
  );
  const spend = bodies.reduce((sum, { price }) => sum + price, running.spend_clore_day);
  const spendMax = (fleet.limit?.spend_day ?? Infinity) / unitOf(input);
  rule(bodies.length === 0 || spend <= spendMax * (1 + 1e-9), 'more spent than the limit');
  if (fleet.profile === 'hiveos') {
    const ids = bodies.map(({ env }) => env['rig_id']);
    rule(new Set(ids).size === ids.length, 'a rig is there twice');
    for (const { env } of bodies)
      rule(
        input.rigs.some((r) => r.rig_id === env['rig_id'] && r.rig_pass === env['rig_pass']),
        'a pair is not of the list',
      );
  } else {
    const tokens = bodies.map(({ env }) => env['SPOTRIG_TOKEN']);
    rule(new Set(tokens).size === tokens.length, 'a token is there twice');
  }
  return broken;
}

type Rule = (holds: boolean, words: string) => void;

function checkOrder(body: RawOrder, input: RulesInput, rule: Rule): void {
  const server = String(body.renting_server);
  const { fleet } = input;
  const machine = input.snapshot[server] as RawMachine | undefined;
  const allowed = ['currency', 'image', 'renting_server', 'price', 'oc', 'env'];
  rule(
    Object.keys(body).every((key) => allowed.includes(key)),
    'unknown key',
  );
  rule(body['currency'] === CLORE, 'currency');
  rule(body['image'] === input.image && /^[0-9a-f]{24}$/.test(input.image), 'image');
  rule(Number.isSafeInteger(body.renting_server), 'server is no integer');
  rule(body.price >= 0.0001 && body.price <= 5000, 'price is out of the market’s range');
  checkEnv(body, rule);
  if (machine === undefined) {
    rule(false, 'is not in the snapshot');
    return;
  }
  rule(machine.online && !machine.on_demand_rented && machine.working_properly !== false, 'cannot be rented');
  rule(
    !machine.bids.some(({ owner }) => owner === input.my_user_id) && !input.held.includes(server),
    'has an order of ours',
  );
  rule(
    !input.banned_servers.includes(server) && !input.banned_hosts.includes(String(machine.host)),
    'is on the black list',
  );
  checkOc(body, machine, fleet, rule);
  checkPrice(body, machine, input, rule);
  checkFilter(machine, fleet, rule);
  if (fleet.profile !== 'hiveos') checkWorker(body, machine, fleet, rule);
}

function checkEnv({ env }: RawOrder, rule: Rule): void {
  rule(JSON.stringify(env).length < 12_288, 'env is too long');
  for (const [key, value] of Object.entries(env)) {
    rule(key.length <= 128, 'a key of env is too long');
    rule(typeof value === 'string' && value.length <= 1536, 'a value of env is no string, or too long');
  }
}

function checkOc({ oc }: RawOrder, { gpus }: RawMachine, fleet: RawFleet, rule: Rule): void {
  rule(oc.length === gpus.length, 'not one oc for each GPU');
  for (const [i, one] of oc.entries()) {
    const gpu = gpus[i];
    rule(Number.isInteger(one['pl']) && Number(one['pl']) > 0, 'pl is not there');
    const wish = Object.entries(fleet.gpu).find(([model]) => key(model) === key(gpu?.model ?? ''))?.[1];
    for (const [name, value] of Object.entries(one)) {
      rule(OC_KEYS.includes(name) && Number.isInteger(value), `oc has ${name}`);
      const range = gpu?.[name as keyof RawGpu] as [number, number] | undefined;
      rule(Array.isArray(range) && value >= range[0] && value <= range[1], `${name} is out of its range`);
      const wanted = wish?.[name as 'pl'];
      rule(wanted !== undefined && (fleet.oc_outside !== 'refuse' || value === wanted), `${name} is not as wanted`);
    }
  }
}

function checkPrice({ price }: RawOrder, machine: RawMachine, input: RulesInput, rule: Rule): void {
  const { fleet } = input;
  rule(price >= (machine.min_bid ?? 0), 'bids less than min_bid');
  const others = machine.bids.filter(({ owner }) => owner !== input.my_user_id);
  if (others.length >= 8)
    rule(
      others.some((bid) => bid.currency === CLORE && bid.price < price),
      'is the least of more than 8',
    );
  const wishes = machine.gpus.map(
    ({ model }) => Object.entries(fleet.gpu).find(([name]) => key(name) === key(model))?.[1],
  );
  const unit = unitOf(input);
  let most = fleet.bid.max ?? Infinity;
  most = Math.min(
    most,
    wishes.reduce((sum, wish) => sum + (wish?.max ?? fleet.bid.max_per_gpu ?? Infinity), 0),
  );
  const bid = wishes.reduce((sum, wish) => sum + (wish?.bid ?? fleet.bid.per_gpu ?? 0), 0);
  if (fleet.bid.rule === 'fixed') rule(Math.abs(price - bid / unit) <= 0.0002, 'is not the fixed bid');
  else {
    rule(price * unit >= bid - 1e-6, 'bids less than the fleet begins with');
    const beaten = others.filter(({ currency }) => currency === CLORE);
    rule(
      beaten.every((other) => price > other.price),
      'does not outbid',
    );
  }
  rule(price * unit <= most * (1 + 1e-9), 'bids more than the fleet’s most');
}

function checkFilter(machine: RawMachine, { filter = {}, gpu }: RawFleet, rule: Rule): void {
  const countryOf = (cc: string): string => (cc.toUpperCase() === 'KZ' ? 'RU' : cc.toUpperCase());
  const cc = machine.cc === null ? null : countryOf(machine.cc);
  const list = (name: string): string[] | undefined => (filter[name] as string[] | undefined)?.map(countryOf);
  rule(list('countries')?.includes(cc ?? '') !== false, 'country is not wanted');
  rule(cc === null || list('not_countries')?.includes(cc) !== true, 'country is excluded');
  const least = (name: string): number => (filter[name] as number | undefined) ?? 0;
  rule(machine.gpus.length >= Math.max(1, least('min_gpus')), 'too few GPUs');
  rule(machine.gpus.length <= (least('max_gpus') || 32), 'too many GPUs');
  rule((machine.reliability ?? 0) >= least('min_reliability'), 'reliability');
  rule((machine.ram ?? 0) >= least('min_ram_gb'), 'ram');
  rule((machine.max_rental_length ?? 0) >= least('min_rental_h') * 3600, 'rental length');
  const known = new Set(Object.keys(gpu).map(key));
  rule(
    machine.gpus.every(({ model }) => known.has(key(model))),
    'GPU model is not wanted',
  );
  const cuda = filter['min_cuda'] as string | undefined;
  if (cuda !== undefined) rule(Number(versionKey(machine.cuda)) >= Number(versionKey(cuda)), 'CUDA is too old');
}

function checkWorker({ env, renting_server }: RawOrder, machine: RawMachine, fleet: RawFleet, rule: Rule): void {
  const read = readConfig({ ...env, SPOTRIG_BOOT: '0'.repeat(32) });
  forgetSecrets();
  if ('refusal' in read) {
    rule(false, `the worker refuses its env: ${read.refusal.complaints.join('; ')}`);
    return;
  }
  const { config } = read;
  rule(config.server === String(renting_server), 'SPOTRIG_SERVER');
  const cc = machine.cc?.toUpperCase() ?? null;
  rule(config.country === (cc === null || cc.length !== 2 ? null : cc === 'KZ' ? 'RU' : cc), 'SPOTRIG_COUNTRY');
  rule(
    config.worker === (fleet.worker ?? 'rig-{server}').replaceAll('{server}', String(renting_server)),
    'worker’s name',
  );
  const promised = (config.expect ?? '').split('+').map((part) => Number(part.split('x', 1)[0]));
  rule(promised.reduce((a, b) => a + b, 0) === machine.gpus.length, 'SPOTRIG_EXPECT');
  rule(config.pools.length === (fleet.pools ?? []).length, 'a pool is missing');
  const ranks = config.pools.map(({ tags }) => (tags.length === 0 ? 1 : tags.includes(config.country ?? '') ? 0 : 2));
  rule(ranks.join('') === ranks.toSorted((a, b) => a - b).join(''), 'pools are not in the country’s order');
  if (fleet.profile === 'ubuntu') rule(/^https?:/.test(env['DELEGATED_ENTRYPOINT'] ?? ''), 'DELEGATED_ENTRYPOINT');
}

function unitOf({ fleet, clore_usd }: RulesInput): number {
  return fleet.bid.unit === 'usd' ? clore_usd : 1;
}

function key(model: string): string {
  return model
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => !['nvidia', 'geforce', 'amd', 'radeon', ''].includes(word))
    .join(' ');
}

function versionKey(version: string | null): number {
  const [major = '0', minor = '0'] = (version ?? '').split('.');
  return Number(major) * 1000 + Number(minor);
}
