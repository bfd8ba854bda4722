// The cases that every store must hold about machines over time. SQLite is the only one yet.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import type { Store } from '../../collector/store/store.ts';
import type { WireRecord } from '../../wire/records.ts';
import { BOOT, gpuRecord, hashrateRecord, lifecycleRecord, sharesRecord } from '../fakes/reports.ts';

const HOUR = 3_600_000;
const T = Math.floor(1_790_000_000_000 / HOUR) * HOUR;

let dir: string;
let store: Store;
let seq = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-machines-'));
  store = openSqliteStore(join(dir, 'collector.sqlite'));
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function add(records: WireRecord[], worker = 'rig-1', received_at_ms = T): Promise<void> {
  const timed = records.map((record) => ({ at_ms: record.at_ms, record }));
  await store.addReport({
    ...{ worker, boot: BOOT, seq: seq++, sent_at_ms: T, received_at_ms, skew_ms: 0, records: timed },
  });
}

async function rollAll(step = 3): Promise<void> {
  while ((await store.machines.rollUp(step)) > 0);
}

const minutes = (worker = 'rig-1') => store.machines.rollups({ worker, span: 'minute', since_ms: 0, limit: 100 });
const hours = (worker = 'rig-1') => store.machines.rollups({ worker, span: 'hour', since_ms: 0, limit: 100 });

describe('sums of minutes and hours', () => {
  it('have every record once, also what comes late', async () => {
    await add([hashrateRecord(T, { claimed_hs: 100 }), sharesRecord(T + 15_000, 2), gpuRecord(T, [100, 50])]);
    await add([hashrateRecord(T + 30_000, { claimed_hs: 300 }), hashrateRecord(T + 45_000, { claimed_hs: null })]);
    await rollAll();
    await add([sharesRecord(T + 20_000, 3), lifecycleRecord(T + 20_000), sharesRecord(T + 61_000, 1)]);
    await rollAll();
    await rollAll();
    const first = { t_ms: T, claimed_sum_hs: 400, claimed_n: 2, records: 2, window_ms: 30_000, accepted: 5 };
    expect(await minutes()).toMatchObject([
      { ...first, work_hashes: 5e6, work_sq_hashes2: 5e12, work_max_hashes: 1e6, power_sum_w: 150, power_n: 1 },
      { t_ms: T + 60_000, claimed_n: 0, records: 1, accepted: 1, power_n: 0, temperature_max_c: null },
    ]);
    expect(await hours()).toMatchObject([{ t_ms: T, claimed_sum_hs: 400, records: 3, accepted: 6, power_n: 1 }]);
  });

  it('outlive the records and their worker, and go by their own age', async () => {
    await add([hashrateRecord(T), hashrateRecord(T + HOUR)]);
    await rollAll();
    while ((await store.prune(T + 1, 100)) > 0);
    expect(await store.worker('rig-1', 0)).toBeNull();
    expect(await hours()).toHaveLength(2);
    // Ids begin anew in the empty table: what comes now is summed all the same.
    await add([hashrateRecord(T + 2 * HOUR)], 'rig-2');
    await rollAll();
    expect(await hours('rig-2')).toHaveLength(1);
    expect(await store.machines.pruneRollups('hour', T + 1, 100)).toBe(1);
    expect(await hours()).toMatchObject([{ t_ms: T + HOUR }]);
    expect(await minutes()).toHaveLength(2);
  });

  it('keep the hottest of the known temperatures', async () => {
    const gpu = gpuRecord(T, [100]);
    const heated = (temperature_c: number | null): WireRecord => ({
      ...gpu,
      gpus: gpu.gpus.map((sample) => ({ ...sample, temperature_c })),
    });
    for (const temperature of [null, 61, null, 70, 55]) {
      await add([heated(temperature)]);
      await rollAll();
    }
    expect((await minutes())[0]?.temperature_max_c).toBe(70);
  });
});
