// Process 1 of our images does with DELEGATED_ENTRYPOINT what CLORE's image does: the same cases for both scripts. Then what ours
// does beyond it.
import { once } from 'node:events';
import { access, chmod, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spawnGroup, type Child } from '../../platform/process.ts';
import { until } from '../rig/fleet.ts';

const CLORE = resolve('test/contract/delegated-entrypoint.sh');
const OURS = resolve('images/worker/bin/spotrig-start');
const LIMIT_MS = 60_000;

let dir: string;
let onstart: string;
let server: Server;
/** Answers of the mirror, in order; the last one stays. */
let answers: { status: number; body: string }[];
let asked: number;
let running: Child | null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-start-'));
  onstart = join(dir, 'onstart.sh');
  [answers, asked, running] = [[], 0, null];
  server = createServer((_request, response) => {
    const { status, body } = answers[Math.min(asked++, answers.length - 1)] ?? { status: 404, body: '' };
    response.writeHead(status).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  running?.kill('SIGKILL');
  await running?.exited;
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

/** Starts process 1 of a container whose disk is `dir`. */
function start(script: string, env: Record<string, string | undefined> = {}): Child {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/entrypoint.sh`;
  const paths = { ONSTART: onstart, BAKED: join(dir, 'baked.sh'), RETRY_SLEEP_S: '0.2' };
  const whole = { PATH: '/usr/local/bin:/usr/bin:/bin', DIR: dir, DELEGATED_ENTRYPOINT: url, ...paths, ...env };
  running = spawnGroup({
    argv: ['/bin/bash', script],
    env: Object.fromEntries(Object.entries(whole).filter((e): e is [string, string] => e[1] !== undefined)),
    ...{ cwd: dir, stdout: 'pipe', stderr: 'stdout' },
  });
  return running;
}

/** A script that notes each of its runs. */
function noting(word: string): string {
  return `#!/bin/bash\necho ${word} "$0" >>"$DIR/runs"\nexit 3\n`;
}

async function runs(count: number): Promise<string[]> {
  return await until(`${count} runs`, LIMIT_MS, async () => {
    const lines = (await readFile(join(dir, 'runs'), 'utf8').catch(() => '')).split('\n').slice(0, -1);
    return lines.length >= count ? lines : null;
  });
}

/** Its children are gone but one, which sleeps. */
async function sleeps(child: Child): Promise<void> {
  await until('nothing but sleep', LIMIT_MS, async () => {
    const self = (await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    const names = children.split(' ').filter((pid) => pid !== '');
    const below = await Promise.all(names.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
    return [self, ...below.map((text) => text.replaceAll('\0', ' ').trim())].includes('sleep infinity') ? true : null;
  });
}

describe.each([
  ['CLORE’s image', CLORE],
  ['ours', OURS],
])('DELEGATED_ENTRYPOINT in %s', (_whose, script) => {
  it('is fetched until it comes and is not empty, made executable, run once, and slept after', async () => {
    answers = [
      { status: 503, body: 'busy' },
      { status: 200, body: '' },
      { status: 200, body: noting('fetched') },
    ];
    const child = start(script);
    expect(await runs(1)).toEqual([`fetched ${onstart}`]);
    await sleeps(child);
    expect(asked).toBe(3);
    expect(await readFile(onstart, 'utf8')).toBe(noting('fetched'));
    await access(onstart, constants.X_OK);
    expect(await runs(1)).toHaveLength(1);
  });

  it('is not fetched again by a later start', async () => {
    answers = [{ status: 200, body: noting('fetched') }];
    await writeFile(onstart, noting('kept'));
    await chmod(onstart, 0o755);
    start(script);
    expect(await runs(1)).toEqual([`kept ${onstart}`]);
    expect(asked).toBe(0);
  });

  it('is fetched again where the file is empty', async () => {
    answers = [{ status: 200, body: noting('fetched') }];
    await writeFile(onstart, '');
    start(script);
    expect(await runs(1)).toEqual([`fetched ${onstart}`]);
  });

  it('is accepted whatever it is, as a page of a provider', async () => {
    answers = [{ status: 200, body: '<html>blocked</html>\n' }];
    await sleeps(start(script));
    expect(asked).toBe(1);
    expect(await readFile(onstart, 'utf8')).toBe('<html>blocked</html>\n');
  });

  it('decides by its first line what reads it', async () => {
    answers = [{ status: 200, body: '#!/usr/bin/tee seen\n' }];
    await sleeps(start(script));
    await access(join(dir, 'seen'));
  });
});

describe('process 1 of our images', () => {
  it.each([[undefined], ['']])('runs the baked script where the order names %j', async (DELEGATED_ENTRYPOINT) => {
    await writeFile(join(dir, 'baked.sh'), noting('baked'));
    await chmod(join(dir, 'baked.sh'), 0o755);
    const child = start(OURS, { DELEGATED_ENTRYPOINT });
    expect(await runs(1)).toEqual([`baked ${join(dir, 'baked.sh')}`]);
    await sleeps(child);
    expect(asked).toBe(0);
  });

  it('passes TERM on, waits for the script, and ends with its code', async () => {
    const script =
      '#!/bin/bash\ntrap "echo told >>$DIR/runs; exit 5" TERM\necho up >>$DIR/runs\nwhile :; do sleep 0.1; done\n';
    answers = [{ status: 200, body: script }];
    const child = start(OURS);
    await runs(1);
    process.kill(child.pid, 'SIGTERM'); // docker tells process 1 alone
    expect((await child.exited).code).toBe(5);
    expect(await runs(2)).toEqual(['up', 'told']);
  });

  it('ends by TERM while it still fetches', async () => {
    answers = [{ status: 503, body: '' }];
    const child = start(OURS, { RETRY_SLEEP_S: '3600' });
    await until('the first try', LIMIT_MS, async () => (asked > 0 ? true : null));
    process.kill(child.pid, 'SIGTERM');
    expect((await child.exited).code).toBe(143);
  });
});
