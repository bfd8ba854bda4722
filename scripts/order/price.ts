// What is bid for one machine, in CLORE a day.
import { PRICE_MAX, PRICE_MIN, type Oc } from './body.ts';
import { type Fleet, modelKey } from './fleet.ts';
import { type Refused, refused } from './reasons.ts';
import { type Bid, CURRENCY, type Machine } from './snapshot.ts';

/** Bids that live on one machine; of more, the least profitable is cancelled (facts/gigaspot.md). */
const BIDS_MAX = 8;
/** Prices are told to this many steps of a CLORE. */
const STEPS = 10_000;

export interface PriceQuestion {
  machine: Machine;
  /** Everybody else's bids. */
  others: readonly Bid[];
  fleet: Pick<Fleet, 'bid' | 'gpus'>;
  oc: readonly Oc[];
  /** USD; null: not known. Needed where the fleet file bids in USD. */
  clore_usd: number | null;
}

/** The bid, or why there is none. */
export function priceOf(q: PriceQuestion): { price: number } | Refused {
  const { bid } = q.fleet;
  const rate = bid.unit === 'usd' ? q.clore_usd : 1;
  if (rate === null || rate <= 0) return refused('price_range', 'the price of CLORE in USD is not known');
  const floor = sumOf(q, 'bid', bid.per_gpu) / rate;
  const ceiling = Math.min(sumOf(q, 'max', bid.max_per_gpu), bid.max ?? Infinity) / rate;
  const highest = Math.max(0, ...q.others.flatMap((one) => (one.currency === CURRENCY ? [one.price] : [])));
  const beats = bid.rule === 'outbid' ? highest + (highest > 0 ? bid.step / rate : 0) : 0;
  const price = upToStep(Math.max(floor, beats, q.machine.min_bid ?? 0, bid.rule === 'outbid' ? PRICE_MIN : 0));
  const most = bid.rule === 'fixed' ? Math.min(upToStep(floor), ceiling) : ceiling;
  if (price > most) return refused('price_too_high', `${price} CLORE a day, and the most is ${downToStep(most)}`);
  if (price < PRICE_MIN || price > PRICE_MAX)
    return refused('price_range', `${price} CLORE a day, and the market takes ${PRICE_MIN} to ${PRICE_MAX}`);
  const lost = losesAmongEight(q, price);
  return lost === null ? { price } : refused('eight_bids', lost);
}

/** Of all GPUs, in the fleet's unit. A GPU without a value adds nothing to a bid, and has no end of its own. */
function sumOf({ machine, fleet }: PriceQuestion, key: 'bid' | 'max', otherwise: number | undefined): number {
  const none = key === 'bid' ? 0 : Infinity;
  return machine.gpus.reduce(
    (sum, { model }) => sum + (fleet.gpus.get(modelKey(model))?.[key] ?? otherwise ?? none),
    0,
  );
}

/**
 * Where eight others bid, ours must not be the least profitable for the host. Whether the market counts the energy that a bid's power
 * limit costs is unconfirmed, so that ours must be better than one other both ways; a bid in another currency is taken as a better one.
 */
function losesAmongEight(q: PriceQuestion, price: number): string | null {
  if (q.others.length < BIDS_MAX) return null;
  const rivals = q.others.filter(({ currency }) => currency === CURRENCY);
  const least = Math.min(...rivals.map((rival) => rival.price));
  if (price <= least) return `${price} CLORE a day, and the least of ${q.others.length} bids is ${least}`;
  const { energy_price } = q.machine;
  const { clore_usd } = q;
  if (energy_price === null || clore_usd === null) return null;
  const profit = (clore_day: number, watts: number): number =>
    clore_day * clore_usd - (watts / 1000) * 24 * energy_price;
  const profits = rivals.flatMap((rival) => (rival.pl === null ? [] : [profit(rival.price, rival.pl)]));
  const ours = profit(
    price,
    q.oc.reduce((sum, { pl }) => sum + pl, 0),
  );
  if (profits.length < rivals.length || ours > Math.min(...profits)) return null;
  return `${price} CLORE a day less the energy of its power limit leaves the host less than each of ${q.others.length} bids`;
}

function upToStep(price: number): number {
  return Math.ceil(price * STEPS - 1e-6) / STEPS;
}

function downToStep(price: number): number {
  return Math.floor(price * STEPS + 1e-6) / STEPS;
}
