// The env of one machine's order, and whether the worker and the market would take it.
import { createHash } from 'node:crypto';
import { orderComplaints } from '../../entrypoint/config.ts';
import { SETTINGS } from '../../entrypoint/settings.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { type ExpectedGpus, formatExpected } from '../../wire/expected-gpus.ts';
import { Env } from './body.ts';
import { type Fleet, filled, isWorkerFleet } from './fleet.ts';
import type { RigPair } from './rigs.ts';
import { countryOf } from './screen.ts';
import type { Machine } from './snapshot.ts';

export interface EnvQuestion {
  fleet: Fleet;
  server: string;
  machine: Machine;
  /** Of the worker; null in an image that is not ours. */
  token: string | null;
  /** Of HiveOS; null elsewhere. */
  rig: RigPair | null;
}

/** The machine's env, without any check. */
export function envOf({ fleet, server, machine, token, rig }: EnvQuestion): Env {
  if (!isWorkerFleet(fleet))
    return { ...fleet.env, ...(rig === null ? {} : { rig_id: rig.rig_id, rig_pass: rig.rig_pass }) };
  const country = countryOf(machine);
  const { pool_worker } = fleet;
  return {
    ...fleet.env,
    ...(token === null ? {} : { SPOTRIG_TOKEN: token }),
    ...(country === null ? {} : { SPOTRIG_COUNTRY: country }),
    ...(pool_worker === undefined ? {} : { WORKER_NAME: filled(pool_worker, namesOf(server, machine)) }),
    SPOTRIG_POOLS: poolsFor(fleet.pools, country).join(' '),
    SPOTRIG_SERVER: server,
    SPOTRIG_EXPECT: formatExpected(expectedOf(machine)),
  };
}

/** What the market or the worker would refuse; [] where both take it. No secret is repeated. */
export function envComplaints(env: Readonly<Env>, fleet: Pick<Fleet, 'profile' | 'image_env'>): string[] {
  const market = Env.safeParse(env);
  const found = market.success
    ? []
    : market.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim());
  return isWorkerFleet(fleet) ? [...found, ...orderComplaints({ ...fleet.image_env, ...env })] : found;
}

/** What can stand in a name template. */
export function namesOf(server: string, machine: Machine): { server: string; host: string; cc: string } {
  const cc = (countryOf(machine) ?? 'xx').toLowerCase();
  return { server, host: machine.host?.toLowerCase() ?? 'x', cc };
}

/** The fleet's pools in the order that suits the country: its own, those without a country, those of others. */
export function poolsFor(pools: readonly string[], country: string | null): string[] {
  const rank = (text: string): number => {
    const read = parsePoolUrl(text);
    const tags = 'pool' in read ? read.pool.tags : [];
    if (tags.length === 0) return 1;
    return country !== null && tags.includes(country) ? 0 : 2;
  };
  return pools.toSorted((a, b) => rank(a) - rank(b));
}

/** So many GPUs of each model, in the machine's order. */
export function expectedOf({ gpus }: Pick<Machine, 'gpus'>): ExpectedGpus[] {
  const counts = new Map<string, number>();
  for (const { model } of gpus) counts.set(model, (counts.get(model) ?? 0) + 1);
  return [...counts].map(([model, count]) => ({ model, count }));
}

/** What is another in each order, whatever the settings are. */
const OF_ONE_ORDER: readonly string[] = [SETTINGS.token.env, 'rig_id', 'rig_pass'];

/** SHA-256 of what the workload is told, apart from its token or pair: two orders with the same one run the same. */
export function configDigest(image: string, env: Readonly<Env>): string {
  const told = Object.entries(env).filter(([name]) => !OF_ONE_ORDER.includes(name));
  const sorted = told.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([image, sorted]))
    .digest('hex');
}
