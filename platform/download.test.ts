import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../test/fakes/clock.ts';
import { realClock, type Clock } from './clock.ts';
import type { DownloadProgress } from './download-progress.ts';
import { downloadTo, type DownloadRequest } from './download.ts';
import { SpotrigError } from './errors.ts';
import { silentLogger } from './logger.ts';

const file = randomBytes(300_000);
const sha256 = createHash('sha256').update(file).digest('hex');
/** Real timers for the guards, none for the pauses between tries. */
const clock: Clock = { ...realClock, sleep: () => Promise.resolve() };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let dir: string;
let server: Server;
let base: string;
let routes: Record<string, Handler>;
let asked: { path: string; range: string | undefined }[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-download-'));
  routes = {};
  asked = [];
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push({ path, range: request.headers.range });
    const handler = routes[path.split('?')[0] ?? ''];
    if (handler === undefined) response.writeHead(404).end();
    else handler(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  await rm(dir, { recursive: true });
});

/** Serves `body` with ranges. After `limit` bytes of an answer the connection is cut, or freezes without a word. */
function serve(body: Buffer, limit = Infinity, then: 'cut' | 'freeze' = 'cut'): Handler {
  return (request, response) => {
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = Number(asked?.[1] ?? 0);
    if (start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    const end = Math.min(asked?.[2] === undefined || asked[2] === '' ? Infinity : Number(asked[2]) + 1, body.length);
    const rest = body.subarray(start, end);
    const headers = {
      'content-length': rest.length,
      'content-range': `bytes ${start}-${end - 1}/${body.length}`,
    };
    response.writeHead(asked === null ? 200 : 206, headers);
    if (limit >= rest.length) response.end(rest);
    else response.write(rest.subarray(0, limit), () => setImmediate(() => then === 'cut' && response.destroy()));
  };
}

interface Call extends Partial<DownloadRequest> {
  paths: string[];
}

function download({ paths, ...more }: Call): Promise<void> {
  return downloadTo({
    urls: paths.map((path) => base + path),
    path: join(dir, 'part'),
    sha256,
    maxBytes: 1_000_000,
    clock,
    stallMs: 5_000,
    totalMs: 10_000,
    log: silentLogger,
    dropped: new Set(),
    ...more,
  });
}

async function held(): Promise<Buffer> {
  return readFile(join(dir, 'part'));
}

async function failure(call: Promise<void>): Promise<SpotrigError> {
  const error: unknown = await call.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof SpotrigError)) throw new Error('expected a SpotrigError', { cause: error });
  return error;
}

