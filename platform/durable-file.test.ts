import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDir, readJsonTolerant, readTextIfPresent, writeFileDurable } from './durable-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-durable-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('replaces a file whole, leaves no temp file, and is private by default', async () => {
  const path = join(dir, 'a.json');
  await writeFileDurable(path, 'old');
  await writeFileDurable(path, 'new');
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(dir)).toEqual(['a.json']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('leaves the old file and no temp file when it cannot write', async () => {
  await expect(writeFileDurable(join(dir, 'none', 'a'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readdir(dir)).toEqual([]);
});

it('reads absent as null, torn JSON as null, and refuses a file that is too large', async () => {
  const path = join(dir, 'a.json');
  const parse = (v: unknown) => (typeof v === 'number' ? v : null);
  expect(await readTextIfPresent(path, 10)).toBeNull();
  expect(await readJsonTolerant(path, parse)).toBeNull();
  await writeFile(path, '{"a": [1, 2');
  expect(await readJsonTolerant(path, parse)).toBeNull();
  await writeFile(path, '17');
  expect(await readJsonTolerant(path, parse)).toBe(17);
  await expect(readTextIfPresent(path, 1)).rejects.toMatchObject({ code: 'file_too_large' });
});

it('makes folders one by one, takes what is there, and does not hang where none can be made', async () => {
  await makeDir(join(dir, 'a', 'b', 'c'));
  await makeDir(join(dir, 'a', 'b', 'c'));
  expect((await stat(join(dir, 'a', 'b', 'c'))).mode & 0o777).toBe(0o700);
  await writeFile(join(dir, 'file'), '');
  await expect(makeDir(join(dir, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeDir(join(dir, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeDir('/proc/nope/x')).rejects.toMatchObject({ code: 'ENOENT' });
});
