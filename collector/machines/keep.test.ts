// Rounds of the judge over a real store: what is gathered, kept, told, and remembered of earlier orders.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../platform/logger.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { NOW_MS, POOL, hostGpus, order } from '../../test/fakes/machine-facts.ts';
import { BOOT, hashrateRecord, hostRecord, sharesRecord } from '../../test/fakes/reports.ts';
import { AdviceChanges, MachineRow } from '../../wire/machine-api.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { SEQUENTIAL } from '../judge/sequential-test.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { MachineBoard } from './board.ts';
import { judgeRound } from './keep.ts';

const RATE_HS = 4 * 31e6;
const SHARE_HASHES = RATE_HS * 10;
const STEP_MS = 15_000;
const logger = createLogger({ name: 'test', level: 'silent' });

let dir: string;
let store: Store;
let board: MachineBoard;
let clock: FakeClock;
let seq = 0;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-machines-'));
  store = openSqliteStore(join(dir, 'collector.sqlite'));
  board = await MachineBoard.load(store.machines);
  clock = new FakeClock(NOW_MS);
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Lets a machine run from now on: what it claims and what it delivers, as shares of what it should. */
async function run(worker: string, o: { hours: number; claims?: number; delivers?: number }): Promise<number> {
  const { claims = 1, delivers = 0.99 } = o;
  const begin_ms = clock.nowMs();
  const steps = (o.hours * 3_600_000) / STEP_MS;
  const per_step = (RATE_HS * delivers * STEP_MS) / 1000 / SHARE_HASHES;
  let found = 0;
  for (let i = 0; i < steps; i++) {
    const at_ms = begin_ms + (i + 1) * STEP_MS;
    const accepted = Math.floor((i + 1) * per_step) - Math.floor(i * per_step);
    found += accepted;
    const work = { work_hashes: accepted * SHARE_HASHES, share_work_hashes: SHARE_HASHES, pool: POOL };
    const records = [
      hashrateRecord(at_ms, { claimed_hs: RATE_HS * claims, miner_uptime_s: 7200 + i * 15, pool: POOL }),
      sharesRecord(at_ms, accepted, work),
      ...(i === 0 ? [hostRecord(at_ms, { gpus: hostGpus(4), expect: null, server: '4711' })] : []),
    ];
    await store.addReport({
      ...{ worker, boot: BOOT, seq: seq++, sent_at_ms: at_ms, received_at_ms: at_ms, skew_ms: 0 },
      records: records.map((record) => ({ at_ms: record.at_ms, record })),
    });
  }
  while ((await store.machines.rollUp(1000)) > 0);
  return found;
}

const NOBODY = { samples: [], answered: new Map() };

