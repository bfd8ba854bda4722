// What is refused before anything is made; the release itself: test/long/release-command.test.ts.
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { COMMIT, EXPIRES, newKey } from '../../test/fakes/release.ts';
import { signManifest } from '../release/manifest.ts';
import { newKeyPair, SIGNING_KEY_VARIABLE } from '../release/signing-keys.ts';
import { run } from './release.ts';

const { privatePem } = newKeyPair();
let dir: string;
let said: string;
let more: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-release-cli-'));
  const keyFile = join(dir, 'k');
  await writeFile(keyFile, privatePem);
  await chmod(keyFile, 0o600);
  more = ['--out', join(dir, 'out'), '--key', keyFile, '--dirty'];
  vi.stubEnv(SIGNING_KEY_VARIABLE, undefined);
  said = '';
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((text: string) => {
      said += `${text}\n`;
    });
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

it.each([
  ['--serial', '0', '--serial: a whole number'],
  ['--serial', '1.5', '--serial: a whole number'],
  ['--expires', 'soon', '--expires: a date like'],
  ['--expires', '2020-01-01', 'has passed'],
  ['--nonsense', '1', '--nonsense'],
])('does not take %s %s', async (flag, value, complaint) => {
  expect(await run([...more, flag, value])).toBe(64);
  expect(said).toContain(complaint);
  expect(await readdir(dir)).toEqual(['k']);
});

it('says what is missing', async () => {
  expect(await run(['--out', join(dir, 'out'), '--dirty'])).toBe(1);
  expect(said).toContain('spotrig keygen makes one');
  expect(await run([...more, '--miner', 'nothing'])).toBe(1);
  expect(said).toContain('unknown miner "nothing"');
  expect(await run([...more, '--previous', join(dir, 'absent')])).toBe(1);
  expect(said).toContain('has no manifest.json');
  expect(await run(['--help'])).toBe(0);
  expect(await readdir(dir)).toEqual(['k']);
});

it('never goes back behind the release in its folder, or behind another', async () => {
  const serial = 9_000_000_000;
  const manifest = { serial, expires: EXPIRES, version: '1', node: '24', commit: COMMIT, files: [] };
  await writeFile(join(dir, 'manifest.json'), signManifest(manifest, newKey().key));
  expect(await run([...more, '--out', dir])).toBe(1);
  expect(await run([...more, '--previous', dir])).toBe(1);
  expect(said.match(/has the serial 9000000000, .* give --serial 9000000001 or more/g)).toHaveLength(2);
  await writeFile(join(dir, 'manifest.json'), '{"version":"1","node":"24","files":[]}');
  expect(await run([...more, '--out', dir])).toBe(1);
  expect(said).toContain("it is a build's");
});
