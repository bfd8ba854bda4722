// The failover drill: xmrig and the practice miner, each in a container under CLORE's contract, keep hashing while one endpoint
// after the other is frozen, reset, blackholed, and answered for by a lying resolver. No miner is restarted; the time from the
// fault to the next accepted share is printed, and what the relay counted fits the pools' books.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { EventsAnswer, WorkersAnswer, type WorkerRow } from '../../wire/api.ts';
import { writePracticeMinerLauncher } from '../rig/bundle.ts';
import { startCollectorProcess, type CollectorProcess } from '../rig/collector-process.ts';
import { startCryptonotePool } from '../rig/cryptonote-pool.ts';
import { NOTHING_OUTSIDE } from '../../reporter/net/profile.ts';
import { getJson, until } from '../rig/fleet.ts';
import type { PracticePool } from '../rig/practice-pool.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';
import {
  PRACTICE_MINER,
  processOf,
  startContractContainer,
  XMRIG,
  type Container,
  type ProcessSearch,
} from './docker.ts';
import { startLoopbackCensor, type LoopbackCensor } from './loopback-censor.ts';

const RELEASE = '.cache/lab/release';
/** One pool each; the fifth is known by a name. */
const ADDRESSES = [1, 2, 3, 4, 5, 6].map((n) => `127.77.0.${String(n)}`);
const NAME = 'pool.lab.test';
const NAMED = 4;
const PAGE_ADDRESS = '127.77.0.100';
const SHARE_MS = 1000;

/** One miner with its pools, in the order of the setting. */
interface Drill {
  worker: string;
  pools: PracticePool[];
  container: Container;
  /** Pid of the miner inside the container. */
  minerPid(): Promise<string>;
}

let dir: string;
let collector: CollectorProcess;
let censor: LoopbackCensor;
let drills: Drill[];
const pages: Server[] = [];

