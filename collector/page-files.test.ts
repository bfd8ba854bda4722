import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeCollector } from '../test/fakes/collector.ts';
import { readPage } from './page-files.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-page-'));
  await mkdir(join(dir, 'assets'));
  await writeFile(join(dir, 'index.html'), '<!doctype html>');
  await writeFile(join(dir, 'app.js'), 'void 0');
  await writeFile(join(dir, 'assets', 'app.css'), '*{}');
  await writeFile(join(dir, 'notes.txt'), 'not of the page');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the page', () => {
  it('is served by the exact names of its files', async () => {
    await using collector = await fakeCollector({ page: await readPage(dir) });
    const index = await collector.get('/');
    expect([index.statusCode, index.headers['content-type'], index.body]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<!doctype html>',
    ]);
    expect((await collector.get('/', { 'if-none-match': String(index.headers.etag) })).statusCode).toBe(304);
    expect((await collector.get('/app.js')).headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect((await collector.get('/assets/app.css')).headers['content-type']).toBe('text/css; charset=utf-8');
    for (const url of ['/index.html', '/notes.txt', '/assets/', '/assets/..%2fnotes.txt']) {
      expect((await collector.get(url)).statusCode).toBe(404);
    }
  });

  it('that was not built says how to build it', async () => {
    expect(await readPage(join(dir, 'absent'))).toEqual([]);
    await using collector = await fakeCollector();
    const answer = await collector.get('/');
    expect([answer.statusCode, answer.body]).toEqual([404, expect.stringContaining('npm run build')]);
  });
});
