// A signed release in a folder, served by a collector: verified by its address, and a worker boots from it, also one whose script is
// of the release before. The runtime and the payload are stand-ins, as in the tests of the head.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openMirror } from '../../scripts/release/mirror.ts';
import { readRelease } from '../../scripts/release/read-release.ts';
import { composeRelease } from '../../scripts/release/release.ts';
import { verifyRelease, type VerifyResult } from '../../scripts/release/verify.ts';
import { EXPIRES, newKey, publishStandIn } from '../fakes/release.ts';
import { type CollectorProcess, startCollectorProcess } from '../rig/collector-process.ts';
import { HeadRig } from './head-harness.ts';

const { key, publicText } = newKey();
let dir: string;
let out: string;
let collector: CollectorProcess;
const rigs: HeadRig[] = [];

/** The release of one state of the source: `word` is what changed. */
async function release(serial: number, word: string): Promise<void> {
  const runtimePath = join(dir, `node-${word}`);
  const settingsPath = join(dir, 'release.toml');
  await writeFile(runtimePath, `#!/bin/bash\n# ${word}\nexec ${process.execPath} "$@"\n`);
  await writeFile(settingsPath, 'mirrors = []\nnode_flags = []\n');
  const composed = await composeRelease({
    ...{ entry: 'test/integration/head-stand-in.ts', xz: 'make', log: () => undefined },
    ...{ settingsPath, runtimePath, cacheDir: join(dir, 'cache') },
  });
  await publishStandIn({ out, composed, key, serial, previous: await readRelease(out) });
}

async function verified(serialAtLeast: number): Promise<VerifyResult> {
  const mirror = openMirror(collector.url);
  const nowMs = Date.parse(EXPIRES) - 1;
  const result = await verifyRelease({ mirror, key: publicText, serialAtLeast, nowMs, unpack: true });
  await mirror.close();
  return result;
}

async function boot(script: Buffer): Promise<Record<string, unknown>[]> {
  const rig = await HeadRig.create(script);
  rigs.push(rig);
  const { code, output } = await rig.start({ DELEGATED_ENTRYPOINT: `${collector.url}/entrypoint.sh` }).ended;
  expect(code, output).toBe(0);
  return rig.notes();
}

async function served(name: string): Promise<Buffer> {
  const answer = await fetch(`${collector.url}/${name}`);
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer());
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-release-'));
  out = join(dir, 'release');
  await release(1, 'first');
  const folders = { dataDir: join(dir, 'data'), releaseDir: out, pageDir: join(dir, 'page') };
  collector = await startCollectorProcess({ port: 0, ...folders });
});
afterAll(async () => {
  await collector.stop();
  await Promise.all(rigs.map((rig) => rig.destroy()));
  await rm(dir, { recursive: true, force: true });
});

it('a collector serves a release whole, and a worker boots from it', async () => {
  const result = await verified(1);
  expect(result).toMatchObject({ good: true, findings: [], manifest: { serial: 1 } });
  expect(result.notes.join()).not.toContain('ranges');
  expect(await boot(await served('entrypoint.sh'))).toHaveLength(1);
  expect(await boot(await served('loader.sh'))).toHaveLength(1);
});

it('a worker that fetched the script of the release before still finds what it names', async () => {
  const old = await served('loader.sh');
  await release(2, 'second');
  expect((await verified(2)).findings).toEqual([]);
  expect(await served('loader.sh')).not.toEqual(old);
  expect(await boot(old)).toHaveLength(1);
});

it('a byte that changed on the collector’s disk is found from outside', async () => {
  const path = join(out, 'entrypoint.sh');
  const bytes = await readFile(path);
  bytes[4000] = (bytes[4000] ?? 0) ^ 1;
  await writeFile(path, bytes);
  expect((await verified(2)).findings).toMatchObject([{ kind: 'wrong', code: 'file_wrong', file: 'entrypoint.sh' }]);
});
