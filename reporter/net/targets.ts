// From settings to targets: pool endpoints and collectors as a run measures them.
import type { PoolUrl } from '../../stratum/pool-url.ts';
import type { Dialect } from '../../wire/dialect.ts';
import type { Stall } from '../../wire/reachability.ts';
import { collectorTarget, type RunTarget } from './context.ts';

/** A pool endpoint. `dialect` is the job's, where the endpoint itself names none; null: nothing is said to the pool. */
export function poolTarget(pool: PoolUrl, dialect: Dialect | null, stalls: readonly Stall[] = []): RunTarget {
  const { host, port, url, tls } = pool;
  const bounds = tls === null ? {} : { minVersion: tls.minVersion, maxVersion: tls.maxVersion };
  return {
    target: {
      role: 'pool',
      url,
      host,
      port,
      tls: tls !== null,
      sni: tls?.sni ?? null,
      dialect: pool.dialect ?? dialect,
    },
    login: null,
    tls: bounds,
    path: null,
    stalls,
  };
}

/** A collector: asked for its public health page. Throws TypeError for what is no http(s) address. */
export function collectorRunTarget(url: string): RunTarget {
  const { target, path } = collectorTarget(url);
  return { target, login: null, tls: {}, path, stalls: [] };
}