describe('downloadTo', () => {
  it('fetches a file', async () => {
    routes['/a'] = serve(file);
    await download({ paths: ['/a'], sizeBytes: file.length });
    expect((await held()).equals(file)).toBe(true);
    expect(asked).toEqual([{ path: '/a', range: undefined }]);
  });

  it('resumes what an earlier process left', async () => {
    routes['/a'] = serve(file);
    await writeFile(join(dir, 'part'), file.subarray(0, 120_000));
    await download({ paths: ['/a'] });
    expect((await held()).equals(file)).toBe(true);
    expect(asked).toEqual([{ path: '/a', range: 'bytes=120000-' }]);
  });

  it('asks nobody when the file is whole already', async () => {
    await writeFile(join(dir, 'part'), file);
    await download({ paths: ['/a'] });
    expect(asked).toEqual([]);
  });

  it('goes on at the same address as long as it gives bytes', async () => {
    routes['/a'] = serve(file, 100_000);
    await download({ paths: ['/a'] });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.map((a) => a.range)).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
  });

  it('takes the rest from the next address', async () => {
    let calls = 0;
    routes['/a'] = (request, response) =>
      calls++ === 0 ? serve(file, 100_000)(request, response) : response.destroy();
    routes['/b'] = serve(file);
    await download({ paths: ['/a', '/b'] });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.at(-1)).toEqual({ path: '/b', range: 'bytes=100000-' });
  });

  it('starts over where the server does not do ranges', async () => {
    routes['/a'] = (_request, response) => response.end(file);
    await writeFile(join(dir, 'part'), file.subarray(0, 1000));
    await download({ paths: ['/a'] });
    expect((await held()).equals(file)).toBe(true);
  });

  it('does not append a range that it did not ask for', async () => {
    routes['/a'] = (_request, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-${file.length - 1}/${file.length}` }).end(file);
    };
    routes['/b'] = serve(file);
    await writeFile(join(dir, 'part'), file.subarray(0, 1000));
    await download({ paths: ['/a', '/b'] });
    expect((await held()).equals(file)).toBe(true);
  });

  it('starts over when everyone refuses the range', async () => {
    routes['/a'] = serve(file);
    await writeFile(join(dir, 'part'), Buffer.concat([file, Buffer.from('tail of another file')]));
    await download({ paths: ['/a'] });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.map((a) => a.range)).toEqual(['bytes=300020-', undefined]);
  });

  it('drops an address that gave wrong bytes, for all later calls too', async () => {
    routes['/bad'] = serve(randomBytes(file.length));
    routes['/good'] = serve(file);
    const dropped = new Set<string>();
    const told: string[] = [];
    const call: Call = {
      paths: ['/bad', '/good'],
      dropped,
      onDropped: (url, error) => told.push(`${url} ${error.code}`),
    };
    await download(call);
    expect((await held()).equals(file)).toBe(true);
    expect(told).toEqual([`${base}/bad download_wrong_digest`]);
    await rm(join(dir, 'part'));
    asked = [];
    await download(call);
    expect(asked).toEqual([{ path: '/good', range: undefined }]);
  });

  it('does not blame an address for the bytes of another', async () => {
    routes['/good'] = serve(file);
    await writeFile(join(dir, 'part'), randomBytes(1000));
    const dropped = new Set<string>();
    await download({ paths: ['/good'], dropped });
    expect((await held()).equals(file)).toBe(true);
    expect(dropped.size).toBe(0);
  });

  it('drops an address by the size it tells, before its bytes come', async () => {
    routes['/page'] = (_request, response) => response.end('<html>log in to the hotspot</html>');
    routes['/good'] = serve(file);
    const dropped = new Set<string>();
    await writeFile(join(dir, 'part'), file.subarray(0, 1000));
    await download({ paths: ['/page', '/good'], sizeBytes: file.length, dropped });
    expect([...dropped]).toEqual([`${base}/page`]);
    expect(asked.at(-1)).toEqual({ path: '/good', range: 'bytes=1000-' });
  });

  it('stops at the cap where no size is told', async () => {
    routes['/a'] = (_request, response) => {
      response.writeHead(200);
      response.write(file); // no length, no end
    };
    const error = await failure(download({ paths: ['/a'], maxBytes: 100_000 }));
    expect(error.code).toBe('download_failed');
    expect(error.message).toContain('more than 100000 bytes');
    expect((await stat(join(dir, 'part'))).size).toBeLessThanOrEqual(100_000);
  });

  it('leaves an address that stalls, and keeps what it gave', async () => {
    routes['/slow'] = (_request, response) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 50_000));
    };
    let calls = 0;
    routes['/silent'] = () => calls++;
    routes['/good'] = serve(file);
    await download({ paths: ['/silent', '/slow', '/good'], stallMs: 60 });
    expect((await held()).equals(file)).toBe(true);
    expect(calls).toBe(1);
    expect(asked.at(-1)).toEqual({ path: '/good', range: 'bytes=50000-' });
  });

  it('ends at the total limit, and the part survives', async () => {
    routes['/a'] = (_request, response) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 50_000));
    };
    const error = await failure(download({ paths: ['/a'], totalMs: 80 }));
    expect(error.code).toBe('download_timeout');
    expect((await stat(join(dir, 'part'))).size).toBe(50_000);
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    routes['/a'] = () => stop.abort(new SpotrigError('stopping', 'the order ends'));
    const error = await failure(download({ paths: ['/a'], signal: stop.signal }));
    expect(error.code).toBe('stopping');
  });

  it('names every address and its reason, without logins and queries', async () => {
    routes['/a'] = (_request, response) => response.writeHead(503).end();
    const urls = [base.replace('//', '//user:hidden@') + '/a?key=hidden', 'http://127.0.0.1:1/b', 'ftp://x/y'];
    const error = await failure(download({ paths: [], urls }));
    expect(error.code).toBe('download_failed');
    expect(error.retryable).toBe(true);
    expect(error.message).toContain(`${base}/a: answered 503`);
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).toContain('ftp://x/y: not an http or https address');
    expect(error.message).not.toContain('hidden');
  });

  it('says so when there is no address', async () => {
    expect((await failure(download({ paths: [] }))).message).toContain('no address');
  });

  it('follows redirects, but not for ever', async () => {
    routes['/old'] = (_request, response) => response.writeHead(302, { location: '/new' }).end();
    routes['/new'] = serve(file);
    await download({ paths: ['/old'] });
    expect((await held()).equals(file)).toBe(true);
    await rm(join(dir, 'part'));
    routes['/loop'] = (_request, response) => response.writeHead(307, { location: '/loop' }).end();
    routes['/lost'] = (_request, response) => response.writeHead(301).end();
    const error = await failure(download({ paths: ['/loop', '/lost'] }));
    expect(error.message).toContain('/loop: more than 5 redirects');
  });

  it('asks for small ranges, at most four at once, where every connection freezes after some kilobytes', async () => {
    let atOnce = 0;
    let most = 0;
    const frozen = serve(file, 16_000, 'freeze');
    routes['/a'] = (request, response) => {
      most = Math.max(most, ++atOnce);
      response.once('close', () => atOnce--);
      frozen(request, response);
    };
    // Longer than a loaded machine takes for 8 KB: a piece that stalls is asked for in smaller ones.
    await download({ paths: ['/a'], stallMs: 600 });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.slice(0, 4).map((a) => a.range)).toEqual([
      undefined,
      'bytes=16000-',
      'bytes=32000-39999',
      'bytes=40000-47999',
    ]);
    expect(asked.at(-1)?.range).toBe('bytes=296000-303999');
    expect(asked).toHaveLength(2 + Math.ceil((file.length - 32_000) / 8_000));
    expect(most).toBeLessThanOrEqual(4);
  });

  it('asks for smaller ranges where these freeze, too', async () => {
    routes['/a'] = serve(file, 5_000, 'freeze');
    await download({ paths: ['/a'], stallMs: 400 });
    expect((await held()).equals(file)).toBe(true);
    const sizes = asked.slice(2).map(({ range }) => {
      const [first, last] = (range ?? '').replace('bytes=', '').split('-');
      return Number(last) + 1 - Number(first);
    });
    // The first four at once are too large; everything after them is not.
    expect(sizes.slice(0, 4)).toEqual([8_000, 8_000, 8_000, 8_000]);
    expect(new Set(sizes.slice(4))).toEqual(new Set([4_000]));
  });

  it('prefers an address that does not freeze to small ranges', async () => {
    routes['/frozen'] = serve(file, 16_000, 'freeze');
    routes['/good'] = serve(file);
    await download({ paths: ['/frozen', '/good'], stallMs: 60 });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.map((a) => `${a.path} ${a.range}`)).toEqual([
      '/frozen undefined',
      '/frozen bytes=16000-',
      '/good bytes=32000-',
    ]);
  });

  it('does not take cuts at different counts for a freeze', async () => {
    const counts = [16_000, 40_000, 10_000, 60_000];
    routes['/a'] = (request, response) => serve(file, counts.shift() ?? Infinity)(request, response);
    await download({ paths: ['/a'] });
    expect((await held()).equals(file)).toBe(true);
    expect(asked.every((a) => a.range === undefined || a.range.endsWith('-'))).toBe(true);
  });

  it('gives up on ranges where the server ignores them', async () => {
    routes['/whole'] = (_request, response) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 16_000));
    };
    const error = await failure(download({ paths: ['/whole'], stallMs: 60 }));
    expect(error.code).toBe('download_failed');
    expect(error.message).toContain('gives whole files only');
    expect(asked.filter((a) => a.range === 'bytes=16000-23999')).toHaveLength(1);
  });

  it('asks again for a range that did not come', async () => {
    const frozen = serve(file, 16_000, 'freeze');
    let lost = 0;
    routes['/a'] = (request, response) => {
      if (request.headers.range?.startsWith('bytes=40000-') === true && lost++ < 2) response.destroy();
      else frozen(request, response);
    };
    await download({ paths: ['/a'], stallMs: 60 });
    expect((await held()).equals(file)).toBe(true);
    expect(lost).toBe(3);
  });

  it('keeps what came in order when ranges end too, and the next call goes on there', async () => {
    const frozen = serve(file, 16_000, 'freeze');
    let isDead = true;
    routes['/a'] = (request, response) => {
      if (isDead && Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0) >= 100_000) response.destroy();
      else frozen(request, response);
    };
    const error = await failure(download({ paths: ['/a'], stallMs: 60 }));
    expect(error.code).toBe('download_failed');
    const before = (await held()).length;
    expect(before).toBeGreaterThanOrEqual(96_000);
    isDead = false;
    asked = [];
    await download({ paths: ['/a'], stallMs: 60 });
    expect((await held()).equals(file)).toBe(true);
    expect(asked[0]?.range).toBe(`bytes=${before}-`);
  });

  it('drops an address whose ranges make a wrong file', async () => {
    routes['/bad'] = serve(randomBytes(file.length), 16_000, 'freeze');
    const dropped = new Set<string>();
    await failure(download({ paths: ['/bad'], dropped, stallMs: 60 }));
    expect([...dropped]).toEqual([`${base}/bad`]);
  });

  it('tells rate and remaining time every five seconds', async () => {
    const fake = new FakeClock();
    const seen: DownloadProgress[] = [];
    let goOn = (): void => undefined;
    const halfSent = new Promise<void>((resolve) => {
      routes['/a'] = (_request, response) => {
        response.writeHead(200, { 'content-length': file.length });
        response.write(file.subarray(0, 100_000), () => resolve());
        goOn = () => response.end(file.subarray(100_000));
      };
    });
    const call = download({
      paths: ['/a'],
      clock: fake,
      stallMs: 60_000,
      totalMs: 60_000,
      onProgress: (p) => seen.push(p),
    });
    await halfSent;
    await expect.poll(async () => (await stat(join(dir, 'part'))).size).toBe(100_000);
    await fake.advance(10_000);
    goOn();
    await call;
    expect(seen).toEqual([
      { bytes: 100_000, total_bytes: 300_000, rate_bytes_s: 20_000, eta_s: 10 },
      { bytes: 100_000, total_bytes: 300_000, rate_bytes_s: 10_000, eta_s: 20 },
    ]);
    expect(fake.pending).toBe(0);
  });

  it('passes over what the disk has no room for, before its first byte, and forgives it', async () => {
    const dropped = new Set<string>();
    routes['/huge'] = serve(Buffer.concat([file, file]));
    routes['/a'] = serve(file);
    await download({ paths: ['/huge', '/a'], roomBytes: file.length, dropped });
    expect((await held()).equals(file)).toBe(true);
    expect([...dropped]).toEqual([]);
    const error = await failure(download({ paths: ['/a'], path: join(dir, 'other'), roomBytes: file.length - 1 }));
    expect(error.message).toContain(`needs ${file.length} bytes, and the disk has room for ${file.length - 1}`);
    expect((await stat(join(dir, 'other'))).size).toBe(0);
  });

  it('takes no more than the disk has room for from one that does not say how much it has, and then asks the next', async () => {
    routes['/endless'] = (_request, response) => {
      const go = (): void => {
        while (!response.destroyed && response.write(randomBytes(50_000)));
        response.once('drain', go);
      };
      go();
    };
    routes['/a'] = serve(file);
    const dropped = new Set<string>();
    await download({ paths: ['/endless', '/a'], roomBytes: file.length, dropped });
    expect((await held()).equals(file)).toBe(true);
    expect([...dropped]).toEqual([`${base}/endless`]);
  });
});
