import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import { findArchive, pinnedRelease } from './archives.ts';
import { sha256Of } from './head.ts';

const bytes = Buffer.from('archive');
let dir: string;
let server: Server;
let asked: number;
let pinned: MinerRelease;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-archives-'));
  asked = 0;
  server = createServer((_request, response) => {
    asked++;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t-rex.tar.gz`;
  const sizes = { size_bytes: null, unpacked_bytes: null };
  pinned = {
    miner: 't-rex',
    version: '1.0',
    url,
    sha256: sha256Of(bytes),
    ...sizes,
    archive: 'tar.gz',
    member: 't-rex',
  };
});
afterEach(async () => {
  server.close();
  await rm(dir, { recursive: true });
});

function search(from: string[]) {
  return findArchive(pinned, { from, out: join(dir, 'out'), cacheDir: join(dir, 'cache'), log: () => undefined });
}

describe('findArchive', () => {
  it('takes a file, or one of a folder, by its digest and never by its name alone', async () => {
    await mkdir(join(dir, 'archives'));
    await writeFile(join(dir, 'archives/t-rex.tar.gz'), 'another');
    await writeFile(join(dir, 'mine'), bytes);
    expect(await search([join(dir, 'archives'), join(dir, 'mine')])).toMatchObject({
      path: join(dir, 'mine'),
      size_bytes: 7,
    });
    await writeFile(join(dir, 'archives/t-rex.tar.gz'), bytes);
    expect(await search([join(dir, 'archives')])).toMatchObject({ path: join(dir, 'archives/t-rex.tar.gz') });
    expect(asked).toBe(0);
  });

  it('fetches what is not at hand, once', async () => {
    const found = await search([]);
    expect(await readFile(found.path)).toEqual(bytes);
    expect(found).toMatchObject({ sha256: sha256Of(bytes), size_bytes: 7, what: 't-rex 1.0: t-rex.tar.gz' });
    await search([]);
    expect(asked).toBe(1);
    expect(await readdir(join(dir, 'cache'))).toEqual([pinned.sha256]);
  });

  it('keeps nothing of an address that has other bytes', async () => {
    pinned = { ...pinned, sha256: 'ab'.repeat(32) };
    await expect(search([])).rejects.toThrow('another digest');
    expect((await readdir(join(dir, 'cache'))).filter((name) => !name.endsWith('.part'))).toEqual([]);
  });
});

describe('pinnedRelease', () => {
  it('knows miners and frpc, pinned ones only', () => {
    const frpc = { ...pinned, miner: 'frpc', version: '0.70.1' };
    const list = [pinned, frpc];
    expect(pinnedRelease('t-rex', list)).toBe(pinned);
    expect(pinnedRelease('t-rex@1.0', list)).toBe(pinned);
    expect(pinnedRelease('frpc', list)).toBe(frpc);
    expect(pinnedRelease('frpc@0.70.1', list)).toBe(frpc);
    for (const text of ['t-rex@2.0', 'nothing', 'frpc@1', 'frpc@', 't-rex@/bin/x', 'frpc@/bin/x', 'xmrig']) {
      expect(() => pinnedRelease(text, list)).toThrow();
    }
  });
});
