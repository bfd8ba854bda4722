import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { composeStandIn, EXPIRES, filesOf, newKey, publishStandIn } from '../../test/fakes/release.ts';
import { openMirror, readWhole, type ReadLimits } from './mirror.ts';
import { verifyRelease } from './verify.ts';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
});

async function serve(answer: RequestListener): Promise<string> {
  const made = createServer(answer);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

const LIMITS = { silentMs: 60_000, totalMs: 120_000 };
const SHORT = { ...LIMITS, silentMs: 300 };
const EXACT: ReadLimits = { sizeBytes: 1000, maxBytes: 1000 };
const UNKNOWN: ReadLimits = { sizeBytes: null, maxBytes: 1000 };

async function codeOf(url: string, limits: ReadLimits, times = LIMITS): Promise<unknown> {
  const mirror = openMirror(url, times);
  try {
    await readWhole(mirror.read('loader.sh', limits));
    return 'read';
  } catch (error) {
    return (error as { code: unknown }).code;
  } finally {
    await mirror.close();
  }
}

const zeros = Buffer.alloc(64 * 1024);
const HOSTILE: [string, RequestListener, string][] = [
  ['a body without end', (_q, a) => { const go = (): void => { while (a.write(zeros)); a.once('drain', go); }; go(); }, 'mirror_size'], // prettier-ignore
  ['a length that is too large', (_q, a) => a.writeHead(200, { 'content-length': 1e12 }).write('x'), 'mirror_size'],
  [
    'a length that is too small',
    (_q, a) => a.writeHead(200, { 'content-length': 999 }).end(zeros.subarray(0, 999)),
    'mirror_size',
  ],
  ['fewer bytes than it says', (_q, a) => { a.writeHead(200, { 'content-length': 1000 }).write('x', () => a.destroy()); }, 'mirror_failed'], // prettier-ignore
  ['fewer bytes, and no word of how many', (_q, a) => { a.write('x'); a.end(); }, 'mirror_size'], // prettier-ignore
  ['no answer', () => undefined, 'mirror_slow'],
  ['an answer that stops', (_q, a) => a.writeHead(200, { 'content-length': 1000 }).write('x'), 'mirror_slow'],
  ['a redirect', (_q, a) => a.writeHead(302, { location: 'http://other.example/' }).end(), 'mirror_refused'],
  [
    'a coding',
    (_q, a) => a.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 1000 }).end(zeros.subarray(0, 1000)),
    'mirror_refused',
  ],
  ['404', (_q, a) => a.writeHead(404).end(zeros), 'mirror_missing'],
  ['500', (_q, a) => a.writeHead(500).end(zeros), 'mirror_refused'],
  ['a connection that is closed', (q) => q.socket.destroy(), 'mirror_failed'],
  ['headers without end', (_q, a) => { a.setHeader('x', 'y'.repeat(900_000)); a.end(); }, 'mirror_failed'], // prettier-ignore
];

describe('a mirror by its address', () => {
  it.each(HOSTILE)('with %s is an error', async (_what, answer, code) => {
    expect(await codeOf(await serve(answer), EXACT, code === 'mirror_slow' ? SHORT : LIMITS)).toBe(code);
  });

  it('gives no more than may be, where the size is not known', async () => {
    const url = await serve((_q, a) => a.end(zeros));
    expect(await codeOf(url, UNKNOWN)).toBe('mirror_size');
    expect(await codeOf(url, { sizeBytes: null, maxBytes: zeros.length })).toBe('read');
  });

  it('has an end in time, whatever it drips', async () => {
    let timer: NodeJS.Timeout | undefined;
    const url = await serve((_q, a) => {
      timer = setInterval(() => a.write('x'), 20);
    });
    expect(await codeOf(url, EXACT, { ...LIMITS, totalMs: 500 })).toBe('mirror_slow');
    clearInterval(timer);
  });

  it('that nobody serves is an error', async () => {
    const url = await serve(() => undefined);
    server?.close();
    expect(await codeOf(url, EXACT)).toBe('mirror_failed');
  });

  it('is a base, whatever of it is given; a query is refused', async () => {
    const asked: string[] = [];
    const url = await serve((q, a) => { asked.push(q.url ?? ''); a.end('x'); }); // prettier-ignore
    for (const end of ['', '/', '/manifest.json', '/sub', '/sub/entrypoint.sh']) await codeOf(url + end, UNKNOWN);
    expect(asked).toEqual(['/loader.sh', '/loader.sh', '/loader.sh', '/sub/loader.sh', '/sub/loader.sh']);
    expect(() => openMirror(`${url}/?key=secret`)).toThrow('plain base URL');
    expect(() => openMirror(`${url}/?key=secret`)).not.toThrow('secret');
  });

  it('is verified like a folder', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'spotrig-mirror-'));
    const { key, publicText } = newKey();
    await publishStandIn({ out: dir, composed: await composeStandIn(), key });
    const files = await filesOf(dir);
    await rm(dir, { recursive: true });
    const url = await serve((q, a) => {
      const bytes = files.get((q.url ?? '').slice(1));
      if (bytes === undefined) a.writeHead(404).end();
      else a.end(bytes);
    });
    const check = async () => {
      const mirror = openMirror(url, LIMITS);
      const nowMs = Date.parse(EXPIRES) - 1;
      const result = await verifyRelease({ mirror, key: publicText, serialAtLeast: 7, nowMs, unpack: true });
      await mirror.close();
      return result;
    };
    const result = await check();
    expect(result).toMatchObject({ good: true, findings: [], where: `${url}/` });
    expect(result.notes.join()).toContain('no byte ranges');
    files.delete('loader.sh');
    expect((await check()).findings).toMatchObject([{ code: 'file_missing', file: 'loader.sh' }]);
  });
});
