import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { ROLLUP_SPANS_MS, type RollupSpan } from './store/machine-store.ts';
import type { Store } from './store/store.ts';

/** Records in one step: some milliseconds, so that reports do not wait. */
const STEP_RECORDS = 500;
/** Sums in one step of dropping. */
const STEP_ROWS = 500;
const STEP_PAUSE_MS = 20;
const ROUND_PAUSE_MS = 5_000;

/** Sums records up as they come, and drops sums that are older than `keep_ms` says, until the signal ends it. */
export async function keepRolling(o: {
  store: Store;
  clock: Clock;
  logger: Logger;
  keep_ms: Record<RollupSpan, number>;
  signal: AbortSignal;
}): Promise<void> {
  const { store, clock, logger, signal } = o;
  const spans = Object.keys(ROLLUP_SPANS_MS) as RollupSpan[];
  while (!signal.aborted) {
    let isBusy = false;
    try {
      isBusy = (await store.machines.rollUp(STEP_RECORDS)) === STEP_RECORDS;
      if (!isBusy) {
        for (const span of spans) {
          const gone = await store.machines.pruneRollups(span, clock.nowMs() - o.keep_ms[span], STEP_ROWS);
          isBusy ||= gone >= STEP_ROWS;
        }
      }
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'records could not be summed up');
    }
    try {
      await clock.sleep(isBusy ? STEP_PAUSE_MS : ROUND_PAUSE_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
