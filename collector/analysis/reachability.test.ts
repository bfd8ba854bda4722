import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkOf, poolTarget, reachabilityOf } from '../../test/fakes/reachability.ts';
import { hostRecord } from '../../test/fakes/reports.ts';
import type { ControlSample, Network, ReachabilityRecord } from '../../wire/reachability.ts';
import type { StoredSample } from '../store/sample-store.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { insideControls, judgeDue, judgeInput, judgedReachability } from './reachability.ts';

const T = 1_790_000_000_000;
const MINUTE = 60_000;
const TARGET = poolTarget('pool.example', 3333);
const FAILED: Partial<ReachabilityRecord> = { operation: 'connect', failure: 'generic_timeout_error', addresses: [] };

let dir: string;
let store: Store;
let seq = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-analysis-'));
  store = openSqliteStore(join(dir, 'store.sqlite'));
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Origin {
  worker?: string;
  network?: Network;
  server?: string;
}

/** Stores a worker's sample of the target, `min` minutes from T, as it arrives at once. */
async function add(min: number, change: Partial<ReachabilityRecord> = {}, origin: Origin = {}): Promise<void> {
  const at_ms = T + min * MINUTE;
  const { worker = 'rig-1', network = networkOf(1, 'RU') } = origin;
  const record = reachabilityOf({ at_ms, target: TARGET, egress: network, ...change });
  const host = origin.server === undefined ? [] : [hostRecord(at_ms, { server: origin.server })];
  await store.addReport({
    ...{ worker, boot: 'a'.repeat(32), seq: seq++, sent_at_ms: at_ms, received_at_ms: at_ms, skew_ms: 0 },
    records: [record, ...host].map((one) => ({ at_ms, record: one })),
  });
}

function control(min: number, over: Partial<ControlSample> = {}): ControlSample {
  return {
    ...{ entry: TARGET.url, by: 'collector-a', at_ms: T + min * MINUTE, operation: null, failure: null },
    ...{ addresses: [], dns_failure: null, trials: [], ...over },
  };
}

async function newestOf(worker: string): Promise<StoredSample> {
  const found = await store.samples.newest({ since_ms: 0, limit: 100 });
  const sample = found.find((one) => one.worker === worker);
  if (sample === undefined) throw new Error(`no sample of ${worker}`);
  return sample;
}

