// A world with everything in it: the box, the net's servers and the true collector. One per trial.
import { join } from 'node:path';
import type { BoxRule } from '../box/box-rules.ts';
import { makeWorld, python, untilReady, type World } from '../box/world.ts';
import type { Certificates } from './certificates.ts';
import type { NetSpec, PoolSpec } from './net-servers.ts';
import { ADDRESSES, GATEWAY, ISP_RESOLVER, POOL, POOL_ALT_PORT, WORKER } from './places.ts';

/** What a trial's world is like. */
export interface Setup {
  rules: BoxRule[];
  /** Each way. */
  delay_ms: number;
  seed: number;
  /** Of long timers: the pool's jobs come every second, times this. */
  scale: number;
  /** Where the pool differs from a good one; `gone`: its host answers nobody. */
  pool?: Partial<PoolSpec> & { gone?: boolean };
}

export const PREFIX = 'sc';
const SERVERS = join(import.meta.dirname, 'net-servers.ts');
const DEAD_HOST = join(import.meta.dirname, 'dead-host.py');

/** Makes the world and starts its servers. */
export async function makeLabWorld(
  setup: Setup,
  certificates: Certificates,
  env: Readonly<Record<string, string>>,
): Promise<World> {
  const { rules, delay_ms, seed } = setup;
  const { gone = false, ...pool } = setup.pool ?? {};
  const world = await makeWorld({
    ...{ prefix: PREFIX, worker: `${WORKER}/24`, gateway: GATEWAY, addresses: ADDRESSES, nameserver: ISP_RESOLVER },
    box: { rules, delay_ms, seed },
  });
  try {
    const spec: NetSpec = {
      certificates,
      pool: {
        ...{ down: gone, to_worker: 'well', to_others: 'well', tls_max: 'TLSv1.3', job_ms: 1000 * setup.scale },
        ...pool,
      },
    };
    const ports = [POOL.port, POOL.tlsPort, POOL_ALT_PORT].map(String);
    const started = [world.start('net', [process.execPath, SERVERS, JSON.stringify(spec)], env)];
    if (gone) started.push(world.start('net', [await python(), DEAD_HOST, POOL.address, ...ports], env));
    await Promise.all(started.map((program) => untilReady(program)));
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}