async function round(listening_since_ms = 0, fleet: typeof NOBODY | null = NOBODY): Promise<void> {
  const judging = judgeRound(
    { store, board, clock, logger, own: [], settings: SEQUENTIAL, signal: new AbortController().signal },
    { fleet, listening_since_ms },
  );
  let isDone = false;
  void judging.finally(() => (isDone = true)).catch(() => {});
  while (!isDone) {
    if (clock.pending > 0) await clock.advance(1);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  await judging;
}

async function changes(): Promise<AdviceChanges['changes']> {
  const untold = await store.machines.untold(100);
  return AdviceChanges.parse({
    v: 1,
    changes: untold.map(({ id, body }) => ({ id, ...(JSON.parse(body) as object) })),
  }).changes;
}

const placed = (over: Partial<OrderRegistration> = {}): OrderRegistration =>
  order({ placed_at: new Date(clock.nowMs()).toISOString(), ...over });

describe('a machine under an order', () => {
  it('is kept while it delivers, and every share counts once however often it is judged', async () => {
    await store.machines.addOrders([placed()]);
    let found = 0;
    for (let hour = 0; hour < 5; hour++) {
      found += await run('rig-1', { hours: 1 });
      for (let look = 0; look < 3; look++) {
        await clock.advance(1_200_000);
        await round();
      }
    }
    const row = MachineRow.parse(board.row('rig-1'));
    expect(row).toMatchObject({
      advice: 'keep',
      server: 4711,
      promised: '4xRTX 3070',
      claimed_hs: RATE_HS,
      active: true,
    });
    expect(row.delivered_hs).toBeGreaterThan(0.9 * RATE_HS);
    expect(row.clore_per_ths_day).toBeCloseTo((120 * 1e12) / (RATE_HS * 0.99), -4);
    expect(await changes()).toEqual([]);
    const { windows, until_ms } = await store.machines.exposure('rig-1', 0);
    const settled = windows.reduce((sum, window) => sum + window.found, 0);
    // What is not settled yet is the last forty minutes, and a slot at most.
    expect(until_ms).toBeGreaterThan(clock.nowMs() - 2_400_000 - 900_000 - 60_000);
    expect(found - settled).toBeLessThan((55 * 60_000) / 10_000 + 2);
    expect(windows.length).toBeLessThan(5 * 4 + 1);
  });

  it('is to be ended when it delivers too little, and that is told once', async () => {
    await store.machines.addOrders([placed()]);
    await run('rig-1', { hours: 2, delivers: 0.4, claims: 0.4 });
    await clock.advance(7_200_000);
    await round();
    await round();
    expect(board.row('rig-1')).toMatchObject({ advice: 'cancel', against_host: true });
    const told = await changes();
    expect(told).toMatchObject([
      { machine: 'rig-1', server: 4711, host: 'host-9', from: null, to: 'cancel' },
      { machine: 'host:host-9', to: 'watch' },
    ]);
    expect(told[0]?.because).toContain('slow_delivered');
    expect(told[0]?.evidence.length).toBeGreaterThan(0);
    // The next start knows what was said: it is no news.
    board = await MachineBoard.load(store.machines);
    await round();
    expect(await changes()).toEqual(told);
  });

  it('is not to be had again where the order before it ended so on the same server', async () => {
    await store.machines.addOrders([placed()]);
    await run('rig-1', { hours: 2, delivers: 0.4, claims: 0.4 });
    await clock.advance(7_200_000);
    await round();
    await store.machines.addOrders([placed({ worker: 'rig-2' })]);
    await run('rig-2', { hours: 2, delivers: 0.4, claims: 0.4 });
    await clock.advance(7_200_000);
    await round();
    expect(board.row('rig-2')).toMatchObject({ advice: 'blacklist' });
  });

  it('of another order under the same name begins anew, and the old one is remembered', async () => {
    await store.machines.addOrders([placed()]);
    await run('rig-1', { hours: 2, delivers: 0.4, claims: 0.4 });
    await clock.advance(7_200_000);
    await round();
    await store.machines.addOrders([placed({ server: 4712 })]);
    await run('rig-1', { hours: 1 });
    await clock.advance(3_600_000);
    await round();
    expect(board.row('rig-1')).toMatchObject({ advice: 'keep', server: 4712 });
    const all = board.answer(true).machines.map(({ server, active, advice }) => [server, active, advice]);
    expect(all).toHaveLength(2);
    expect(all).toContainEqual([4711, false, 'cancel']);
    expect(board.answer(false).machines).toHaveLength(1);
  });

  it('of which nothing was ever heard is told of, but not right after the collector’s own start', async () => {
    await store.machines.addOrders([placed()]);
    await clock.advance(3_600_000);
    await round(clock.nowMs());
    expect(board.row('rig-1')?.verdicts).toEqual([]);
    await round(0);
    expect(board.row('rig-1')?.verdicts).toMatchObject([{ verdict: 'no_hello' }]);
  });
});

it('says nothing of anybody before it has seen all of them once', async () => {
  await run('rig-1', { hours: 1, delivers: 0.2, claims: 0.2 });
  await clock.advance(3_600_000);
  await round(0, null);
  expect(board.rows()).toEqual([]);
  expect(await changes()).toEqual([]);
});

it('judges a worker without an order by what it has itself', async () => {
  await run('rig-1', { hours: 1 });
  await clock.advance(3_600_000);
  await round();
  expect(board.row('rig-1')).toMatchObject({
    advice: 'keep',
    server: 4711,
    host: null,
    bid_clore_day: null,
    promised: null,
  });
  expect(board.row('rig-1')?.expected?.source).toBe('reference');
});
