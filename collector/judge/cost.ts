// What a delivered hash costs. Pure.
import { deliveredRate } from '../../stratum/interval.ts';
import type { MachineFacts } from './machine-facts.ts';

const DAY_MS = 86_400_000;
/** 1e12 hashes a second, for a day. */
const TERA = 1e12;

export interface Cost {
  /** By accepted shares over all the time that is paid for, with its 99.9 % interval. */
  delivered_hs: number | null;
  delivered_low_hs: number | null;
  delivered_high_hs: number | null;
  /** CLORE for 1 TH/s over a day; the likely one, and between what the interval allows. null: no bid, or no share yet. */
  clore_per_ths_day: number | null;
  clore_per_ths_day_low: number | null;
  clore_per_ths_day_high: number | null;
}

/** All paid time counts here, starts and hiccups too: whoever pays does not ask whose fault it is. */
export function costOf({ order, delivered, now_ms }: Pick<MachineFacts, 'order' | 'delivered' | 'now_ms'>): Cost {
  const until_ms = order === null || order.ended_at === null ? now_ms : Math.min(now_ms, Date.parse(order.ended_at));
  const window_ms = order === null ? delivered.window_ms : until_ms - Date.parse(order.placed_at);
  const rate = deliveredRate({ ...delivered, window_ms });
  const price = (rate_hs: number | null): number | null =>
    order === null || rate_hs === null || rate_hs <= 0 ? null : (order.bid_clore_day * TERA) / rate_hs;
  return {
    ...{ delivered_hs: rate.rate_hs, delivered_low_hs: rate.low_hs, delivered_high_hs: rate.high_hs },
    clore_per_ths_day: price(rate.rate_hs),
    clore_per_ths_day_low: price(rate.high_hs),
    clore_per_ths_day_high: price(rate.low_hs),
  };
}

/** What an order has cost until now, in CLORE; null where none is registered. */
export function spentClore({ order, now_ms }: Pick<MachineFacts, 'order' | 'now_ms'>): number | null {
  if (order === null) return null;
  const until_ms = order.ended_at === null ? now_ms : Math.min(now_ms, Date.parse(order.ended_at));
  return (order.bid_clore_day * Math.max(0, until_ms - Date.parse(order.placed_at))) / DAY_MS;
}