describe.skipIf(process.getuid?.() !== 0)('failover drill (root makes the faults)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-failover-'));
    await buildRelease({ out: RELEASE, xz: 'make', log: (line) => console.log(`build: ${line}`) });
    await buildPage({ out: join(RELEASE, 'page') });
    collector = await startCollectorProcess({
      ...{ port: 0, dataDir: join(dir, 'collector'), releaseDir: RELEASE, pageDir: join(RELEASE, 'page') },
    });
    censor = await startLoopbackCensor();
    const launcher = await writePracticeMinerLauncher(join(dir, 'miner'), ['--practice-throttle-hs', '20000']);
    drills = await Promise.all([
      startDrill('sr-failover-practice', {
        start: (host) => startSha256dPool({ host, targetShareMs: SHARE_MS, startDifficulty: 5e-6 }),
        env: { SPOTRIG_MINER: `t-rex@${launcher}`, SPOTRIG_ALGO: 'sha256d' },
        mounts: [dirname(launcher), dirname(process.execPath)],
        process: PRACTICE_MINER,
      }),
      startDrill('sr-failover-xmrig', {
        start: (host) => startCryptonotePool({ host, algo: 'rx/0', startHashes: 10, targetShareMs: SHARE_MS }),
        env: {
          SPOTRIG_MINER: 'xmrig@/usr/bin/xmrig',
          SPOTRIG_MINER_ARGS: JSON.stringify(['--randomx-mode=light', '--threads=1', '--no-huge-pages']),
          SPOTRIG_ALGO: 'rx/0',
        },
        mounts: [],
        process: XMRIG,
      }),
    ]);
  });

  afterAll(async () => {
    await censor?.close();
    for (const { container, pools } of drills ?? []) {
      await container.remove();
      for (const pool of pools) await pool.close();
    }
    for (const page of pages) page.close();
    await collector?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('keeps both miners hashing through every fault', async () => {
    for (const drill of drills) await sharesAt(drill, 0, 180_000);
    const pids = await Promise.all(drills.map((drill) => drill.minerPid()));
    const steps: [what: string, fault: () => Promise<void>, next: number][] = [
      ['frozen', () => censor.put('freeze', ADDRESSES[0] ?? ''), 1],
      ['reset', () => censor.put('reset', ADDRESSES[1] ?? ''), 2],
      ['blackholed', () => censor.put('blackhole', ADDRESSES[2] ?? ''), 3],
      // The name of the next one is answered with the address of a block page.
      ['reset, the next one’s name poisoned', poison, 5],
    ];
    for (const [what, fault, next] of steps) {
      await fault();
      const begun = performance.now();
      const times = await Promise.all(
        drills.map(async (drill) => {
          await sharesAt(drill, next, 90_000);
          return `${drill.worker} ${((performance.now() - begun) / 1000).toFixed(1)} s`;
        }),
      );
      console.log(`lab: ${what}: next accepted share after ${times.join(', ')}`);
    }
    expect(await Promise.all(drills.map((drill) => drill.minerPid()))).toEqual(pids);
    for (const drill of drills) {
      const booked = acceptedOf(drill);
      // Shares that a fault swallowed on their way, or whose answer it swallowed, are unanswered; none is counted twice or lost.
      const row = await until('a report of all shares', 60_000, async () => {
        const now = await rowOf(drill);
        const isNew = now?.pool === drill.pools[5]?.url;
        return now !== null && isNew && now.accepted + now.unanswered >= booked ? now : null;
      });
      const bookedNow = acceptedOf(drill);
      expect(row.accepted).toBeLessThanOrEqual(bookedNow);
      expect(row).toMatchObject({ rejected: 0, state: 'hashing' });
      console.log(
        `lab: ${drill.worker}: ${row.accepted} accepted, ${row.unanswered} unanswered; pools booked ${booked} to ${bookedNow}`,
      );
    }
    const { events } = EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?limit=500`));
    for (const { worker } of drills) {
      const mine = events.filter((event) => event.worker === worker).map((event) => event.event);
      expect(mine.filter((event) => event === 'pool_switched')).toHaveLength(4);
      expect(mine.filter((event) => event === 'miner_started')).toHaveLength(1);
    }
  });
});

async function startDrill(
  name: string,
  o: {
    start(host: string): Promise<PracticePool>;
    env: Record<string, string>;
    mounts: string[];
    /** How the miner is found. */
    process: ProcessSearch;
  },
): Promise<Drill> {
  const pools = await Promise.all(ADDRESSES.map((address) => o.start(address)));
  const named = pools[NAMED]?.port ?? 0;
  pages.push(await startPage(named));
  const urls = pools.map((pool, place) => (place === NAMED ? `stratum+tcp://${NAME}:${String(named)}` : pool.url));
  const keys = await loadKeys(join(dir, 'collector'));
  const container = await startContractContainer({
    name,
    contractPath: resolve('test/contract/delegated-entrypoint.sh'),
    mounts: o.mounts,
    env: {
      DELEGATED_ENTRYPOINT: `${collector.url}/entrypoint.sh`,
      WORKER_NAME: name,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: mintToken(keys, { worker: name, expires_s: Math.floor(Date.now() / 1000) + 3600 }),
      SPOTRIG_POOLS: urls.join(' '),
      SPOTRIG_WALLET: '4practicewallet',
      // One of the pools has a name: without this the prober would ask the world about it.
      SPOTRIG_PROBE: JSON.stringify(NOTHING_OUTSIDE),
      ...o.env,
    },
  });
  return { worker: name, pools, container, minerPid: () => processOf(container, o.process) };
}

/** What answers in a pool's place where a resolver lies. */
async function startPage(port: number): Promise<Server> {
  const page = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 302 Found\r\nLocation: http://block.lab.test/\r\nConnection: close\r\n\r\n');
  });
  page.listen(port, PAGE_ADDRESS);
  await once(page, 'listening');
  return page;
}

/** The fifth pool's name gets the page's address, then the fourth is reset. */
async function poison(): Promise<void> {
  for (const { container } of drills) {
    await container.exec('sh', '-c', `echo '${PAGE_ADDRESS} ${NAME}' >> /etc/hosts`);
  }
  await censor.put('reset', ADDRESSES[3] ?? '');
}

function acceptedAt(pool: PracticePool | undefined): number {
  return Object.values(pool?.stats().workers ?? {}).reduce((sum, book) => sum + book.accepted, 0);
}

function acceptedOf({ pools }: Drill): number {
  return pools.reduce((sum, pool) => sum + acceptedAt(pool), 0);
}

/** Waits for an accepted share at this place of the setting. */
async function sharesAt(drill: Drill, place: number, timeoutMs: number): Promise<void> {
  await until(`${drill.worker}: a share at pool ${String(place + 1)}`, timeoutMs, () =>
    Promise.resolve(acceptedAt(drill.pools[place]) > 0 ? true : null),
  );
}

async function rowOf({ worker }: Drill): Promise<WorkerRow | null> {
  const { workers } = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
  return workers.find((row) => row.id === worker) ?? null;
}
