import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { judgeDue } from './analysis/reachability.ts';
import type { Store } from './store/store.ts';

/** Samples in one step: some milliseconds, so that reports do not wait. */
const STEP_SAMPLES = 10;
const STEP_PAUSE_MS = 20;
const ROUND_PAUSE_MS = 2000;

/** Judges stored samples as they come and again when they are settled, until the signal ends it. */
export async function keepJudging(o: {
  store: Store;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { store, clock, logger, signal } = o;
  while (!signal.aborted) {
    let judged = 0;
    try {
      judged = await judgeDue(store, clock.nowMs(), STEP_SAMPLES);
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'samples could not be judged');
    }
    try {
      await clock.sleep(judged === STEP_SAMPLES ? STEP_PAUSE_MS : ROUND_PAUSE_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
