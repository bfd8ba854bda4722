// The real thing in a container: CLORE's contract, the built single file, Debian's xmrig, RandomX in light mode, against a
// CryptoNote-dialect practice pool on loopback.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { WorkersAnswer, type WorkerRow } from '../../wire/api.ts';
import { startCollectorProcess, type CollectorProcess } from '../rig/collector-process.ts';
import { startCryptonotePool } from '../rig/cryptonote-pool.ts';
import { getJson, until } from '../rig/fleet.ts';
import type { PracticePool } from '../rig/practice-pool.ts';
import { startContractContainer, type Container } from './docker.ts';

const RELEASE = '.cache/lab/release';
const WORKER = 'lab-xmrig';

let dir: string;
let collector: CollectorProcess;
let pool: PracticePool;
let container: Container;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-lab-'));
  await buildRelease({ out: RELEASE, xz: 'make', log: (line) => console.log(`build: ${line}`) });
  await buildPage({ out: join(RELEASE, 'page') });
  const options = { port: 0, dataDir: join(dir, 'collector'), releaseDir: RELEASE, pageDir: join(RELEASE, 'page') };
  collector = await startCollectorProcess(options);
  pool = await startCryptonotePool({ algo: 'rx/0', startHashes: 30 });
  const keys = await loadKeys(join(dir, 'collector'));
  container = await startContractContainer({
    name: 'spotrig-lab-xmrig',
    contractPath: resolve('test/contract/delegated-entrypoint.sh'),
    env: {
      DELEGATED_ENTRYPOINT: `${collector.url}/entrypoint.sh`,
      WORKER_NAME: WORKER,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: mintToken(keys, { worker: WORKER, expires_s: Math.floor(Date.now() / 1000) + 3600 }),
      SPOTRIG_MINER: 'xmrig@/usr/bin/xmrig',
      SPOTRIG_MINER_ARGS: JSON.stringify(['--randomx-mode=light', '--threads=1', '--no-huge-pages']),
      SPOTRIG_ALGO: 'rx/0',
      SPOTRIG_POOLS: pool.url,
      SPOTRIG_WALLET: '4practicewallet',
    },
  });
});

afterAll(async () => {
  await container?.remove();
  await pool?.close();
  await collector?.stop();
  await rm(dir, { recursive: true, force: true });
});

async function row(): Promise<WorkerRow | null> {
  const answer = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
  return answer.workers.find((w) => w.id === WORKER) ?? null;
}

function hashing(except?: string | null): Promise<WorkerRow> {
  return until('xmrig hashes and its shares are accepted', 180_000, async () => {
    const now = await row();
    const good = now?.state === 'hashing' && now.accepted > 0 && now.claimed_hs !== null && now.delivered_hs !== null;
    return good && now.boot !== except ? now : null;
  });
}

it('mines RandomX with accepted shares, and the collector shows both rates', async () => {
  const first = await hashing();
  expect(first).toMatchObject({ miner: 'xmrig', algo: 'rx/0', pool: pool.url, rejected: 0 });
  expect(first.claimed_hs).toBeGreaterThan(0);
  expect(first.delivered_low_hs).toBeLessThanOrEqual(first.delivered_hs ?? NaN);
  expect(first.delivered_high_hs).toBeGreaterThanOrEqual(first.delivered_hs ?? NaN);
  const booked = Object.values(pool.stats().workers).reduce((sum, w) => sum + w.accepted, 0);
  expect(first.accepted).toBeLessThanOrEqual(booked);
  // The log reaches its owner, who cannot read a container's output.
  const detail = JSON.stringify(await getJson(`${collector.url}/api/v1/workers/${WORKER}`));
  expect(detail).toContain('dataset ready');
  expect(await container.exec('cat', '/etc/onstart.sh')).toContain('#!/bin/bash');
});

it('comes back with a new boot when the container is killed and started again, warm', async () => {
  const before = await hashing();
  await container.kill();
  const begun = performance.now();
  await container.start();
  const after = await hashing(before.boot);
  console.log(
    `lab: hashing and reported ${((performance.now() - begun) / 1000).toFixed(1)} s after the container's start`,
  );
  expect(after.boot).not.toBe(before.boot);
  expect(
    (await container.exec('sh', '-c', 'cat /proc/[0-9]*/comm')).split('\n').filter((c) => c === 'xmrig'),
  ).toHaveLength(1);
});

it('loses no report while the collector is gone for a minute', async () => {
  const before = await hashing();
  const port = Number(new URL(collector.url).port);
  await collector.kill();
  await new Promise((r) => setTimeout(r, 60_000));
  const options = { port, dataDir: join(dir, 'collector'), releaseDir: RELEASE, pageDir: join(RELEASE, 'page') };
  collector = await startCollectorProcess(options);
  await until('shares of the minute', 90_000, async () => {
    const now = await row();
    return now !== null && now.boot === before.boot && now.accepted > before.accepted ? now : null;
  });
  const series = (await getJson(`${collector.url}/api/v1/workers/${WORKER}/series?since_s=150`)) as { t: number[] };
  const gaps = series.t.slice(1).map((t, i) => t - (series.t[i] ?? t));
  expect(Math.max(...gaps), 'seconds between two points of the series').toBeLessThan(40);
});
