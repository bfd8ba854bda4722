// When a miner that ended is started again. Pure: what happened in, delay out.

/** A run shorter than this counts as a fast exit (facts/miners.md section 4). */
export const FAST_EXIT_MS = 60_000;
/** After so many fast exits in a row it is a report, not a loop: one slow try every five minutes. */
export const FAST_EXITS_MAX = 5;
const BASE_MS = 1_000;
const SLOW_MS = 300_000;

export interface RestartDecision {
  delayMs: number;
  /** Fast exits in a row, this one included; 0 after a long run. */
  fastExits: number;
  /** The miner keeps dying: the owner should look. */
  giveUpFastTries: boolean;
}

/** Decides from the length of the run that just ended and the count of fast exits before it. */
export function decideRestart(ranMs: number, fastExitsBefore: number): RestartDecision {
  const fastExits = ranMs < FAST_EXIT_MS ? fastExitsBefore + 1 : 0;
  const giveUpFastTries = fastExits >= FAST_EXITS_MAX;
  return { delayMs: giveUpFastTries ? SLOW_MS : BASE_MS * 2 ** Math.max(0, fastExits - 1), fastExits, giveUpFastTries };
}
