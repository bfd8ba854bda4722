// From the verdicts on reachability to spans in which shares say nothing of the machine. Pure.
import { standing } from '../../wire/standing.ts';
import type { VerdictName } from '../../wire/verdict.ts';
import type { TroubleSpan } from './exposure.ts';

/** A judged sample of one of the worker's pools. */
export interface PoolSighting {
  at_ms: number;
  pool: string;
  verdict: VerdictName;
}

/** A pool is measured every 15 to 20 minutes: a bad sample speaks for so long on both sides, unless a better one comes in between. */
const REACH_MS = 1_200_000;

/** Spans of bad verdicts. `sightings` in any order. */
export function troubleSpans(sightings: readonly PoolSighting[]): TroubleSpan[] {
  const byPool = Map.groupBy(sightings, ({ pool }) => pool);
  return [...byPool].flatMap(([pool, all]) => {
    const sorted = all.toSorted((a, b) => a.at_ms - b.at_ms);
    return sorted.flatMap(({ at_ms, verdict }, i): TroubleSpan[] => {
      if (!isTrouble(verdict)) return [];
      return [
        {
          from_ms: Math.max(at_ms - REACH_MS, sorted[i - 1]?.at_ms ?? -Infinity),
          until_ms: Math.min(at_ms + REACH_MS, sorted[i + 1]?.at_ms ?? Infinity),
          // The worker's own line is in the way of every pool.
          pool: verdict === 'worker_offline' ? null : pool,
        },
      ];
    });
  });
}

function isTrouble(verdict: VerdictName): boolean {
  return verdict === 'worker_offline' || standing(verdict) >= 3;
}
