// A worker on a disk that is too small, with the real runtime: it says so, waits without haste, and mines as soon as there is
// room. First the head has no room for the runtime, then Node has none for the miner's archive.
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventsAnswer, WorkersAnswer, type EventRow, type WorkerRow } from '../../wire/api.ts';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import {
  buildChaosRelease,
  SENTINEL_DIR,
  SENTINEL_DOUBLE,
  SENTINEL_LOCK,
  type ChaosRelease,
} from '../chaos/chaos-release.ts';
import { startCollectorProcess, type CollectorProcess } from '../rig/collector-process.ts';
import { startContractWorker, type ContractWorker } from '../rig/contract-worker.ts';
import { getJson, until } from '../rig/fleet.ts';
import type { PracticePool } from '../rig/practice-pool.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';

const WORKER = 'small-disk';
const MB = 1024 ** 2;

let dir: string;
let home: string;
let release: ChaosRelease;
let pool: PracticePool;
let collector: CollectorProcess;
let worker: ContractWorker | null = null;
let env: Record<string, string>;

describe.skipIf(process.getuid?.() !== 0)('a small disk (root mounts it)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-full-disk-'));
    home = join(dir, 'worker/home');
    release = await buildChaosRelease(join(dir, 'release'), (line) => console.log(`build: ${line}`));
    pool = await startSha256dPool({ startDifficulty: 1.2e-6, vardiff: false });
    const options = { dataDir: join(dir, 'collector'), releaseDir: release.dir, pageDir: join(release.dir, 'page') };
    collector = await startCollectorProcess({ port: 0, ...options });
    const keys = await loadKeys(options.dataDir);
    env = {
      WORKER_NAME: WORKER,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: mintToken(keys, { worker: WORKER, expires_s: Math.floor(Date.now() / 1000) + 3600 }),
      SPOTRIG_MINER: 't-rex',
      SPOTRIG_ALGO: 'sha256d',
      SPOTRIG_POOLS: pool.url,
      SPOTRIG_WALLET: 'practice-wallet',
    };
    await mkdir(home, { recursive: true });
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=50m,mode=755', 'tmpfs', home]);
    await mkdir(join(home, SENTINEL_DIR));
    for (const name of [SENTINEL_LOCK, SENTINEL_DOUBLE]) await writeFile(join(home, SENTINEL_DIR, name), '');
  });

  afterAll(async () => {
    await worker?.stop();
    await collector?.stop();
    await pool?.close();
    await execa('umount', ['-l', home], { reject: false });
    await rm(dir, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const order = { dir: join(dir, 'worker'), entrypointUrl: `${collector.url}/entrypoint.sh`, env };
    worker = await startContractWorker(order);
  }

  async function resize(bytes: number): Promise<void> {
    await execa('mount', ['-o', `remount,size=${Math.ceil(bytes)}`, home]);
  }

  async function row(): Promise<WorkerRow | null> {
    const { workers } = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
    return workers.find((w) => w.id === WORKER) ?? null;
  }

  async function events(name: string): Promise<EventRow[]> {
    const { events: all } = EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?limit=500`));
    return all.filter((e) => e.event === name);
  }

  function hashing(): Promise<WorkerRow> {
    return until('a hashing worker', 90_000, async () => {
      const now = await row();
      return now?.state === 'hashing' && now.accepted > 0 ? now : null;
    });
  }

  it('50 MB: the head says that the disk is the trouble, and how much it needs; with room, it mines', async () => {
    await start();
    const stuck = await until('a stuck worker', 30_000, async () => {
      const now = await row();
      return now?.state === 'stuck' ? now : null;
    });
    expect(stuck.last_event).toMatchObject({ level: 'error' });
    expect(JSON.stringify(stuck.last_event)).toMatch(/disk/);
    // Back-off, not a loop: about 1, 2, 4, 8 s apart.
    await new Promise((resolve) => setTimeout(resolve, 12_000));
    const log = await readFile(join(home, 'log/head.log'), 'utf8');
    expect(log).toMatch(/disk: \d+ KB free, need \d+/);
    expect(log.match(/start, boot/g)).toHaveLength(1);
    expect((log.match(/stage disk failed/g) ?? []).length).toBeLessThanOrEqual(6);
    expect((await statfs(home)).bavail).toBeGreaterThan(0);

    await resize(420 * MB);
    const begun = performance.now();
    const mining = await hashing();
    console.log(
      `lab: hashing ${((performance.now() - begun) / 1000).toFixed(1)} s after there was room for the runtime`,
    );
    expect(mining.boot).not.toBeNull();
  });

  it('room for the runtime but not for the miner: Node says what is missing, stays up, and goes on when there is room', async () => {
    const before = await hashing();
    await worker?.stop();
    await rm(join(home, 'artifacts', release.miner.sha256), { recursive: true });
    const { blocks, bfree, bsize } = await statfs(home);
    await resize((blocks - bfree) * bsize + 10 * MB);
    await start();
    const [told] = await until('an event that names the disk', 60_000, async () => {
      const found = await events('disk_low');
      return found.length > 0 ? found : null;
    });
    expect(told).toMatchObject({ worker: WORKER, level: 'error' });
    expect(told?.detail).toMatch(
      /^t-rex 0\.0\.1 needs \d+ MB and \d+ MB are free in .*home: all that spotrig has there is in use; free \d+ MB/,
    );
    const waiting = await until('a worker that waits', 30_000, async () => {
      const now = await row();
      return now !== null && now.boot !== before.boot ? now : null;
    });
    expect(waiting.state).not.toBe('hashing');
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    expect((await row())?.boot).toBe(waiting.boot);
    expect((await events('disk_low')).length).toBeLessThanOrEqual(3);

    await resize(420 * MB);
    const begun = performance.now();
    const mining = await hashing();
    console.log(`lab: hashing ${((performance.now() - begun) / 1000).toFixed(1)} s after there was room for the miner`);
    expect(mining.boot).toBe(waiting.boot);
    expect(await readFile(join(home, SENTINEL_DIR, SENTINEL_DOUBLE), 'utf8')).toBe('');
  });
});
