// From the start of entrypoint.sh on an empty disk to the miner's exec, over a link of 50 Mbit/s and 80 ms, against the time that
// the link needs for the bytes alone. The runtime is the real one, as xz; the miner is a stand-in of a real miner's size (a script
// with random bytes behind it, in a tar.gz), fetched from the same mirror, checked and unpacked like any other.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildRelease } from '../../scripts/release/release.ts';
import type { MinerRelease } from '../../miners/releases.ts';
import { tarGz } from '../fakes/archives.ts';
import { FakeCollector } from '../fakes/report-collector.ts';
import { startCollectorProcess } from '../rig/collector-process.ts';
import { Container } from './container.ts';
import { atMost, plain, type Bench, type Findings, type Measurement } from './measurement.ts';
import { startShapedLink } from './shaped-link.ts';
import { median } from './statistics.ts';

const RATIO_MAX = 1.45;
const RATE_BYTES_S = 50e6 / 8;
const RTT_MS = 80;
/** As T-Rex's archive. */
const MINER_BYTES = 17_000_000;

/** Empty disk to the miner's exec. */
export const coldStart: Measurement = { name: 'cold-start', about: 'empty disk to miner exec on a shaped link', run };

async function run(bench: Bench): Promise<Findings> {
  const rounds = bench.quick ? 2 : 5;
  const work = join(bench.workDir, 'cold-start');
  const container = new Container(join(work, 'container'));
  const release = join(work, 'release');
  await mkdir(join(release, 'artifacts'), { recursive: true });
  const program = Buffer.concat([Buffer.from(container.minerScript), randomBytes(MINER_BYTES)]);
  const archive = await tarGz([{ name: 't-rex', content: program }]);
  const miner: MinerRelease = {
    ...{ miner: 't-rex', version: '0.0.1', url: 'http://127.0.0.1:9/t-rex.tar.gz', archive: 'tar.gz', member: 't-rex' },
    sha256: createHash('sha256').update(archive).digest('hex'),
    ...{ size_bytes: archive.length, unpacked_bytes: program.length },
  };
  const minersPath = join(work, 'releases.json');
  await writeFile(minersPath, JSON.stringify([miner]));
  const manifest = await buildRelease({ out: release, xz: 'make', log: (line) => bench.say(line), minersPath });
  await writeFile(join(release, 'artifacts', miner.sha256), archive);
  const xz = manifest.files.find((file) => file.what === 'Node runtime, xz');
  if (xz === undefined) throw new Error('the release has no xz runtime: this machine has no xz');

  const sink = new FakeCollector();
  sink.fate = (request) => (request.url.endsWith('/v1/hello') ? { status: 204 } : 'ok');
  const { url, close } = await sink.listen();
  const mirror = await startCollectorProcess({
    ...{ port: 0, dataDir: join(work, 'mirror'), releaseDir: release, pageDir: join(release, 'page') },
  });
  const link = await startShapedLink({
    toPort: Number(new URL(mirror.url).port),
    rate_bytes_s: RATE_BYTES_S,
    rtt_ms: RTT_MS,
  });
  const env = {
    SPOTRIG_COLLECTOR: url,
    SPOTRIG_MIRRORS: `http://127.0.0.1:${link.port}`,
    SPOTRIG_MINER: 't-rex',
  };
  const needed_bytes = xz.size_bytes + archive.length;
  const ideal_ms = (needed_bytes / RATE_BYTES_S) * 1000;
  const start_ms: number[] = [];
  const came_bytes: number[] = [];
  try {
    for (let round = 1; round <= rounds; round++) {
      bench.signal.throwIfAborted();
      const before = link.bytes();
      start_ms.push(await container.coldStart(join(release, 'entrypoint.sh'), env));
      came_bytes.push(link.bytes() - before);
      bench.say(`round ${round} of ${rounds}: ${((start_ms.at(-1) ?? 0) / 1000).toFixed(2)} s`);
    }
  } finally {
    await link.close();
    await mirror.stop();
    await close();
    await container.remove();
  }
  const took = median(start_ms);
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  return {
    rows: [
      atMost(
        'cold start, median',
        `${(took / 1000).toFixed(2)} s`,
        `${mb(needed_bytes)} at 50 Mbit/s: ${(ideal_ms / 1000).toFixed(2)} s`,
        took / ideal_ms,
        RATIO_MAX,
      ),
      plain('cold start, what came', mb(median(came_bytes)), `runtime xz ${mb(xz.size_bytes)}, stand-in miner ${mb(archive.length)}`), // prettier-ignore
    ],
    values: { start_ms, came_bytes, needed_bytes, ideal_ms },
  };
}
