// What accepted shares prove about the hashrate. Shares arrive as a Poisson process: expected hashes per share are known
// from the target, so the count gives the rate with an exact interval (Garwood 1936, Biometrika 28). Where the pool
// changed the target inside the window, shares weigh differently and the interval is Fay and Feuer's (1997, Statistics in
// Medicine 16), which is never shorter than it should be in practice and is Garwood's when all shares are of equal work.
import { gammaQuantile } from './gamma.ts';

/** The confidence of every interval that spotrig shows. */
const CONFIDENCE = 0.999;

/** Sums over the accepted shares of a window, in expected hashes per share; they add up over windows (the maximum: by max). */
export interface ShareWork {
  work_hashes: number;
  work_sq_hashes2: number;
  work_max_hashes: number;
  window_ms: number;
}

export interface DeliveredRate {
  rate_hs: number | null;
  low_hs: number | null;
  high_hs: number | null;
}

const UNKNOWN: DeliveredRate = { rate_hs: null, low_hs: null, high_hs: null };
/** Sums of doubles over many shares are off by less than this. */
const ROUNDING = 1e-6;

/** Whether any set of shares can have these sums: max² ≤ Σw² ≤ max·Σw, and the largest share is no more than all. */
function possible(work: number, squares: number, max: number): boolean {
  const slack = 1 + ROUNDING;
  return max > 0 && max <= work * slack && squares <= max * work * slack && max * max <= squares * slack;
}

/**
 * Rate in H/s with its two-sided interval. Without shares the rate and the lower bound are 0, and the upper bound stands
 * on the work of one share, when that is known. All null for an empty window and for sums that no shares can have.
 * `next_share_work_hashes` is the work now asked per share: where it is above all shares seen, the upper bound allows for it.
 * Where `unmeasured` shares of unknown work were accepted too, only the lower bound is known: what the others prove.
 */
export function deliveredRate(
  o: ShareWork & { confidence?: number; next_share_work_hashes?: number | null; unmeasured?: number },
): DeliveredRate {
  const { work_hashes: work, work_sq_hashes2: squares, window_ms, confidence = CONFIDENCE } = o;
  if (!(window_ms > 0) || !Number.isFinite(window_ms) || !(confidence > 0 && confidence < 1)) return UNKNOWN;
  const tail = (1 - confidence) / 2;
  const per_s = 1000 / window_ms;
  if (o.unmeasured !== undefined && o.unmeasured > 0) {
    const { low_hs } = deliveredRate({ ...o, unmeasured: 0 });
    return { ...UNKNOWN, low_hs: low_hs === 0 ? null : low_hs };
  }
  const heaviest = Math.max(o.work_max_hashes, o.next_share_work_hashes ?? 0);
  if (work === 0 && squares === 0 && o.work_max_hashes === 0) {
    const high_hs = heaviest > 0 ? finite(heaviest * gammaQuantile(1, 'upper', tail) * per_s) : null;
    return { rate_hs: 0, low_hs: 0, high_hs };
  }
  if (!Number.isFinite(work) || !Number.isFinite(squares) || !possible(work, squares, o.work_max_hashes))
    return UNKNOWN;
  // Fay and Feuer: the weighted sum as a scaled gamma of equal mean and variance; one more share of the heaviest kind above.
  const workAbove = work + heaviest;
  const squaresAbove = squares + heaviest * heaviest;
  return {
    rate_hs: finite(work * per_s),
    low_hs: finite((squares / work) * gammaQuantile((work / squares) * work, 'lower', tail) * per_s),
    high_hs: finite(
      (squaresAbove / workAbove) * gammaQuantile((workAbove / squaresAbove) * workAbove, 'upper', tail) * per_s,
    ),
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
