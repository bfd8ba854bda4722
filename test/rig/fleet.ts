// Collector, practice pool and one worker under the contract, together: what `npm start` runs, for tests and the bench.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONFIG_FILE } from '../../collector/config.ts';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { EventsAnswer, WorkersAnswer, type EventRow, type WorkerRow } from '../../wire/api.ts';
import { writePracticeMinerLauncher } from './bundle.ts';
import { startCollectorProcess, type CollectorProcess } from './collector-process.ts';
import { startContractWorker, type ContractWorker } from './contract-worker.ts';
import type { PracticePool } from './practice-pool.ts';
import { startSha256dPool } from './sha256d-pool.ts';
import { warmHome } from './warm-home.ts';

export interface FleetOptions {
  /** Folder of a build, with the page in `page/`. */
  releaseDir: string;
  /** Flags of the practice miner. */
  minerFlags?: readonly string[];
  /** More of the order's env, or less (undefined removes). */
  env?: Record<string, string | undefined>;
  worker?: string;
  /** Of the practice pool; its own defaults are for a miner that runs for minutes. */
  poolOptions?: Parameters<typeof startSha256dPool>[0];
  /** Which script of the release the order names: entrypoint.sh (default), or loader.sh, which lacks the payload. */
  script?: string;
  /** The worker's home has the Node runtime already. Default: the head fetches and unpacks it. */
  warm?: boolean;
  /** Login of the pool's own in its address, `login:password`. */
  poolLogin?: string;
  /** Text of the collector's collector.toml. */
  config?: string;
}

export interface Fleet {
  readonly dir: string;
  readonly worker: string;
  readonly pool: PracticePool;
  collector: CollectorProcess;
  tree: ContractWorker;
  token: string;
  /** Starts the collector again on the same port and data. */
  restartCollector(): Promise<void>;
  /** Starts the worker's container again: its disk is kept. */
  restartWorker(): Promise<void>;
  /** One more worker with a miner of its own, at the same collector and pool. */
  addWorker(worker: string, minerFlags: readonly string[]): Promise<void>;
  row(): Promise<WorkerRow | null>;
  events(): Promise<EventRow[]>;
  close(): Promise<void>;
}

/** Starts all of it in a private folder under the system's temp folder. */
export async function startFleet(o: FleetOptions): Promise<Fleet> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-fleet-'));
  const worker = o.worker ?? 'rig-1';
  const dataDir = join(dir, 'collector');
  const collectorOptions = { dataDir, releaseDir: o.releaseDir, pageDir: join(o.releaseDir, 'page') };
  if (o.config !== undefined) {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(join(dataDir, CONFIG_FILE), o.config);
  }
  const collector = await startCollectorProcess({ port: 0, ...collectorOptions });
  const pool = await startSha256dPool(o.poolOptions ?? {});
  const keys = await loadKeys(dataDir);
  const orderOf = async (of: { worker: string; folder: string; minerFlags: readonly string[] }) => {
    const token = mintToken(keys, { worker: of.worker, expires_s: Math.floor(Date.now() / 1000) + 86_400 });
    const miner = await writePracticeMinerLauncher(join(dir, `practice-miner${of.folder}`), of.minerFlags);
    const env: Record<string, string | undefined> = {
      WORKER_NAME: of.worker,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: token,
      SPOTRIG_MINER: `t-rex@${miner}`,
      SPOTRIG_ALGO: 'sha256d',
      SPOTRIG_POOLS: o.poolLogin === undefined ? pool.url : pool.url.replace('://', `://${o.poolLogin}@`),
      SPOTRIG_WALLET: 'practice-wallet',
      ...o.env,
    };
    const order = {
      dir: join(dir, `worker${of.folder}`),
      entrypointUrl: `${collector.url}/${o.script ?? 'entrypoint.sh'}`,
      env: Object.fromEntries(Object.entries(env).filter((e): e is [string, string] => e[1] !== undefined)),
    };
    if (o.warm === true) await warmHome(o.releaseDir, join(order.dir, 'home'));
    return { token, order };
  };
  const { token, order } = await orderOf({ worker, folder: '', minerFlags: o.minerFlags ?? [] });
  const more: ContractWorker[] = [];
  const fleet: Fleet = {
    dir,
    worker,
    pool,
    collector,
    token,
    tree: await startContractWorker(order),
    restartCollector: async () => {
      fleet.collector = await startCollectorProcess({ port: Number(new URL(collector.url).port), ...collectorOptions });
    },
    restartWorker: async () => {
      fleet.tree = await startContractWorker(order);
    },
    addWorker: async (name, minerFlags) => {
      const added = await orderOf({ worker: name, folder: `-${more.length + 2}`, minerFlags });
      more.push(await startContractWorker(added.order));
    },
    row: async () => {
      const answer = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
      return answer.workers.find((w) => w.id === worker) ?? null;
    },
    events: async () => EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?limit=500`)).events,
    close: async () => {
      await Promise.all([fleet.tree, ...more].map((tree) => tree.stop()));
      await pool.close();
      await fleet.collector.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return fleet;
}

/** GETs JSON; rejects on any other status than 200. */
export async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
}

/** Asks every 200 ms until the answer is not null, and says what was awaited when it does not come in time. */
export async function until<T>(what: string, timeoutMs: number, ask: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'nothing';
  while (performance.now() < deadline) {
    try {
      const value = await ask();
      if (value !== null) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms; last trouble: ${String(last)}`);
}
