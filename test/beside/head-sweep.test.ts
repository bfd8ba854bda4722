// Damaged scripts, more of them than npm test has time for: a sample of the sweep (`npm run sweep` is all of it), and forty cuts
// that a worker must get from to a hashing miner with the real Node.
import { randomInt } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HEAD_BYTES, PART_ONE_BYTES } from '../../scripts/release/head.ts';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { startFleet, until, type Fleet } from '../rig/fleet.ts';
import { FORMS } from '../sweep/damage.ts';
import { seeded } from '../fakes/random.ts';
import { runSweep } from '../sweep/sweep.ts';

const OUT = '.cache/sweep-release';
const BOOTS = 40;
let fleet: Fleet;

beforeAll(async () => {
  await buildRelease({ out: OUT, xz: 'cached', log: () => undefined });
  await buildPage({ out: `${OUT}/page` });
  fleet = await startFleet({
    releaseDir: OUT,
    minerFlags: ['--practice-throttle-hs', '30000'],
    poolOptions: { startDifficulty: 1.2e-6, vardiff: false },
  });
});
afterAll(() => fleet.close());

it('boots from damage at every 11th byte of the head and 46 bytes of the payload, and runs nothing of it', async () => {
  const o = { step: 11, payload: 46, seed: randomInt(2 ** 31) };
  const result = await runSweep({ ...o, forms: FORMS, parallel: 4 });
  expect(result.violations, `npm run sweep -- --step 11 --payload 46 --seed ${o.seed}`).toEqual([]);
  expect(result.cases).toBeGreaterThan(2000);
}, 1_200_000);

it(`mines after each of ${BOOTS} cuts`, async () => {
  const seed = randomInt(2 ** 31);
  const random = seeded(seed);
  const accepted = (): number => Object.values(fleet.pool.stats().workers).reduce((sum, w) => sum + w.accepted, 0);
  const whole = await readFile(join(OUT, 'entrypoint.sh'));
  // A whole script first: whoever still wrote it would keep the kernel from starting ours.
  await until('shares of the whole script', 60_000, async () => (accepted() > 0 ? true : null));
  for (let i = 0; i < BOOTS; i += 1) {
    const end = i % 2 === 0 ? HEAD_BYTES : whole.length;
    const cut = Math.floor(PART_ONE_BYTES + random() * (end - PART_ONE_BYTES));
    await fleet.tree.kill();
    // Every eighth time on an empty disk, as after a kill during the very first download; else what was there stays.
    const gone = i % 8 === 0 ? fleet.tree.home : join(fleet.tree.home, 'artifacts', await payloadDigest());
    await rm(gone, { recursive: true, force: true });
    await writeFile(join(fleet.dir, 'worker/onstart.sh'), whole.subarray(0, cut), { mode: 0o755 });
    const before = accepted();
    await fleet.restartWorker();
    await until(`shares after a cut at byte ${cut} (seed ${seed})`, 60_000, async () =>
      accepted() > before ? true : null,
    );
    expect(await fleet.tree.miners()).toHaveLength(1);
  }
}, 1_200_000);

async function payloadDigest(): Promise<string> {
  const { files } = JSON.parse(await readFile(join(OUT, 'manifest.json'), 'utf8')) as {
    files: { what: string; sha256: string }[];
  };
  return files.find((file) => file.what.startsWith('payload'))?.sha256 ?? 'none';
}
