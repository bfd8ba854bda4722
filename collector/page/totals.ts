// The fleet in one line. Figures of silent workers are old and not part of any sum of rates.
import type { WorkerRow } from '../../wire/api.ts';
import { isSilent, isTrouble } from './trouble.ts';

/** Hashes of different algorithms are not alike, so each algorithm has its own sum; null where no worker tells. */
export interface AlgoTotal {
  algo: string | null;
  workers: number;
  claimed_hs: number | null;
  delivered_hs: number | null;
}

export interface Totals {
  workers: number;
  hashing: number;
  trouble: number;
  /** Largest number of workers first. */
  algos: AlgoTotal[];
  accepted: number;
  rejected: number;
  unanswered: number;
  power_w: number | null;
}

function plus(sum: number | null, value: number | null): number | null {
  return value === null ? sum : (sum ?? 0) + value;
}

/** Sums over the fleet. Shares count for every worker; rates and power only for those that report now. */
export function totalsOf(workers: readonly WorkerRow[]): Totals {
  const byAlgo = new Map<string | null, AlgoTotal>();
  const totals: Totals = {
    workers: workers.length,
    hashing: 0,
    trouble: 0,
    algos: [],
    accepted: 0,
    rejected: 0,
    unanswered: 0,
    power_w: null,
  };
  for (const worker of workers) {
    if (worker.state === 'hashing') totals.hashing += 1;
    if (isTrouble(worker)) totals.trouble += 1;
    totals.accepted += worker.accepted;
    totals.rejected += worker.rejected;
    totals.unanswered += worker.unanswered;
    if (isSilent(worker)) continue;
    totals.power_w = plus(totals.power_w, worker.power_w);
    if (worker.claimed_hs === null && worker.delivered_hs === null) continue;
    const sum = byAlgo.get(worker.algo) ?? { algo: worker.algo, workers: 0, claimed_hs: null, delivered_hs: null };
    byAlgo.set(worker.algo, sum);
    sum.workers += 1;
    sum.claimed_hs = plus(sum.claimed_hs, worker.claimed_hs);
    sum.delivered_hs = plus(sum.delivered_hs, worker.delivered_hs);
  }
  totals.algos = [...byAlgo.values()].toSorted((a, b) => b.workers - a.workers);
  return totals;
}
