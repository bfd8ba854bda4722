// From a fleet file and a snapshot to the orders that would be placed, and a reason for every other machine. Pure.
import { WORKER_NAME } from '../../wire/limits.ts';
import type { ExpectedGpus } from '../../wire/expected-gpus.ts';
import { CreateOrder, type Oc } from './body.ts';
import { configDigest, envComplaints, envOf, expectedOf, namesOf } from './env.ts';
import { type Fleet, filled, isWorkerFleet } from './fleet.ts';
import { ocOf } from './oc.ts';
import { priceOf } from './price.ts';
import { type Reason, type Refusal, type Refused, refused } from './reasons.ts';
import type { RigPair } from './rigs.ts';
import { type Banned, screen } from './screen.ts';
import { CURRENCY, type Machine, type Snapshot, readMachine } from './snapshot.ts';

/** An order of ours that runs, may run, or bids: what a new plan must leave room for. */
export interface Held {
  reason: Extract<Reason, 'own_bid' | 'outcome_unknown'>;
  detail: string;
}

export interface Market {
  snapshot: Snapshot;
  /** Ours, as the API tells it; null: own bids cannot be told from others'. */
  my_user_id: string | null;
  /** USD; null: not known. */
  clore_usd: number | null;
}

export interface PlanInput extends Market {
  fleet: Fleet;
  /** The CCR id that the fleet's image stands for. */
  image: string;
  banned: Banned;
  /** By server, from the journal: also what the snapshot does not show yet. */
  held: ReadonlyMap<string, Held>;
  /** Orders of this fleet that count against its limits, and what they cost in CLORE a day. */
  running: { orders: number; spend_clore_day: number };
  /** Pairs that no order has; empty but for HiveOS. */
  rigs: readonly RigPair[];
  /** A token for a worker. */
  mint(worker: string): string;
}

/** One order, with what the journal and the collector are told of it. */
export interface PlannedOrder {
  body: CreateOrder;
  worker: string;
  host: string | null;
  expect: ExpectedGpus[];
  rig_id: string | null;
  config_digest: string;
}

export interface Plan {
  orders: PlannedOrder[];
  refusals: Refusal[];
}

/** A machine that the fleet wants, and for how much. */
export interface Offer {
  server: string;
  machine: Machine;
  oc: Oc[];
  /** CLORE a day. */
  price: number;
}

/** Every machine of the snapshot is in the orders or in the refusals, never in both. */
export function plan(input: PlanInput): Plan {
  const offers: Offer[] = [];
  const refusals: Refusal[] = [];
  for (const [server, value] of Object.entries(input.snapshot)) {
    const offer = heldOf(server, input) ?? offerFor(server, value, input);
    if ('reason' in offer) refusals.push({ server, ...offer });
    else offers.push(offer);
  }
  offers.sort(
    (a, b) => a.price / a.machine.gpus.length - b.price / b.machine.gpus.length || Number(a.server) - Number(b.server),
  );
  const orders: PlannedOrder[] = [];
  const left = new Room(input);
  for (const offer of offers) {
    const order = left.refuses(offer) ?? orderOf(offer, input, left.nextRig());
    if ('reason' in order) refusals.push({ server: offer.server, ...order });
    else {
      left.take(order);
      orders.push(order);
    }
  }
  return { orders, refusals };
}

/** What the fleet would bid for a machine as if no order of ours were there; or why nothing. */
export function offerFor(
  server: string,
  value: unknown,
  input: Pick<PlanInput, 'fleet' | 'banned' | 'my_user_id' | 'clore_usd'>,
): Offer | Refused {
  const read = readMachine(server, value);
  if ('wrong' in read) return refused('snapshot_unreadable', read.wrong);
  const { machine } = read;
  const unwanted = screen(server, machine, input);
  if (unwanted !== null) return unwanted;
  const oc = ocOf(machine, input.fleet);
  if ('reason' in oc) return oc;
  const others = machine.bids.filter(({ owner }) => owner !== input.my_user_id);
  const price = priceOf({ machine, others, fleet: input.fleet, oc: oc.oc, clore_usd: input.clore_usd });
  return 'reason' in price ? price : { server, machine, oc: oc.oc, price: price.price };
}

function heldOf(server: string, { held, snapshot, my_user_id }: PlanInput): Refused | null {
  const known = held.get(server);
  if (known !== undefined) return refused(known.reason, known.detail);
  const read = readMachine(server, snapshot[server]);
  if ('wrong' in read || my_user_id === null) return null;
  const own = read.machine.bids.find(({ owner }) => owner === my_user_id);
  if (own === undefined) return null;
  return refused('own_bid', `order ${own.id}, ${own.price} CLORE a day${own.active ? '' : ', not active'}`);
}

/** What limits and pairs leave. */
class Room {
  readonly #input: PlanInput;
  readonly #spend_max: number;
  #orders: number;
  #spend: number;
  #rig = 0;

  constructor(input: PlanInput) {
    this.#input = input;
    const { spend_day } = input.fleet.limit;
    const rate = input.fleet.bid.unit === 'usd' ? (input.clore_usd ?? 0) : 1;
    this.#spend_max = spend_day === undefined ? Infinity : rate > 0 ? spend_day / rate : 0;
    this.#orders = input.running.orders;
    this.#spend = input.running.spend_clore_day;
  }

  refuses({ price }: Offer): Refused | null {
    const { fleet, rigs } = this.#input;
    if (this.#orders >= fleet.limit.orders) return refused('limit_orders', String(fleet.limit.orders));
    if (this.#spend + price > this.#spend_max)
      return refused('limit_spend', `${Math.floor(this.#spend_max * 100) / 100} CLORE a day`);
    if (fleet.profile === 'hiveos' && rigs[this.#rig] === undefined) return refused('no_rig_left');
    return null;
  }

  nextRig(): RigPair | null {
    return this.#input.rigs[this.#rig] ?? null;
  }

  take(order: PlannedOrder): void {
    this.#orders += 1;
    this.#spend += order.body.price;
    if (order.rig_id !== null) this.#rig += 1;
  }
}

function orderOf({ server, machine, oc, price }: Offer, input: PlanInput, rig: RigPair | null): PlannedOrder | Refused {
  const { fleet, image } = input;
  const worker = filled(fleet.worker, namesOf(server, machine));
  if (!WORKER_NAME.test(worker))
    return refused('env_refused', `${JSON.stringify(worker.slice(0, 80))} is no worker's name`);
  const env = envOf({ fleet, server, machine, rig, token: isWorkerFleet(fleet) ? input.mint(worker) : null });
  const [complaint] = envComplaints(env, fleet);
  if (complaint !== undefined) return refused('env_refused', complaint);
  const body = CreateOrder.safeParse({ currency: CURRENCY, image, renting_server: Number(server), price, oc, env });
  if (!body.success) return refused('env_refused', body.error.issues.map(({ message }) => message).join('; '));
  return {
    ...{ body: body.data, worker, host: machine.host, expect: expectedOf(machine), rig_id: rig?.rig_id ?? null },
    config_digest: configDigest(image, env),
  };
}
