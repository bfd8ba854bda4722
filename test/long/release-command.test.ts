// `spotrig keygen`, `release` and `verify` as a user calls them, with the real worker and the real Node (gzip only: xz takes a minute).
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { filesOf } from '../fakes/release.ts';

const SPOTRIG = resolve('bin/spotrig.js');
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-release-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function spotrig(...args: string[]) {
  return execa(process.execPath, [SPOTRIG, ...args], { reject: false, cwd: dir });
}

it('makes a key, the same release twice, and finds it good', async () => {
  const { stdout: publicKey } = await spotrig('keygen');
  const flags = ['--key', 'release.key', '--dirty', '--no-xz', '--expires', '3650d'];
  for (const out of ['a', 'b']) {
    const made = await spotrig('release', '--out', out, ...flags);
    expect(made.exitCode, made.stderr).toBe(0);
    expect(made.stdout).toContain(`signed by ${publicKey}`);
  }
  expect(await filesOf(join(dir, 'b'))).toEqual(await filesOf(join(dir, 'a')));
  const verified = await spotrig('verify', 'a', '--key', publicKey, '--serial-at-least', 'b');
  expect(verified.stdout).toContain('good: every byte is as it was signed');
  expect(verified.exitCode).toBe(0);

  const { serial } = JSON.parse(await readFile(join(dir, 'a/manifest.json'), 'utf8')) as { serial: number };
  const back = await spotrig('release', '--out', 'a', ...flags, '--serial', String(serial - 1));
  expect(back.exitCode).toBe(1);
  expect(back.stderr).toContain(`give --serial ${serial + 1} or more`);
  expect(await filesOf(join(dir, 'b'))).toEqual(await filesOf(join(dir, 'a')));
});
