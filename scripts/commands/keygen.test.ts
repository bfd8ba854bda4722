import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { run } from './keygen.ts';

let dir: string;
let said: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-keygen-'));
  said = [];
  for (const method of ['log', 'error'] as const)
    vi.spyOn(console, method).mockImplementation((text: string) => void said.push(text));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

it('makes a key that only its owner reads, and prints the public half alone', async () => {
  const path = join(dir, 'k');
  expect(await run(['--out', path])).toBe(0);
  const [publicText = ''] = said;
  expect(publicText).toMatch(/^ed25519:.{43}$/);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const pem = await readFile(path, 'utf8');
  expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  expect(said.join()).not.toContain(pem.split('\n')[1]);
  expect(await readdir(dir)).toEqual(['k']);
  expect(await run(['--show', path])).toBe(0);
  expect(said.at(-1)).toBe(publicText);
});

it('never writes over a file', async () => {
  const path = join(dir, 'k');
  await run(['--out', path]);
  const before = await readFile(path);
  expect(await run(['--out', path])).toBe(1);
  expect(said.at(-1)).toContain('never overwritten');
  expect(await readFile(path)).toEqual(before);
  expect(await readdir(dir)).toEqual(['k']);
});

it('answers in JSON, and explains itself', async () => {
  const path = join(dir, 'k');
  expect(await run(['--out', path, '--json'])).toBe(0);
  expect(JSON.parse(said[0] ?? '')).toEqual({
    public_key: expect.stringMatching(/^ed25519:/) as string,
    private_key_file: path,
  });
  expect(await run(['--out', join(dir, 'no/such/folder')])).toBe(1);
  expect(await run(['--nonsense'])).toBe(64);
  expect(await run(['--help'])).toBe(0);
});
