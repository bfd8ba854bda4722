import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { PoolKeys } from './pool-keys.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spotrig-keys-'));
  await mkdir(join(home, 'run'));
});
afterEach(() => rm(home, { recursive: true }));

it('remembers keys over restarts, and at most 64 of them', async () => {
  const keys = new PoolKeys(home, silentLogger);
  expect(await keys.get('pool:1')).toBeNull();
  for (let i = 0; i < 70; i += 1) await keys.set(`pool:${String(i)}`, `key${String(i)}`);
  await keys.set('pool:1', 'another');
  const later = new PoolKeys(home, silentLogger);
  expect([await later.get('pool:1'), await later.get('pool:63'), await later.get('pool:64')]).toEqual([
    ...['another', 'key63'],
    null,
  ]);
});

it.each(['{"pool:1":', '{"pool:1":5}', '[1]'])(
  'begins anew where the file holds %j, or cannot be written',
  async (text) => {
    await writeFile(join(home, 'run', 'pool-keys.json'), text);
    const keys = new PoolKeys(home, silentLogger);
    expect(await keys.get('pool:1')).toBeNull();
    await keys.set('pool:1', 'key');
    expect(await readFile(join(home, 'run', 'pool-keys.json'), 'utf8')).toBe('{"pool:1":"key"}');
    await rm(join(home, 'run'), { recursive: true });
    await keys.set('pool:2', 'key');
    expect(await keys.get('pool:2')).toBe('key');
  },
);
