// Several attempts on several addresses, as one answer: success beats failure inside an attempt, and attempts must agree.
import type { AddressTrial, Target } from '../reachability.ts';
import { endingOf, type Ending } from './ending.ts';
import type { Thresholds } from './thresholds.ts';

export interface Attempts {
  /** The best ending of each attempt, oldest first. Attempts that were no evidence are left out. */
  endings: readonly Ending[];
  well: number;
  failed: number;
  /** The ending that most failed attempts share; null where none failed. */
  failure: Ending | null;
  /** Failed attempts that ended at that layer. */
  agreeing: number;
  /** Every address that was tried and its ending, for scope and evidence. */
  all: readonly Ending[];
}

const isWell = (ending: Ending): boolean => ending.layer === 'done';
const isV6 = (address: string): boolean => address.includes(':');

/** `trials` in any order. */
export function attemptsOf(trials: readonly AddressTrial[], target: Target, t: Thresholds): Attempts {
  const all = withoutLoneV6(trials.flatMap((trial) => endingOf(trial, target, t) ?? []));
  const ordinals = [...new Set(all.map((ending) => ending.attempt))].toSorted((a, b) => a - b);
  const endings = ordinals.map((ordinal) => best(all.filter((ending) => ending.attempt === ordinal)));
  const failures = endings.filter((ending) => !isWell(ending));
  const byLayer = mostCommon(failures, (ending) => ending.layer);
  return {
    endings,
    well: endings.length - failures.length,
    failed: failures.length,
    failure: mostCommon(byLayer, (ending) => ending.sign).at(-1) ?? null,
    agreeing: byLayer.length,
    all,
  };
}

/** Most hosts have no IPv6: that it cannot be reached counts only where IPv6 is known to work. */
function withoutLoneV6(all: Ending[]): Ending[] {
  const hasV6 = all.some((ending) => isV6(ending.address) && ending.layer !== 'tcp');
  return hasV6 ? all : all.filter((ending) => !isV6(ending.address));
}

/** The whole way before a part of it, then the deepest failure: that address came nearest. */
function best(endings: readonly Ending[]): Ending {
  return endings.reduce((a, b) => (b.depth > a.depth ? b : a));
}

/** The members of the largest group; of equal groups the newest. */
function mostCommon(endings: readonly Ending[], by: (ending: Ending) => string): Ending[] {
  const groups = Map.groupBy(endings, by);
  return [...groups.values()].reduce<Ending[]>((a, b) => (b.length >= a.length ? b : a), []);
}
