import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DATABASE_FILE } from '../../collector/main.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { machineRowOf } from '../../test/fakes/machines.ts';
import { Blacklist } from '../../wire/blacklist.ts';
import { run } from './blacklist.ts';

let dir: string;
let out: string[];
let err: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-blacklist-'));
  [out, err] = [[], []];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void out.push(line));
  vi.spyOn(console, 'error').mockImplementation((line: string) => void err.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const blacklist = (...argv: string[]) => run([...argv, '--data', join(dir, 'data')]);
async function exported(): Promise<Blacklist> {
  out = [];
  expect(await blacklist('export')).toBe(0);
  return Blacklist.parse(JSON.parse(out.join('\n')));
}

it('adds, removes, and gives to another collector what it has', async () => {
  expect(await blacklist('add', '--server', '4711', '--server', '12', '--host', '82', '--reason', 'slow')).toBe(0);
  expect(out).toEqual(['added 2 servers and 1 host']);
  const list = await exported();
  expect(new Set(list.servers.map(({ id }) => id))).toEqual(new Set([12, 4711]));
  expect(list.hosts).toMatchObject([{ id: '82', reason: 'slow' }]);
  const file = join(dir, 'list.json');
  writeFileSync(file, JSON.stringify(list));
  expect(await blacklist('remove', '--server', '4711', '--host', '82')).toBe(0);
  expect((await exported()).hosts).toEqual([]);
  expect(await blacklist('remove', '--server', '4711')).toBe(1);
  expect(await run(['import', file, '--data', join(dir, 'other')])).toBe(0);
  out = [];
  expect(await run(['export', '--data', join(dir, 'other')])).toBe(0);
  expect(JSON.parse(out.join('\n'))).toEqual(list);
});

it('says what is wrong with a call and with a file, and keeps nothing of it', async () => {
  for (const [argv, complaint] of [
    [[], 'give one of add'],
    [['add'], 'give --server or --host'],
    [['add', '--server', '-1'], '--server'],
    [['add', '--server', 'rig'], '--server'],
    [['add', '--host', 'a b'], '--host'],
    [['list', 'what'], 'what: not understood'],
    [['import'], 'give a file'],
  ] as const) {
    err = [];
    expect([argv, await blacklist(...argv)]).toEqual([argv, 64]);
    expect(err.join('\n')).toContain(complaint);
  }
  const file = join(dir, 'list.json');
  for (const [text, complaint] of [
    ['{', 'not JSON'],
    ['{"v":2,"servers":[],"hosts":[]}', 'v: '],
    ['{"v":1,"servers":[{"id":1,"reason":"","at":"now"}],"hosts":[]}', 'servers.0.at'],
  ] as const) {
    err = [];
    writeFileSync(file, text);
    expect(await blacklist('import', file)).toBe(1);
    expect(err.join('\n')).toContain(complaint);
  }
  expect(await exported()).toEqual({ v: 1, servers: [], hosts: [] });
});

it('adds what the judge advises, once', async () => {
  expect(await blacklist('list')).toBe(0);
  const store = openSqliteStore(join(dir, 'data', DATABASE_FILE));
  const rows = [
    machineRowOf('rig-1', { advice: 'blacklist', server: 4711, host: '82' }),
    machineRowOf('rig-2', { advice: 'cancel', server: 4712, host: '82', against_host: true }),
    machineRowOf('rig-3', { advice: 'cancel', server: 4713, host: '83' }),
  ];
  await store.machines.keepAdvice(
    rows.map((row) => ({ machine: row.worker, at_ms: Date.parse(row.at), body: JSON.stringify(row) })),
    [],
  );
  await store.close();
  for (const added of ['added 1 server and 1 host', 'added 0 servers and 0 hosts']) {
    out = [];
    expect(await blacklist('add', '--advised')).toBe(0);
    expect(out).toEqual([added]);
  }
  const list = await exported();
  expect(list.servers).toMatchObject([
    { id: 4711, reason: 'by the judge: its shares prove less than can be expected' },
  ]);
  expect(list.hosts).toMatchObject([{ id: '82' }]);
});
