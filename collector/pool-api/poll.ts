// Asks each pool's API in turn, for as long as the collector runs, and keeps what it says of our workers.
import { backoffMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Counters } from '../counters.ts';
import type { Store } from '../store/store.ts';
import { askPool } from './ask.ts';
import { figuresOf } from './figures.ts';
import type { PoolApi } from './settings.ts';

const FAILED_MAX_MS = 3_600_000;

export interface PoolPollOptions {
  apis: readonly PoolApi[];
  store: Store;
  clock: Clock;
  random: () => number;
  logger: Logger;
  counters: Counters;
  signal: AbortSignal;
  /** Default: over HTTP. */
  ask?: typeof askPool;
}

/** Until the signal ends it. A pool that fails is asked less and less often, at most once an hour, or when it says. */
export async function pollPools(o: PoolPollOptions): Promise<void> {
  await Promise.all(o.apis.map((api) => pollOne(api, o)));
}

async function pollOne(api: PoolApi, o: PoolPollOptions): Promise<void> {
  const { clock, signal } = o;
  let failures = 0;
  while (!signal.aborted) {
    let pause_ms = api.every_ms;
    try {
      const retry_after_ms = await pollOnce(api, o);
      failures = retry_after_ms === undefined ? 0 : failures + 1;
      if (retry_after_ms !== undefined) {
        const backoff_ms = backoffMs(failures, { baseMs: api.every_ms, maxMs: FAILED_MAX_MS, random: o.random });
        pause_ms = Math.max(retry_after_ms ?? 0, backoff_ms);
      }
      await clock.sleep(pause_ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** undefined: it answered. Else when it wants to be asked again, null where it did not say. */
async function pollOnce(api: PoolApi, o: PoolPollOptions): Promise<number | null | undefined> {
  const { clock, logger, store } = o;
  const at_ms = clock.nowMs();
  const answer = await (o.ask ?? askPool)(api, { now_ms: at_ms, signal: o.signal });
  o.counters.add(answer.ok ? 'pool_api_answers' : 'pool_api_failures');
  if (!answer.ok) {
    logger.warn({ api: api.name, reason: answer.reason }, 'a pool’s API gave no figures');
    return answer.retry_after_ms;
  }
  try {
    const workers = await store.machines.workerPools();
    const figures = figuresOf(api, { reading: answer.reading, at_ms, workers, apis: o.apis });
    await store.machines.addPoolFigures(figures);
  } catch (error) {
    logger.warn({ api: api.name, error: messageOf(error) }, 'a pool’s figures could not be kept');
  }
  return undefined;
}
