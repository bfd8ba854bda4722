import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock, type Clock } from '../../platform/clock.ts';
import { fetchArchive, type ArchiveFetch } from './fetch-archive.ts';

/** Real timers for the guards, none for the pauses between tries. */
const clock: Clock = { ...realClock, sleep: () => Promise.resolve() };
const bytes = Buffer.alloc(1000, 'archive');
let dir: string;
let server: Server;
let answer: RequestListener;
let asked: number;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-fetch-'));
  asked = 0;
  server = createServer((request, response) => {
    asked++;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

function fetched(more: Partial<ArchiveFetch> = {}): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a`;
  const limits = { maxBytes: 5000, roomBytes: 5000, stallMs: 20_000, totalMs: 60_000 };
  return fetchArchive({ url, path: join(dir, 'a'), clock, ...limits, ...more });
}

describe('fetchArchive', () => {
  it('writes over what an earlier run left', async () => {
    await writeFile(join(dir, 'a'), 'left');
    answer = (_request, response) => response.end(bytes);
    await fetched();
    expect((await readFile(join(dir, 'a'))).equals(bytes)).toBe(true);
  });

  it.each<[string, RequestListener, Partial<ArchiveFetch>, string, number]>([
    ['no room for it', (_q, a) => a.end(bytes), { roomBytes: 999 }, 'download_no_room', 1],
    ['no end', (_q, a) => { while (a.write(bytes)); }, {}, 'download_too_large', 1], // prettier-ignore
    [
      'silence, again and again',
      (_q, a) => a.writeHead(200, { 'content-length': 1000 }).write('x'),
      { stallMs: 50 },
      'download_stalled',
      5,
    ],
    [
      'a drip',
      (_q, a) => a.writeHead(200, { 'content-length': 1000 }).write('x'),
      { totalMs: 100 },
      'download_timeout',
      1,
    ],
    ['another size the second time', (_q, a) => { a.writeHead(200, { 'content-length': 1000 + asked }).write('x', () => setImmediate(() => a.destroy())); }, {}, 'download_changed', 2], // prettier-ignore
  ])('leaves nothing where there is %s', async (_what, wrong, more, code, times) => {
    answer = wrong;
    await expect(fetched(more)).rejects.toMatchObject({ code });
    expect(asked).toBe(times);
    expect(await readdir(dir)).toEqual([]);
  });
});
