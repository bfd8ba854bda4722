// The build: the same input gives the same bytes, and a release holds together.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from './head-harness.ts';
import { HEAD_BYTES, sha256Of } from '../../scripts/release/head.ts';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { buildRelease, type ReleaseOptions } from '../../scripts/release/release.ts';

let dir: string;
const lines: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-build-'));
  await writeFile(join(dir, 'stand-in-node'), `#!/bin/bash\nexec node "$@"\n${'x'.repeat(50_000)}`);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A build around stand-ins, each with a cache of its own, so that nothing is taken over from the one before. */
async function build(name: string, more: Partial<ReleaseOptions> = {}): Promise<Manifest> {
  return await buildRelease({
    out: join(dir, name),
    entry: 'test/integration/head-stand-in.ts',
    xz: 'make',
    log: (line) => lines.push(line),
    runtimePath: join(dir, 'stand-in-node'),
    cacheDir: join(dir, `${name}-cache`),
    ...more,
  });
}

async function contents(name: string): Promise<Record<string, string>> {
  const names = await readdir(join(dir, name), { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (path) => [path.slice(join(dir, name).length + 1), sha256Of(await readFile(path))]),
    ),
  ) as Record<string, string>;
}

describe('buildRelease', () => {
  it('makes the same bytes twice', async () => {
    await build('one');
    await build('two');
    expect(await contents('two')).toEqual(await contents('one'));
  });

  it('names every artefact by its bytes, and the manifest names every file', async () => {
    const manifest = await build('named');
    const files = await contents('named');
    for (const file of manifest.files) {
      expect(files[file.name]).toBe(file.sha256);
      if (file.name.startsWith('artifacts/')) expect(file.name).toBe(`artifacts/${file.sha256}`);
    }
    expect(Object.keys(files).sort()).toEqual(
      [...manifest.files.map((f) => f.name), 'manifest.json', 'meta/worker.json'].sort(),
    );
    expect(JSON.parse(await readFile(join(dir, 'named/manifest.json'), 'utf8'))).toEqual(manifest);
    const whole = await readFile(join(dir, 'named/entrypoint.sh'));
    const payload = manifest.files.find((file) => file.what.startsWith('payload'));
    expect(whole.subarray(0, HEAD_BYTES)).toEqual(await readFile(join(dir, 'named/loader.sh')));
    expect(sha256Of(whole.subarray(HEAD_BYTES))).toBe(payload?.sha256);
  });

  it('removes the artefacts of the build before', async () => {
    await build('pruned');
    const manifest = await build('pruned', { xz: 'off' });
    const kept = manifest.files.filter((file) => file.name.startsWith('artifacts/')).map((file) => file.name.slice(10));
    expect((await readdir(join(dir, 'pruned/artifacts'))).sort()).toEqual(kept.sort());
  });

  it('leaves xz out when it is off, or asked from an empty cache, and says so', async ({ skip }) => {
    if ((await present('xz')).length === 0) skip('this machine has no xz');
    const off = await build('off', { xz: 'off' });
    expect(off.files.map((file) => file.what).join()).not.toContain('xz');
    lines.length = 0;
    const cold = await build('cold', { xz: 'cached' });
    expect(cold.files.map((file) => file.what).join()).not.toContain('xz');
    expect(lines.join()).toContain('no xz runtime in .cache');
    await build('cold');
    const warm = await build('cold', { xz: 'cached' });
    expect(warm.files.map((file) => file.what).join()).toContain('xz');
  });
});
