// Some connections that broke early are no link that freezes: the head must not fetch the rest in pieces of some kilobytes, which takes
// minutes for a runtime (found by the chaos bench).
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildStandInRelease, HeadRig, Mirror, type StandInRelease } from './head-harness.ts';

let release: StandInRelease;
let mirror: Mirror;

beforeAll(async () => {
  release = await buildStandInRelease();
  mirror = await new Mirror(release).listen();
}, 30_000);
afterAll(async () => {
  await mirror.close();
  await rm(release.dir, { recursive: true, force: true });
});

it('asks for the whole again after three early cuts, and for ranges after four', async () => {
  const order = { DELEGATED_ENTRYPOINT: `${mirror.url}/entrypoint.sh` };
  for (const cuts of [3, 4]) {
    mirror.requests.length = 0;
    Object.defineProperty(mirror, 'cutAfter', { get: () => (mirror.requests.length <= cuts ? 8000 : Infinity) });
    const rig = await HeadRig.create(release.whole);
    try {
      expect((await rig.start(order).ended).code).toBe(0);
    } finally {
      await rig.destroy();
    }
    const ranges = mirror.requests.map((r) => r.range);
    expect(ranges.slice(0, 4)).toEqual(Array(4).fill('bytes=0-'));
    expect(ranges.some((range) => /^bytes=\d+-\d+$/.test(range ?? ''))).toBe(cuts === 4);
  }
});
