// What the tests of the images share: `npm run images` on the lab's base, and a collector and a pool for the workers in them.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import * as z from 'zod';
import { loadKeys } from '../../../collector/keys.ts';
import { mintToken } from '../../../collector/tokens.ts';
import { ImageReport } from '../../../scripts/image/report.ts';
import { imageNames } from '../../../scripts/images/catalogue.ts';
import { buildPage } from '../../../scripts/release/page.ts';
import { buildRelease } from '../../../scripts/release/release.ts';
import { WorkersAnswer, type WorkerRow } from '../../../wire/api.ts';
import { startCollectorProcess } from '../../rig/collector-process.ts';
import { getJson, until } from '../../rig/fleet.ts';
import { startSha256dPool } from '../../rig/sha256d-pool.ts';
import { LAB_IMAGES_BASE } from '../docker.ts';

export const RELEASE = '.cache/lab/release';
export const WORK = '.cache/lab/images';
export const PREFIX = 'spotrig-lab-image-';
const HASHING_LIMIT_MS = 180_000;

/** What `npm run images -- --json` answers. */
const Outcome = z.object({
  engine: z.string(),
  revision: z.string(),
  version: z.string(),
  epoch_s: z.int(),
  images: z.array(z.object({ name: z.string(), ref: z.string(), digest: z.string().nullable(), report: ImageReport })),
  pushed: z.array(z.string()),
});
export type Outcome = z.infer<typeof Outcome>;

export interface ImagesRun {
  exitCode: number | undefined;
  /** null where it ended before there was one. */
  outcome: Outcome | null;
  stderr: string;
}

/** Runs it on the lab's base and release; of two flags of one name the later wins. */
export async function npmRunImages(flags: readonly string[], env: Record<string, string> = {}): Promise<ImagesRun> {
  const fixed = ['--json', '--base', LAB_IMAGES_BASE, '--release', RELEASE, '--work', WORK, '--prefix', PREFIX];
  const run = await execa('node', ['scripts/images.ts', ...fixed, ...flags], { reject: false, env });
  for (const name of imageNames()) noteStages(await readFile(join(WORK, `${name}.log`), 'utf8').catch(() => ''));
  const outcome = run.stdout === '' ? null : Outcome.parse(JSON.parse(run.stdout));
  return { exitCode: run.exitCode, outcome, stderr: run.stderr };
}

/** Removes the images that these tests made, and the untagged ones of their builds' stages. */
export async function removeImages(): Promise<void> {
  const list = async (filter: string): Promise<string[]> => {
    const { stdout } = await execa('docker', ['images', '--filter', filter, '--format', '{{.Repository}}:{{.Tag}}']);
    return stdout.split('\n').filter((name) => name !== '');
  };
  const named = [...(await list(`reference=${PREFIX}*`)), ...(await list('reference=127.0.0.1:*/me/spotrig-*'))];
  if (named.length > 0) await execa('docker', ['rmi', '--force', ...named], { reject: false });
  // One that something else is made from stays: docker refuses it.
  for (const id of stages) await execa('docker', ['rmi', id], { reject: false });
}

/** Images that the classic builder made on its way, newest first. */
const stages: string[] = [];

/** Notes what a build of the classic builder made, by its log. */
export function noteStages(log: string): void {
  for (const [, id] of log.matchAll(/^ ---> ([0-9a-f]{12})$/gm)) if (id !== undefined) stages.unshift(id);
}

export interface ImageLab {
  readonly mirror: string;
  /** The order's env of a worker of this name, without its miner. */
  order(worker: string): Promise<Record<string, string>>;
  row(worker: string): Promise<WorkerRow | null>;
  /** Resolves when the worker hashes, its shares are accepted, and its boot is another one. */
  hashing(worker: string, exceptBoot?: string | null): Promise<WorkerRow>;
  close(): Promise<void>;
}

/** The release, a collector that serves it, and a practice pool. */
export async function startImageLab(): Promise<ImageLab> {
  await buildRelease({ out: RELEASE, xz: 'make', log: () => undefined });
  await buildPage({ out: join(RELEASE, 'page') });
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-image-lab-'));
  const dataDir = join(dir, 'collector');
  const collector = await startCollectorProcess({
    ...{ port: 0, dataDir, releaseDir: RELEASE, pageDir: join(RELEASE, 'page') },
  });
  const pool = await startSha256dPool({});
  const keys = await loadKeys(dataDir);
  const row = async (worker: string): Promise<WorkerRow | null> => {
    const answer = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
    return answer.workers.find(({ id }) => id === worker) ?? null;
  };
  return {
    mirror: collector.url,
    order: async (worker) => ({
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: mintToken(keys, { worker, expires_s: Math.floor(Date.now() / 1000) + 3600 }),
      ...{ SPOTRIG_ALGO: 'sha256d', SPOTRIG_POOLS: pool.url, SPOTRIG_WALLET: 'practice-wallet' },
    }),
    row,
    hashing: (worker, exceptBoot) =>
      until(`${worker} hashes`, HASHING_LIMIT_MS, async () => {
        const now = await row(worker);
        return now?.state === 'hashing' && now.accepted > 0 && now.boot !== exceptBoot ? now : null;
      }),
    close: async () => {
      await pool.close();
      await collector.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
