// From a pool's reading to what is kept of each of our workers. Pure.
import type { PoolReading } from './forms.ts';
import { type PoolApi, nameAtPool, poolApiOf } from './settings.ts';

/** What a pool said of one worker at one moment. That it was not asked, or did not answer, is no figure. */
export interface PoolFigure {
  /** When it was asked, unix ms. */
  at_ms: number;
  /** Name of the [[pool_api]]. */
  api: string;
  /** When the pool made its figures, unix ms; null where it does not tell. */
  as_of_ms: number | null;
  /** Whether the pool's list has the worker. */
  listed: boolean;
  /** null: not listed, or without a rate that can be read. */
  pool_hs: number | null;
  last_share_ms: number | null;
  /** Our other workers that the same list credits with work: a list without any says nothing against this one. */
  others: number;
}

/** The figures of the workers that are at this API's pool now. */
export function figuresOf(
  api: PoolApi,
  o: {
    reading: PoolReading;
    at_ms: number;
    workers: readonly { id: string; pool: string | null }[];
    apis: readonly PoolApi[];
  },
): { worker: string; figure: PoolFigure }[] {
  const listed = new Map(o.reading.workers.map((worker) => [worker.name, worker]));
  const ours = o.workers.filter(({ pool }) => poolApiOf(o.apis, pool) === api);
  const working = (id: string): boolean => (listed.get(nameAtPool(api, id))?.hashrate_hs ?? 0) > 0;
  const credited = ours.filter(({ id }) => working(id)).length;
  return ours.map(({ id }) => {
    const found = listed.get(nameAtPool(api, id));
    return {
      worker: id,
      figure: {
        at_ms: o.at_ms,
        api: api.name,
        as_of_ms: o.reading.as_of_ms,
        listed: found !== undefined,
        pool_hs: found?.hashrate_hs ?? null,
        last_share_ms: found?.last_share_ms ?? null,
        others: credited - (working(id) ? 1 : 0),
      },
    };
  });
}
