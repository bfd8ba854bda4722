// What to change about orders that run: the bodies of edit_gigaspot_orders and cancel_orders. Pure.
import * as z from 'zod';
import { CANCEL_MAX, type CancelOrders, EditOrder, Oc, PRICE_MAX, PRICE_MIN } from './body.ts';
import { configDigest, envOf } from './env.ts';
import { type Entry, isLive } from './journal.ts';
import { type PlanInput, offerFor } from './plan.ts';
import { REASONS, type Reason, wordsOf } from './reasons.ts';
import type { Machine } from './snapshot.ts';

/** A running order of this fleet: of the journal, or of the file of --orders. */
export const Running = z.strictObject({
  order_id: z.int().nonnegative(),
  server: z.int().positive(),
  /** CLORE a day. */
  price: z.number().min(PRICE_MIN).max(PRICE_MAX),
  /** null: not known, and left as it is. */
  oc: z.array(Oc).nullable().default(null),
  /** By `configDigest`, of what the workload was told; null: not known. */
  config_digest: z.string().nullable().default(null),
});
export type Running = z.infer<typeof Running>;
export const RunningFile = z.array(Running).max(100_000);

/**
 * keep: as it should be. outdated: the image or the env would be another by now, which no edit can change. transient: the machine is not wanted now, for a reason
 * that passes. absent: not in the snapshot.
 */
export type Change = 'edit' | 'cancel' | 'keep' | 'outdated' | 'transient' | 'absent';

export interface Changed {
  order_id: number;
  server: number;
  change: Change;
  /** Why the fleet does not want the machine; null where it does, or nothing is known. */
  reason: Reason | null;
  words: string;
}

export interface Diff {
  edits: EditOrder[];
  cancels: CancelOrders[];
  changes: Changed[];
}

/** The journal's orders of a fleet whose ids are known. */
export function runningInJournal(entries: readonly Entry[], fleet: string): Running[] {
  return entries.flatMap((entry) =>
    isLive(entry) && entry.fleet === fleet && entry.order_id !== null
      ? [
          {
            order_id: entry.order_id,
            server: entry.server,
            price: entry.price,
            oc: entry.oc,
            config_digest: entry.config_digest,
          },
        ]
      : [],
  );
}

export type DiffInput = Pick<PlanInput, 'fleet' | 'image' | 'banned' | 'snapshot' | 'my_user_id' | 'clore_usd'> & {
  /** Outdated orders are cancelled, so that a later run places them anew. */
  replace: boolean;
};

/** What to do about each running order. */
export function diff(running: readonly Running[], input: DiffInput): Diff {
  const edits: EditOrder[] = [];
  const gone: number[] = [];
  const changes = running.map((order): Changed => {
    const { edit, ...told } = changeOf(order, input);
    if (edit !== undefined) edits.push(edit);
    if (told.change === 'cancel') gone.push(order.order_id);
    return { order_id: order.order_id, server: order.server, ...told };
  });
  const cancels: CancelOrders[] = [];
  for (let i = 0; i < gone.length; i += CANCEL_MAX) cancels.push({ order_ids: gone.slice(i, i + CANCEL_MAX) });
  return { edits, cancels, changes };
}

function changeOf(
  order: Running,
  input: DiffInput,
): Pick<Changed, 'change' | 'reason' | 'words'> & { edit?: EditOrder } {
  const server = String(order.server);
  const value = input.snapshot[server];
  if (value === undefined) return { change: 'absent', reason: null, words: 'the snapshot has no such machine' };
  const offer = offerFor(server, value, input);
  if ('reason' in offer) {
    const { isLasting } = REASONS[offer.reason];
    return { change: isLasting ? 'cancel' : 'transient', reason: offer.reason, words: wordsOf(offer) };
  }
  if (isOutdated(order, offer.machine, input)) {
    const words = 'its image or env would be another by now, and an edit cannot change that';
    return { change: input.replace ? 'cancel' : 'outdated', reason: null, words };
  }
  // A bid falls only by more than a step: who follows every move of others is none the better for it.
  const falls = order.price - offer.price;
  const price = falls > 0 && falls <= stepOf(input) ? order.price : offer.price;
  const isOcOther = order.oc !== null && !sameOc(order.oc, offer.oc);
  if (price === order.price && !isOcOther) return { change: 'keep', reason: null, words: '' };
  const words = [price === order.price ? '' : `${order.price} to ${price} CLORE a day`, isOcOther ? 'oc' : ''];
  const edit = EditOrder.parse({ order_id: order.order_id, price, ...(isOcOther ? { oc: offer.oc } : {}) });
  return { change: 'edit', reason: null, words: words.filter((text) => text !== '').join(', '), edit };
}

function isOutdated({ server, config_digest }: Running, machine: Machine, { fleet, image }: DiffInput): boolean {
  if (config_digest === null) return false;
  const env = envOf({ fleet, server: String(server), machine, token: null, rig: null });
  return configDigest(image, env) !== config_digest;
}

function stepOf({ fleet, clore_usd }: DiffInput): number {
  if (fleet.bid.rule === 'fixed') return 0;
  return fleet.bid.unit === 'usd' ? fleet.bid.step / (clore_usd ?? Infinity) : fleet.bid.step;
}

function sameOc(a: readonly Oc[], b: readonly Oc[]): boolean {
  const text = (list: readonly Oc[]): string =>
    JSON.stringify(list.map((oc) => Object.entries(oc).toSorted(([x], [y]) => (x < y ? -1 : 1))));
  return text(a) === text(b);
}
