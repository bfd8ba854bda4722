import { deliveredRate } from '../../stratum/interval.ts';
import type { SharesSums } from '../store/store.ts';

/** Span of shares that a worker's delivered hashrate is drawn from. */
export const DELIVERED_WINDOW_MS = 600_000;

export interface Delivered {
  delivered_hs: number | null;
  delivered_low_hs: number | null;
  delivered_high_hs: number | null;
}

/**
 * Hashrate that the shares prove, with its 99.9 % interval; null while there is no window to divide by.
 * `share_work_hashes`: expected hashes of a share now, where known; it bounds the rate from above while no share came.
 */
export function deliveredOf(sums: SharesSums, share_work_hashes: number | null): Delivered {
  const { rate_hs, low_hs, high_hs } = deliveredRate({ ...sums, next_share_work_hashes: share_work_hashes });
  return { delivered_hs: rate_hs, delivered_low_hs: low_hs, delivered_high_hs: high_hs };
}
