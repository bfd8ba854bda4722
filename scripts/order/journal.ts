// What was sent to the market and what came of it: written before a request leaves, so that whatever dies in between, no order is
// sent twice. The rules are pure functions here; journal-file.ts keeps it on disk.
import * as z from 'zod';
import { MODEL } from '../../wire/expected-gpus.ts';
import { WorkerName } from '../../wire/fields.ts';
import { HostId } from '../../wire/orders.ts';
import { ImageId, Oc } from './body.ts';
import type { Held, PlannedOrder } from './plan.ts';
import { type Snapshot, readMachine } from './snapshot.ts';

/**
 * sending: the request was about to leave, and no answer was written down. unknown: no clear answer came. too_low: the API named it
 * in too_low_bids_servers, which does not say whether it is there. placed: accepted, or seen in a snapshot. ended: gone from one.
 */
const STATES = ['sending', 'unknown', 'too_low', 'placed', 'ended'] as const;

const Entry = z.strictObject({
  state: z.enum(STATES),
  fleet: z.string(),
  server: z.int(),
  host: z.string().nullable(),
  worker: z.string(),
  image: ImageId,
  /** CLORE a day. */
  price: z.number(),
  oc: z.array(Oc),
  expect: z.array(z.strictObject({ model: z.string(), count: z.int() })),
  rig_id: z.string().nullable(),
  config_digest: z.string(),
  /** Unix ms by the market's clock, of the last time that it left. */
  sent_ms: z.number(),
  /** Null while no snapshot has shown it. */
  order_id: z.int().nullable(),
  ended_ms: z.number().nullable(),
  /** Whether the collector has been told of the present state. */
  is_registered: z.boolean(),
});
export type Entry = z.infer<typeof Entry>;

export const Journal = z.strictObject({
  v: z.literal(1),
  /** Whose orders these are; null before the API told it. */
  my_user_id: z.string().nullable(),
  entries: z.array(Entry),
});
export type Journal = z.infer<typeof Journal>;

export const EMPTY_JOURNAL: Journal = { v: 1, my_user_id: null, entries: [] };

/** An order lives no longer than 20 days (facts/gigaspot.md). */
const LIFE_MS = 20 * 24 * 3600 * 1000;
/** Ended orders that wait to be told to a collector; more are forgotten, oldest first. */
const ENDED_MAX = 5000;

/** Entry of an order that is about to leave. */
export function newEntry(order: PlannedOrder, o: { fleet: string; now_ms: number }): Entry {
  const { body, worker, host, expect, rig_id, config_digest } = order;
  return {
    ...{ state: 'sending', fleet: o.fleet, server: body.renting_server, host, worker, image: body.image },
    ...{ price: body.price, oc: body.oc, expect, rig_id, config_digest, sent_ms: o.now_ms },
    ...{ order_id: null, ended_ms: null, is_registered: false },
  };
}

export function isLive({ state }: Pick<Entry, 'state'>): boolean {
  return state !== 'ended';
}

export interface Seen {
  snapshot: Snapshot;
  /** Unix ms of the snapshot; null: not known. */
  taken_ms: number | null;
  my_user_id: string;
  /** After a request left, a snapshot must be so much newer to prove that nothing came of it. */
  settle_ms: number;
}

/**
 * What a snapshot proves. A bid of ours makes an order placed, and gives its id. None in a snapshot that is newer by `settle_ms` ends a
 * placed order, and frees a machine whose order had no clear answer. A machine that the snapshot leaves out proves nothing.
 */
export function settle(entries: readonly Entry[], seen: Seen): Entry[] {
  const gone = new Set(
    entries.flatMap(({ state, order_id }) => (state === 'ended' && order_id !== null ? [order_id] : [])),
  );
  const settled = entries.flatMap((entry) => (isLive(entry) ? settleOne(entry, seen, gone) : [entry]));
  const ended = settled.filter((entry) => !isLive(entry) && isToBeTold(entry));
  return [...settled.filter(isLive), ...ended.slice(-ENDED_MAX)];
}

function settleOne(entry: Entry, seen: Seen, gone: ReadonlySet<number>): Entry[] {
  const { taken_ms } = seen;
  const read = readMachine(String(entry.server), seen.snapshot[String(entry.server)]);
  const own = 'wrong' in read ? [] : read.machine.bids.filter(({ owner }) => owner === seen.my_user_id);
  const bid = own.find(({ id }) => id === entry.order_id) ?? own.find(({ id }) => !gone.has(id));
  if (bid !== undefined) {
    const isNews = entry.state !== 'placed' || entry.order_id !== bid.id;
    return [isNews ? { ...entry, state: 'placed', order_id: bid.id, is_registered: false } : entry];
  }
  const isProof = taken_ms !== null && taken_ms >= entry.sent_ms + seen.settle_ms && !('wrong' in read);
  const isTooOld = taken_ms !== null && taken_ms >= entry.sent_ms + LIFE_MS + seen.settle_ms;
  if (!isProof && !isTooOld) return [entry];
  return entry.state === 'placed' ? [{ ...entry, state: 'ended', ended_ms: taken_ms, is_registered: false }] : [];
}

/** Whether the collector lacks it. HiveOS's rigs are no workers: no collector ever hears of them. */
export function isToBeTold({ is_registered, rig_id }: Entry): boolean {
  return !is_registered && rig_id === null;
}

/** Machines that may get no new order, and why. */
export function heldServers(entries: readonly Entry[]): Map<string, Held> {
  return new Map(
    entries.filter(isLive).map(({ server, state, sent_ms, price }): [string, Held] => {
      const at = new Date(sent_ms).toISOString();
      return [
        String(server),
        state === 'placed'
          ? { reason: 'own_bid', detail: `placed ${at}, ${price} CLORE a day` }
          : { reason: 'outcome_unknown', detail: `sent ${at}; it waits for a newer snapshot, or --forget ${server}` },
      ];
    }),
  );
}

/** What this fleet's live orders leave of its limits. */
export function runningOf(entries: readonly Entry[], fleet: string): { orders: number; spend_clore_day: number } {
  const live = entries.filter((entry) => isLive(entry) && entry.fleet === fleet);
  return { orders: live.length, spend_clore_day: live.reduce((sum, { price }) => sum + price, 0) };
}

/** HiveOS's rigs that a live order has. */
export function rigsInUse(entries: readonly Entry[]): Set<string> {
  return new Set(entries.flatMap((entry) => (isLive(entry) && entry.rig_id !== null ? [entry.rig_id] : [])));
}

/** Whether the collector's schema takes it: a machine with an odd host or model name is told of without them, or not at all. */
export function isRegistrable({ worker, host, expect }: Entry): boolean {
  const isHostGood = host === null || HostId.safeParse(host).success;
  return WorkerName.safeParse(worker).success && isHostGood && expect.every(({ model }) => MODEL.test(model));
}
