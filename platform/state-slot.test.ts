import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readStateSlot, StateSlot } from './state-slot.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-slot-'));
  path = join(dir, 'slot');
});
afterEach(() => rm(dir, { recursive: true }));

it('gives back the last state, also to another process that opens it again', () => {
  expect(readStateSlot(path, 'me')).toBeNull();
  const slot = new StateSlot(path, 'me');
  expect(readStateSlot(path, 'me')).toBeNull();
  slot.write({ a: 'ä'.repeat(100), n: 1 });
  slot.write({ n: 2 });
  slot.close();
  expect(readStateSlot(path, 'me')).toEqual({ n: 2 });
  const again = new StateSlot(path, 'me');
  expect(readStateSlot(path, 'me')).toEqual({ n: 2 });
  expect(readStateSlot(path, 'another')).toBeNull();
  again.close();
});

it('gives nothing rather than something damaged, and refuses what does not fit', async () => {
  const slot = new StateSlot(path, 'me');
  slot.write({ n: 1 });
  expect(() => slot.write('x'.repeat(5000))).toThrow('state has');
  slot.close();
  const whole = await readFile(path);
  await truncate(path, 100);
  expect(readStateSlot(path, 'me')).toBeNull();
  whole[60] = (whole[60] ?? 0) ^ 1;
  await writeFile(path, whole);
  expect(readStateSlot(path, 'me')).toBeNull();
});
