import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock, type Clock } from '../../platform/clock.ts';
import { isComplete, recheck, writeRecord } from './program-record.ts';

const bytes = randomBytes(300_000);
const never = new AbortController().signal;
let folder: string;
let pauses: number;
const clock: Clock = {
  ...realClock,
  sleep: () => {
    pauses++;
    return Promise.resolve();
  },
};

beforeEach(async () => {
  pauses = 0;
  folder = await mkdtemp(join(tmpdir(), 'spotrig-record-'));
  await writeFile(join(folder, 'miner'), bytes);
  await writeRecord(folder, { size_bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
});

afterEach(() => rm(folder, { recursive: true }));

it('is complete with its record and in its size only', async () => {
  expect(isComplete(folder, 'miner')).toBe(true);
  expect(isComplete(folder, 'other')).toBe(false);
  await truncate(join(folder, 'miner'), bytes.length - 1);
  expect(isComplete(folder, 'miner')).toBe(false);
});

it.each(['', '{', '{"size_bytes":300000}'])('is not complete with the record %j', async (text) => {
  await writeFile(join(folder, '.program.json'), text);
  expect(isComplete(folder, 'miner')).toBe(false);
});

it('is found good, with pauses in between', async () => {
  expect(await recheck({ folder, program: 'miner', clock, signal: never })).toBe('good');
  expect(pauses).toBeGreaterThanOrEqual(5);
  expect(isComplete(folder, 'miner')).toBe(true);
});

it('is found damaged by one flipped bit, and counts as absent from then on; the file stays', async () => {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8((flipped[200_000] ?? 0) ^ 1, 200_000);
  await writeFile(join(folder, 'miner'), flipped);
  expect(isComplete(folder, 'miner')).toBe(true);
  expect(await recheck({ folder, program: 'miner', clock, signal: never })).toBe('damaged');
  expect(isComplete(folder, 'miner')).toBe(false);
  expect(await readdir(folder)).toEqual(['miner']);
  expect(await recheck({ folder, program: 'miner', clock, signal: never })).toBe('absent');
});
