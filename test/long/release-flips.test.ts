// Every byte of a release's small files, flipped one by one: `verify` sees each. The large ones are sampled beside the source.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyRelease } from '../../scripts/release/verify.ts';
import { composeStandIn, EXPIRES, filesOf, memoryMirror, newKey, publishStandIn } from '../fakes/release.ts';

const SMALL_BYTES = 8 * 1024;
const { key, publicText } = newKey();
let dir: string;
let files: Map<string, Buffer>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-flips-'));
  await publishStandIn({ out: dir, composed: await composeStandIn(), key });
  files = await filesOf(dir);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it('every flipped byte of every small file is found', async () => {
  const small = [...files].filter(([, bytes]) => bytes.length <= SMALL_BYTES);
  expect(small.length).toBeGreaterThanOrEqual(5); // manifest, sums, loader, part two, payload
  let flips = 0;
  for (const [name, bytes] of small) {
    const mirror = memoryMirror(new Map(files).set(name, bytes));
    for (let at = 0; at < bytes.length; at++) {
      const was = bytes[at] ?? 0;
      bytes[at] = was ^ (1 << (at % 8));
      const nowMs = Date.parse(EXPIRES) - 1;
      const { good } = await verifyRelease({ mirror, key: publicText, serialAtLeast: null, nowMs, unpack: false });
      bytes[at] = was;
      if (good) throw new Error(`byte ${at} of ${name} is not seen`);
      flips++;
    }
  }
  console.log(`${flips} flipped bytes in ${small.length} files, each found`);
});
