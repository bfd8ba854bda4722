// A release that is killed at any single step of its writing: what the folder serves then can boot a worker, and the next run
// finishes it. From the n-th call on the file system takes nothing any more, so nothing is tidied up either.
import type * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { composeStandIn, EXPIRES, filesOf, newKey, publishStandIn } from '../../test/fakes/release.ts';
import { HEAD_BYTES } from './head.ts';
import { readHead } from './head-digests.ts';
import { openMirror } from './mirror.ts';
import { readRelease } from './read-release.ts';
import { verifyRelease } from './verify.ts';

const disk = vi.hoisted(() => ({ calls: 0, deadFrom: Infinity }));

vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fs>();
  const mortal = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (++disk.calls >= disk.deadFrom) throw new Error('killed');
      return call(...args);
    };
  };
  return {
    ...actual,
    mkdir: mortal(actual.mkdir),
    rename: mortal(actual.rename),
    rm: mortal(actual.rm),
    open: async (path: string, flags: string, mode?: number) => {
      const file = await (flags === 'r' ? actual.open : mortal(actual.open))(path, flags, mode);
      for (const name of ['appendFile', 'writeFile'] as const) {
        const call = file[name].bind(file) as (...args: unknown[]) => Promise<void>;
        Object.assign(file, { [name]: mortal(call) });
      }
      return file;
    },
  };
});

const real = await vi.importActual<typeof fs>('node:fs/promises');
const { key, publicText } = newKey();
const first = await composeStandIn();
const second = await composeStandIn({ word: 'second' });
let dir = '';
afterEach(() => real.rm(dir, { recursive: true }));

/** What a script of the folder asks its mirrors for is there. */
function expectBootable(files: Map<string, Buffer>): void {
  for (const name of ['loader.sh', 'entrypoint.sh']) {
    const { partTwo, payload, gz } = readHead(files.get(name)?.subarray(0, HEAD_BYTES) ?? Buffer.alloc(0));
    for (const sha256 of [partTwo, payload.sha256, gz.sha256]) expect(files.has(`artifacts/${sha256}`)).toBe(true);
  }
}

it('serves what can boot, whenever it is killed, and is finished by the next run', async () => {
  dir = await real.mkdtemp(join(tmpdir(), 'spotrig-killed-'));
  let kills = 0;
  for (let deadFrom = 1; ; deadFrom++) {
    const out = join(dir, String(deadFrom));
    await publishStandIn({ out, composed: first, key, serial: 1 });
    const before = await filesOf(out);
    Object.assign(disk, { calls: 0, deadFrom });
    const previous = await readRelease(out);
    const ended = await publishStandIn({ out, composed: second, key, serial: 2, previous }).then(() => 'well', String);
    disk.deadFrom = Infinity;
    if (ended === 'well') break;
    expect(ended).toBe('Error: killed');
    kills++;
    const between = await filesOf(out);
    expectBootable(between);
    for (const name of before.keys()) if (name.startsWith('artifacts/')) expect(between.get(name)).toEqual(before.get(name)); // prettier-ignore
    const told = await readRelease(out);
    await publishStandIn({ out, composed: second, key, serial: 2, previous: told });
    const mirror = openMirror(out);
    const nowMs = Date.parse(EXPIRES) - 1;
    const result = await verifyRelease({ mirror, key: publicText, serialAtLeast: 2, nowMs, unpack: false });
    expect(result.findings, `killed at call ${deadFrom}`).toEqual([]);
  }
  expect(kills).toBeGreaterThan(20);
}, 60_000);
