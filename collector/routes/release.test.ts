import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';

const DIGEST = 'ab'.repeat(32);
const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));

let dir: string;
let collector: FakeCollector;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-release-'));
  await mkdir(join(dir, 'artifacts'));
  await writeFile(join(dir, 'artifacts', DIGEST), bytes);
  await writeFile(join(dir, 'artifacts', 'c'.repeat(64)), '');
  await mkdir(join(dir, 'artifacts', 'd'.repeat(64)));
  await writeFile(join(dir, 'entrypoint.sh'), '#!/bin/bash\n');
  await writeFile(join(dir, 'secret'), 'secret');
  collector = await fakeCollector({ settings: { release_dir: dir } });
});
afterAll(async () => {
  await collector[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

// Public: no token, any Host.
function get(url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') {
  return collector.app.inject({ method, url, headers: { host: 'mirror.example', ...headers } });
}

describe('an artefact', () => {
  const url = `/artifacts/${DIGEST}`;

  it('comes whole, for ever cacheable, under its digest', async () => {
    const answer = await get(url);
    expect([answer.statusCode, answer.rawPayload.equals(bytes)]).toEqual([200, true]);
    expect(answer.headers).toMatchObject({
      'content-length': '1000',
      'content-type': 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      etag: `"${DIGEST}"`,
    });
    expect((await get(url, { 'if-none-match': `"${DIGEST}"` })).statusCode).toBe(304);
  });

  it.each([
    ['bytes=0-99', 0, 99],
    ['bytes=900-', 900, 999],
    ['bytes=900-5000', 900, 999],
    ['bytes=-10', 990, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=999-999', 999, 999],
  ])('comes in part for %s', async (range, start, end) => {
    const answer = await get(url, { range });
    expect([answer.statusCode, answer.headers['content-range']]).toEqual([206, `bytes ${start}-${end}/1000`]);
    expect(answer.rawPayload.equals(bytes.subarray(start, end + 1))).toBe(true);
    expect(answer.headers['content-length']).toBe(String(end - start + 1));
  });

  it('can be had whole by parts, as a resuming head does', async () => {
    const parts: Buffer[] = [];
    for (let at = 0; at < 1000; at += 300)
      parts.push((await get(url, { range: `bytes=${at}-${at + 299}` })).rawPayload);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0'])('is 416 for %s', async (range) => {
    const answer = await get(url, { range });
    expect([answer.statusCode, answer.headers['content-range']]).toEqual([416, 'bytes */1000']);
  });

  it.each(['bytes=5-2', 'bytes=0-1,5-6', 'items=0-1', 'bytes=a-b', 'bytes=-'])('comes whole for %s', async (range) => {
    expect((await get(url, { range })).statusCode).toBe(200);
  });

  it('comes whole when it is another than the one that If-Range means', async () => {
    expect((await get(url, { range: 'bytes=5-', 'if-range': `"${DIGEST}"` })).statusCode).toBe(206);
    expect((await get(url, { range: 'bytes=5-', 'if-range': '"other"' })).statusCode).toBe(200);
  });

  it('answers HEAD with its size', async () => {
    const answer = await get(url, {}, 'HEAD');
    expect([answer.statusCode, answer.headers['content-length'], answer.body]).toEqual([200, '1000', '']);
  });

  it('may be empty', async () => {
    expect((await get(`/artifacts/${'c'.repeat(64)}`)).headers['content-length']).toBe('0');
  });

  it.each([
    'x',
    DIGEST.toUpperCase(),
    `${DIGEST}a`,
    'e'.repeat(64),
    'd'.repeat(64),
    '..%2fsecret',
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e/secret',
    `${DIGEST}%00`,
  ])('is 404 at %s', async (name) => {
    const answer = await get(`/artifacts/${name}`);
    expect(answer.statusCode).toBe(404);
    expect(answer.body).not.toContain('secret');
  });
});

describe('the release', () => {
  it('serves its named files and nothing else', async () => {
    const script = await get('/entrypoint.sh');
    expect([script.statusCode, script.body, script.headers['cache-control']]).toEqual([
      200,
      '#!/bin/bash\n',
      'no-cache',
    ]);
    expect((await get('/entrypoint.sh', { 'if-none-match': String(script.headers.etag) })).statusCode).toBe(304);
    for (const url of ['/loader.sh', '/secret', '/artifacts/', '/artifacts'])
      expect((await get(url)).statusCode).toBe(404);
  });

  it('serves nothing without a folder', async () => {
    await using without = await fakeCollector({ settings: { release_dir: join(dir, 'absent') } });
    expect((await without.get('/entrypoint.sh')).statusCode).toBe(404);
  });
});
