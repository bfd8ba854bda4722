// A booted worker measures its pool and its collector by itself, and the collector has the records.
import { expect, inject, it } from 'vitest';
import { getJson, startFleet, until } from '../rig/fleet.ts';

/** The run begins at once after the miner hashes. Nobody outside is asked, because all targets are on loopback. */
const PROFILE = {
  ...{ bogons: [], first_run_ms: 100, run_min_ms: 3_600_000, run_max_ms: 3_600_000 },
};

it('reports how its pool and its collector are reached', async () => {
  const fleet = await startFleet({ releaseDir: inject('releaseDir'), env: { SPOTRIG_PROBE: JSON.stringify(PROFILE) } });
  try {
    const verdicts = await until('records of both targets', 60_000, async () => {
      const text = JSON.stringify(await getJson(`${fleet.collector.url}/api/v1/reachability`));
      return text.includes(`:${fleet.pool.port}`) ? text : null;
    });
    expect(verdicts).toContain('"reachable"');
    expect((await fleet.events()).filter(({ event }) => event === 'probe_failed')).toEqual([]);
  } finally {
    await fleet.close();
  }
});
