import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { createLogger } from '../../platform/logger.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakePoolApi, type PoolApiMode } from '../../test/fakes/pool-api.ts';
import { BOOT, hashrateRecord } from '../../test/fakes/reports.ts';
import { Counters } from '../counters.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { askPool } from './ask.ts';
import { pollPools } from './poll.ts';
import type { PoolApi } from './settings.ts';

const T = 1_790_000_000_000;
const logger = createLogger({ name: 'test', level: 'silent' });

let dir: string;
let store: Store;
let fake: FakePoolApi;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-pool-api-'));
  store = openSqliteStore(join(dir, 'collector.sqlite'));
  fake = await FakePoolApi.start();
});
afterEach(async () => {
  await fake.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

function api(): PoolApi {
  return {
    ...{ name: 'rvn', form: 'miningcore', url: fake.url, hosts: ['pool.example'] },
    ...{ worker: 'W.{worker}', every_ms: 120_000 },
  };
}

async function atPool(worker: string, pool: string): Promise<void> {
  const record = hashrateRecord(T, { pool });
  await store.addReport({
    ...{ worker, boot: BOOT, seq: 0, sent_at_ms: T, received_at_ms: T, skew_ms: 0 },
    records: [{ at_ms: T, record }],
  });
}

describe('what pools credit', () => {
  it('is kept of the workers that are at the pool, by the pool’s name for them', async () => {
    await atPool('rig-1', 'stratum+tcp://ru.pool.example:3333');
    await atPool('rig-2', 'stratum+ssl://pool.example:4444');
    await atPool('rig-3', 'stratum+tcp://notpool.example:3333');
    fake.rates = { 'W.rig-1': 5e6, 'W.rig-3': 7e6 };
    fake.created_ms = T - 60_000;
    await once();
    const of = (worker: string) => store.machines.poolFigures({ worker, since_ms: 0, limit: 9 });
    expect(await of('rig-1')).toMatchObject([
      { api: 'rvn', as_of_ms: T - 60_000, listed: true, pool_hs: 5e6, others: 0 },
    ]);
    expect(await of('rig-2')).toMatchObject([{ listed: false, pool_hs: null, others: 1 }]);
    expect(await of('rig-3')).toEqual([]);
  });

  it.each<[PoolApiMode, string]>([
    ['unknown_account', 'status_404'],
    ['not_json', 'not_json'],
    ['html', 'not_json'],
    ['endless', 'http_too_large'],
  ])('is unknown, not nothing, where the API is %s', async (mode, reason) => {
    await atPool('rig-1', 'stratum+tcp://pool.example:3333');
    fake.mode = mode;
    const answer = await askPool(api(), { now_ms: T, signal: new AbortController().signal });
    expect(answer).toEqual({ ok: false, reason, retry_after_ms: null });
    await once();
    expect(await store.machines.poolFigures({ worker: 'rig-1', since_ms: 0, limit: 9 })).toEqual([]);
  });

  it('is asked for when the pool says, and ever more seldom while it fails', async () => {
    const clock = new FakeClock(T);
    const ended = new AbortController();
    const asked: number[] = [];
    let retry_after_ms: number | null = 3_000_000;
    const polling = pollPools({
      ...{ apis: [api()], store, clock, random: () => 1, logger, counters: new Counters(), signal: ended.signal },
      ask: async () => {
        asked.push(clock.nowMs() - T);
        return { ok: false, reason: 'status_429', retry_after_ms };
      },
    });
    await clock.advance(2_999_999);
    expect(asked).toEqual([0]);
    retry_after_ms = null;
    await clock.advance(1 + 480_000 + 960_000);
    expect(asked).toEqual([0, 3_000_000, 3_480_000, 4_440_000]);
    ended.abort();
    await clock.advance(1);
    await polling;
  });

  it('ends with the collector while a pool hangs', async () => {
    fake.mode = 'hang';
    const ended = new AbortController();
    const polling = pollPools({
      ...{ apis: [api()], store, clock: realClock, random: Math.random, logger, counters: new Counters() },
      signal: ended.signal,
    });
    while (fake.asked === 0) await realClock.sleep(5);
    ended.abort();
    await polling;
  });
});

/** One round of asking. */
async function once(): Promise<void> {
  const ended = new AbortController();
  const clock = new FakeClock(T);
  let done = (): void => {};
  const answered = new Promise<void>((resolve) => {
    done = resolve;
  });
  const sleeping = {
    ...methodsOf(clock),
    sleep: (ms: number, signal?: AbortSignal) => (done(), clock.sleep(ms, signal)),
  };
  const polling = pollPools({
    ...{ apis: [api()], store, clock: sleeping, random: Math.random, logger, counters: new Counters() },
    signal: ended.signal,
  });
  await answered;
  ended.abort();
  await polling;
}

function methodsOf(clock: FakeClock) {
  return {
    nowMs: () => clock.nowMs(),
    monoMs: () => clock.monoMs(),
    setTimer: (ms: number, fn: () => void) => clock.setTimer(ms, fn),
  };
}
