// A container that has one program to fetch with and one to unpack with, and none of the others: that is enough, with the real
// runtime, from the script to accepted shares.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { WorkersAnswer } from '../../wire/api.ts';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { buildChaosRelease, SENTINEL_DIR, type ChaosRelease } from '../chaos/chaos-release.ts';
import { startChaosMirror, type ChaosMirror } from '../chaos/mirror.ts';
import { startCollectorProcess, type CollectorProcess } from '../rig/collector-process.ts';
import { getJson, until } from '../rig/fleet.ts';
import type { PracticePool } from '../rig/practice-pool.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';
import { startContractContainer, type Container } from './docker.ts';

const FETCHERS = ['wget', 'curl', 'python3'] as const;
const UNPACKERS = ['xz', 'python3', 'gzip'] as const;
/** All names of each, in the image. */
const FILES: Record<string, string[]> = {
  wget: ['/usr/bin/wget'],
  curl: ['/usr/bin/curl'],
  python3: ['/usr/bin/python3', '/usr/bin/python3.13'],
  xz: ['/usr/bin/xz', '/usr/bin/xzcat', '/usr/bin/unxz'],
  gzip: ['/usr/bin/gzip', '/usr/bin/gunzip', '/usr/bin/zcat'],
};

let dir: string;
let release: ChaosRelease;
let mirror: ChaosMirror;
let pool: PracticePool;
let collector: CollectorProcess;
let container: Container | null = null;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-tools-'));
  release = await buildChaosRelease(join(dir, 'release'), (line) => console.log(`build: ${line}`));
  mirror = await startChaosMirror(release);
  pool = await startSha256dPool({ startDifficulty: 1.2e-6, vardiff: false });
  const options = { dataDir: join(dir, 'collector'), releaseDir: release.dir, pageDir: join(release.dir, 'page') };
  collector = await startCollectorProcess({ port: 0, ...options });
});
afterEach(async () => {
  await container?.remove();
  container = null;
});
afterAll(async () => {
  await collector?.stop();
  await pool?.close();
  await mirror?.close();
  await rm(dir, { recursive: true, force: true });
});

/** The contract, in a container from which all but the kept programs are removed first. The script is there already. */
async function boot(worker: string, kept: readonly string[]): Promise<{ home: string; started: Container }> {
  const place = join(dir, worker);
  const home = join(place, 'home');
  const onstart = join(place, 'onstart.sh');
  const [sentinel, wrapper] = [join(home, SENTINEL_DIR), join(place, 'contract.sh')];
  await mkdir(sentinel, { recursive: true });
  await copyFile(join(release.dir, 'entrypoint.sh'), onstart);
  const gone = Object.keys(FILES).filter((name) => !kept.includes(name)).flatMap((name) => FILES[name]); // prettier-ignore
  await writeFile(wrapper, `rm -f ${gone.join(' ')}\nexec /bin/bash /etc/contract.sh\n`);
  const token = mintToken(await loadKeys(join(dir, 'collector')), {
    worker,
    expires_s: Math.floor(Date.now() / 1000) + 3600,
  });
  const started = await startContractContainer({
    name: `spotrig-lab-${worker}`,
    contractPath: wrapper,
    files: { [resolve('test/contract/delegated-entrypoint.sh')]: '/etc/contract.sh' },
    mounts: [place],
    env: {
      ...{ ONSTART: onstart, SPOTRIG_HOME: home, DELEGATED_ENTRYPOINT: `${mirror.url}/entrypoint.sh` },
      ...{ SPOTRIG_COLLECTOR: collector.url, SPOTRIG_TOKEN: token, SPOTRIG_POOLS: pool.url },
      ...{ SPOTRIG_MINER: 't-rex', SPOTRIG_ALGO: 'sha256d', SPOTRIG_WALLET: worker },
    },
  });
  return { home, started };
}

for (const fetcher of FETCHERS) {
  for (const unpacker of UNPACKERS) {
    it(`${fetcher} to fetch and ${unpacker} to unpack are enough`, async () => {
      const worker = `only-${fetcher}-${unpacker}`;
      const kept = [fetcher, unpacker];
      const { home, started } = await boot(worker, kept);
      container = started;
      await until('accepted shares', 60_000, async () => {
        const book = Object.entries(pool.stats().workers).find(([login]) => login.startsWith(worker))?.[1];
        return (book?.accepted ?? 0) >= 3 ? true : null;
      });
      await until('a hashing row', 30_000, async () => {
        const { workers } = WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`));
        return workers.find((w) => w.id === worker)?.state === 'hashing' ? true : null;
      });
      const there = await container.exec('/bin/bash', '-c', 'hash -r; for x in wget curl python3 xz gzip; do type -P $x; done; true'); // prettier-ignore
      expect(there.split('\n').map((path) => path.replace('/usr/bin/', '')).toSorted()).toEqual([...new Set(kept)].toSorted()); // prettier-ignore
      // python3 can read both kinds of archive, and takes the smaller one.
      const kind = kept.includes('xz') || kept.includes('python3') ? 'Node runtime, xz' : 'Node runtime, gzip';
      const archive = release.manifest.files.find((f) => f.what === kind);
      const log = await readFile(join(home, 'log/head.log'), 'utf8');
      expect(log).toMatch(new RegExp(`${archive?.sha256.slice(0, 9)}: (\\d+) of \\1 bytes, .*${fetcher}`));
    });
  }
}
