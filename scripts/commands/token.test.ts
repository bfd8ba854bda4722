// The commands against a collector that runs on the same data folder and really listens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Printed, capturePrinted } from '../../test/fakes/printed.ts';
import { envelope } from '../../test/fakes/reports.ts';
import { run as collector } from './collector.ts';
import { run as token } from './token.ts';

let dir: string;
let printed: Printed;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-token-'));
  printed = capturePrinted();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true, force: true });
});

/** Runs a token command; its exit code and what it printed. */
async function cli(...argv: string[]): Promise<[code: number, printed: string]> {
  Object.assign(printed, { out: '', err: '' });
  const code = await token([...argv, '--data', dir]);
  return [code, (printed.out + printed.err).trim()];
}

/** Serves on a free port while `use` runs. */
async function serving(use: (url: string) => Promise<void>): Promise<void> {
  Object.assign(printed, { out: '', err: '' });
  const ended = collector(['--data', dir, '--listen', '127.0.0.1:0', '--log-level', 'error']);
  await expect.poll(() => printed.out).toMatch(/"url":"http/);
  try {
    await use(/"url":"([^"]+)"/.exec(printed.out)?.[1] ?? '');
  } finally {
    process.emit('SIGTERM');
    expect(await ended).toBe(0);
  }
}

async function send(url: string, by: string, seq: number): Promise<[status: number, body: unknown]> {
  const answer = await fetch(`${url}/v1/reports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' },
    body: JSON.stringify(envelope({ seq, sentAt: Date.now() })),
  });
  return [answer.status, await answer.json()];
}

it('mints a token that works, revokes it at once, and the data outlives the collector', async () => {
  await cli('add-key');
  const [code, good] = await cli('mint', '--worker', 'rig-1');
  expect([code, good]).toEqual([0, expect.stringMatching(/^sr1\./)]);
  const short = (await cli('mint', '--worker', 'rig-1', '--days', '1'))[1];
  await serving(async (url) => {
    expect(await send(url, good, 0)).toEqual([200, { acked: 0 }]);
    expect((await cli('revoke', '--token', good, '--reason', 'leaked'))[0]).toBe(0);
    expect(await send(url, good, 1)).toEqual([401, expect.objectContaining({ error: 'token_revoked' })]);
    expect(await send(url, short, 1)).toEqual([200, { acked: 1 }]);
    expect((await cli('revoke', '--worker', 'rig-1'))[0]).toBe(0);
    expect(await send(url, short, 2)).toEqual([401, expect.objectContaining({ error: 'token_revoked' })]);
    await cli('add-key');
    const next = (await cli('mint', '--worker', 'rig-2'))[1];
    expect(await send(url, next, 0)).toEqual([403, expect.objectContaining({ error: 'worker_mismatch' })]);
  });
  await serving(async (url) => {
    const fleet = (await (await fetch(`${url}/api/v1/workers`)).json()) as { workers: { id: string }[] };
    expect(fleet.workers.map((worker) => worker.id)).toEqual(['rig-1']);
  });
});

it('leaves a data folder to the one collector that runs there', async () => {
  await serving(async () => {
    Object.assign(printed, { out: '', err: '' });
    expect(await collector(['--data', dir, '--listen', '127.0.0.1:0', '--log-level', 'error'])).toBe(1);
    expect(printed.out).toContain('another collector runs on this data folder');
  });
}, 15_000);

it('refuses to mint what is revoked already', async () => {
  await cli('add-key');
  await cli('revoke', '--worker', 'rig-1');
  expect(await cli('mint', '--worker', 'rig-1', '--days', '3')).toEqual([1, expect.stringContaining('are revoked')]);
});

it('says that a folder without keys is none, or that it got its first', async () => {
  for (const argv of [['list-keys'], ['revoke', '--worker', 'rig-1']]) {
    expect(await cli(...argv)).toEqual([1, expect.stringContaining("is no collector's data folder")]);
  }
  expect((await cli('mint', '--worker', 'rig-1'))[1]).toContain('had no signing key');
  expect((await cli('mint', '--worker', 'rig-1'))[1]).toMatch(/^sr1\.\S+$/);
});

it('tells keys without their secrets', async () => {
  await cli('add-key');
  const [, listed] = await cli('list-keys', '--json');
  const { keys } = JSON.parse(listed) as { keys: Record<string, unknown>[] };
  expect(keys.map((key) => [Object.keys(key), key['mints']])).toEqual([
    [['kid', 'created', 'mints'], false],
    [['kid', 'created', 'mints'], true],
  ]);
});

it('answers in JSON when asked', async () => {
  await cli('add-key');
  const [, minted] = await cli('mint', '--worker', 'rig-1', '--json');
  expect(JSON.parse(minted)).toMatchObject({ worker: 'rig-1', token: expect.stringMatching(/^sr1\./) as string });
});

it.each([
  [['mint']],
  [['mint', '--worker', 'Rig']],
  [['mint', '--worker', 'rig', '--days', '22']],
  [['mint', '--worker', 'rig', '--days', '0']],
  [['mint', 'rig']],
  [['revoke']],
  [['revoke', '--worker', 'a', '--token', 'b']],
  [['revoke', '--token', 'b']],
  [['unknown']],
  [['toString']],
  [['mint', '--unknown']],
  [[]],
])('refuses %j with 64', async (argv) => {
  expect((await cli(...argv))[0]).toBe(64);
});
