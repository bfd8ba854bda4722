import { describe, expect, it } from 'vitest';
import { BOOT, gpuRecord, hashrateRecord, lifecycleRecord, sharesRecord } from '../../test/fakes/reports.ts';
import { WorkerRow } from '../../wire/api.ts';
import { MINER_STATES } from '../../wire/records.ts';
import type { WorkerFacts } from '../store/store.ts';
import { workerRow } from './worker-row.ts';

const NOW = 1_790_000_000_000;
const settings = { offline_after_ms: 60_000 };
const silent: WorkerFacts = {
  id: 'rig-1',
  boot: null,
  last_report_ms: null,
  hello: null,
  hashrate: null,
  shares: null,
  gpu: null,
  shares_window: { records: 0, window_ms: 0, work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, unmeasured: 0 },
  last_event: null,
};
const timed = <T extends { at_ms: number }>(record: T): { at_ms: number; record: T } => ({
  at_ms: record.at_ms,
  record,
});
const reporting: WorkerFacts = { ...silent, boot: BOOT, last_report_ms: NOW, hashrate: timed(hashrateRecord(NOW)) };

function stateOf(facts: Partial<WorkerFacts>): WorkerRow['state'] {
  return workerRow({ ...reporting, ...facts }, NOW, settings).state;
}

describe('the row of a worker', () => {
  it('of whom nothing is known has nulls, not zeros', () => {
    const row = workerRow(silent, NOW, settings);
    expect(WorkerRow.parse(row)).toEqual(row);
    expect(row).toMatchObject({
      state: 'offline',
      last_seen_at: null,
      claimed_hs: null,
      delivered_hs: null,
      power_w: null,
    });
  });

  it('takes the state from the newest hashrate record', () => {
    for (const state of MINER_STATES) expect(stateOf({ hashrate: timed(hashrateRecord(NOW, { state })) })).toBe(state);
    expect(stateOf({ hashrate: null })).toBe('preparing');
  });

  it('is offline after the limit, whatever it said last', () => {
    expect(stateOf({ last_report_ms: NOW - 60_000 })).toBe('hashing');
    expect(stateOf({ last_report_ms: NOW - 60_001 })).toBe('offline');
  });

  it('is stuck by a failed stage that no report followed', () => {
    const hello = { stage: 'runtime', code: 1, at_ms: NOW - 1 };
    expect(stateOf({ hello, last_report_ms: null })).toBe('stuck');
    expect(stateOf({ hello, last_report_ms: NOW - 2 })).toBe('stuck');
    expect(stateOf({ hello, last_report_ms: NOW })).toBe('hashing');
  });

  it('prepares for a while after a hello of a new start', () => {
    const hello = (at_ms: number) => ({ stage: 'start', code: 0, at_ms });
    expect(stateOf({ hello: hello(NOW - 300_000), last_report_ms: null })).toBe('preparing');
    expect(stateOf({ hello: hello(NOW - 600_001), last_report_ms: null })).toBe('offline');
    expect(stateOf({ hello: hello(NOW - 1), last_report_ms: NOW - 2 })).toBe('hashing');
  });

  it('adds the power of the GPUs that tell it, while the sample is fresh', () => {
    const power = (gpu: WorkerFacts['gpu']): number | null => workerRow({ ...reporting, gpu }, NOW, settings).power_w;
    expect(power(timed(gpuRecord(NOW - 120_000, [100, null, 50.5])))).toBe(150.5);
    expect(power(timed(gpuRecord(NOW, [null])))).toBeNull();
    expect(power(timed(gpuRecord(NOW, [])))).toBeNull();
    expect(power(timed(gpuRecord(NOW - 120_001, [100])))).toBeNull();
  });

  it('tells a claim only while it is fresh', () => {
    const hashrate = timed(hashrateRecord(NOW - 120_001));
    expect(workerRow({ ...reporting, hashrate }, NOW, settings)).toMatchObject({ claimed_hs: null, miner: 't-rex' });
  });

  it('bounds the delivered hashrate from above before the first share', () => {
    const shares = timed(sharesRecord(NOW, 0));
    const shares_window = { ...silent.shares_window, records: 1, window_ms: 15_000 };
    const row = workerRow({ ...reporting, shares, shares_window }, NOW, settings);
    expect([row.delivered_hs, row.delivered_low_hs]).toEqual([0, 0]);
    expect(row.delivered_high_hs).toBeGreaterThan(1e6 / 15);
  });

  it('shows the last event', () => {
    const last_event = { worker: 'rig-1', boot: null, ...timed(lifecycleRecord(NOW, { event: 'x', detail: 'y' })) };
    expect(workerRow({ ...reporting, last_event }, NOW, settings).last_event).toEqual({
      at: new Date(NOW).toISOString(),
      event: 'x',
      level: 'info',
      detail: 'y',
    });
  });
});