describe('what a verdict is drawn from', () => {
  it('is the history, newest first, and control samples from around it, others’ by way of the record', async () => {
    await add(-30);
    await add(-15, FAILED);
    for (const min of [-6, -4, 0, 4, 6]) await store.samples.addControl(control(min));
    await store.samples.addControl(control(0, { entry: 'stratum+tcp://other.example:3333' }));
    const other = control(1, { by: 'collector-b' });
    await add(0, { controls: [other, control(1, { by: 'collector-b', entry: 'stratum+tcp://other.example:3333' })] });
    const input = await judgeInput(store, await newestOf('rig-1'));
    expect(input.sample.at_ms).toBe(T);
    expect(input.history.map((one) => (one.at_ms - T) / MINUTE)).toEqual([-15, -30]);
    expect(input.controls.map((one) => [one.by, (one.at_ms - T) / MINUTE])).toEqual([
      ['collector-a', 4],
      ['collector-a', 0],
      ['collector-a', -4],
      ['collector-b', 1],
    ]);
    expect(input.inside).toEqual([]);
  });

  it('finds its controls though the worker’s clock is wrong', async () => {
    await store.samples.addControl(control(0, { operation: 'connect', failure: 'generic_timeout_error' }));
    const baseline = { at_ms: T - 1000, resolver_ok: true, sites: [], captive: null };
    await add(0, { clock_skew_ms: -3_600_000, baseline });
    const { sample, controls } = await judgeInput(store, await newestOf('rig-1'));
    // As the worker wrote it, an hour behind.
    expect([sample.at_ms - T, (sample.baseline?.at_ms ?? 0) - T]).toEqual([-3_600_000, -3_601_000]);
    expect(controls).toHaveLength(1);
    const flags = (await judgedReachability({ store, since_ms: 0 })).map((one) => one.verdict.flags);
    expect(flags).toEqual([['control_broken']]);
  });

  it('has the newest sample of each other network, none of the same host or line, none of another hour', async () => {
    await add(-5, FAILED, { worker: 'rig-2', network: networkOf(2, 'RU') });
    await add(-4, {}, { worker: 'rig-3', network: networkOf(2, 'RU') });
    await add(-3, FAILED, { worker: 'rig-4', network: networkOf(3, 'KZ') });
    await add(-2, {}, { worker: 'rig-5' });
    await add(-2, {}, { worker: 'rig-6', network: networkOf(6, 'RU'), server: '42' });
    await add(-2, {}, { worker: 'rig-7', network: { ...networkOf(7, 'RU'), address: '5.8.1.2' } });
    await add(-25, {}, { worker: 'rig-8', network: networkOf(8, 'RU') });
    await add(-1, { target: poolTarget('other.example', 3333) }, { worker: 'rig-9', network: networkOf(9, 'RU') });
    await add(0, FAILED, { server: '42', network: { ...networkOf(1, 'RU'), address: '5.8.1.2' } });
    await add(6, {}, { worker: 'rig-10', network: networkOf(10, 'RU') });
    const { inside } = await judgeInput(store, await newestOf('rig-1'));
    expect(inside).toEqual([
      {
        network: 'AS3',
        country: 'KZ',
        at_ms: T - 3 * MINUTE,
        operation: 'connect',
        failure: 'generic_timeout_error',
        ms: null,
      },
      { network: 'AS2', country: 'RU', at_ms: T - 4 * MINUTE, operation: null, failure: null, ms: 82 },
    ]);
  });

  it('has eight inside controls at most', async () => {
    for (let i = 2; i < 15; i++) await add(-1, {}, { worker: `rig-${i}`, network: networkOf(i, 'RU') });
    const asker = { worker: 'rig-1', network: networkOf(1, 'RU'), server: null };
    const inside = await insideControls(store, { target: TARGET.url, asker, at_ms: T, until_ms: T });
    expect(inside).toHaveLength(8);
    expect(await insideControls(store, { target: 'x', asker, at_ms: T, until_ms: T })).toEqual([]);
  });
});

describe('a verdict', () => {
  const shown = async (): Promise<unknown[]> =>
    (await judgedReachability({ store, since_ms: 0 })).map((one) => [
      one.worker,
      one.verdict.verdict,
      (one.since_ms - T) / MINUTE,
    ]);

  it('is there at once, and kept when it was looked at', async () => {
    await add(0);
    expect(await shown()).toEqual([['rig-1', 'reachable', 0]]);
    expect(await judgeDue(store, T, 10)).toBe(1);
    expect((await newestOf('rig-1')).judged?.verdict.verdict).toBe('reachable');
    expect(await shown()).toEqual([['rig-1', 'reachable', 0]]);
  });

  it('is drawn once more when its controls are there, then it is settled', async () => {
    await add(0);
    expect(await judgeDue(store, T, 10)).toBe(1);
    expect(await judgeDue(store, T + 5 * MINUTE, 10)).toBe(0);
    expect(await judgeDue(store, T + 6 * MINUTE, 10)).toBe(1);
    expect(await judgeDue(store, T + 60 * MINUTE, 10)).toBe(0);
    // A sample that comes late from a spool is settled at the first look.
    await add(10);
    expect(await judgeDue(store, T + 60 * MINUTE, 10)).toBe(1);
    expect(await judgeDue(store, T + 90 * MINUTE, 10)).toBe(0);
  });

  it('tells since when verdicts that say the same follow one another, for each worker', async () => {
    await add(0);
    await add(1);
    await add(1, {}, { worker: 'rig-2' });
    await judgeDue(store, T + MINUTE, 100);
    await add(2, FAILED);
    await add(3, FAILED);
    await judgeDue(store, T + 3 * MINUTE, 100);
    await add(4, FAILED);
    expect(await shown()).toEqual([
      ['rig-1', 'inconclusive', 2],
      ['rig-2', 'reachable', 1],
    ]);
    await add(5);
    expect(await shown()).toEqual([
      ['rig-1', 'reachable', 5],
      ['rig-2', 'reachable', 1],
    ]);
    // A second good run makes it stable, which is the same news.
    await judgeDue(store, T + 5 * MINUTE, 100);
    await add(21);
    expect((await shown())[0]).toEqual(['rig-1', 'reachable_stable', 5]);
  });
});
