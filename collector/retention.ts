import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Store } from './store/store.ts';

/** Rows of a table in one step: a few milliseconds, so that reports do not wait. */
const STEP_ROWS = 500;
/** Between two steps while there is more to drop. */
const STEP_PAUSE_MS = 100;
const ROUND_PAUSE_MS = 60_000;

/** Drops what is older than `keep_ms`, in small steps, until the signal ends it. A failing store is tried again later. */
export async function retain(o: {
  store: Store;
  clock: Clock;
  logger: Logger;
  keep_ms: number;
  signal: AbortSignal;
}): Promise<void> {
  const { store, clock, logger, signal } = o;
  while (!signal.aborted) {
    let gone = 0;
    try {
      gone = await store.prune(clock.nowMs() - o.keep_ms, STEP_ROWS);
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'old records could not be dropped');
    }
    try {
      await clock.sleep(gone > 0 ? STEP_PAUSE_MS : ROUND_PAUSE_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
