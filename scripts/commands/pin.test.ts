import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chooseFrpc } from '../../miners/frpc.ts';
import { chooseMiner } from '../../miners/registry.ts';
import { MinerReleases } from '../../miners/releases.ts';
import { tarGz } from '../../test/fakes/archives.ts';
import { run } from './pin.ts';

const bytes = await tarGz([
  { name: 'xmrig-6.26.0/SHA256SUMS', content: 'sums' },
  { name: 'xmrig-6.26.0/xmrig', content: 'program' },
]);
const sha256 = createHash('sha256').update(bytes).digest('hex');

let dir: string;
let into: string;
let archive: string;
let said: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-pin-test-'));
  into = join(dir, 'releases.json');
  archive = join(dir, 'xmrig-6.26.0-linux-static-x64.tar.gz');
  await writeFile(archive, bytes);
  said = '';
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((text: string) => {
      said += `${text}\n`;
    });
  }
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

async function listed(): Promise<unknown[]> {
  return JSON.parse(await readFile(into, 'utf8')) as unknown[];
}

const entry = {
  miner: 'xmrig',
  version: '6.26.0',
  url: 'https://github.com/xmrig/xmrig/releases/download/v6.26.0/xmrig-6.26.0-linux-static-x64.tar.gz',
  sha256,
  size_bytes: bytes.length,
  unpacked_bytes: 7,
  archive: 'tar.gz',
  member: 'xmrig-6.26.0/xmrig',
};

describe('spotrig pin', () => {
  it('tells everything from an archive with its own name', async () => {
    expect(await run(['xmrig', archive, '--into', into])).toBe(0);
    expect(await listed()).toEqual([entry]);
    expect(said).toContain(sha256);
    const chosen = chooseMiner('xmrig', MinerReleases.parse(await listed()));
    expect(chosen).toMatchObject({ ok: true, choice: { release: { version: '6.26.0' } } });
  });

  it('knows frpc’s archive, which holds frps too', async () => {
    const frp = join(dir, 'frp_0.70.1_linux_amd64.tar.gz');
    const inside = ['frps', 'frpc', 'LICENSE'].map((name) => ({
      name: `frp_0.70.1_linux_amd64/${name}`,
      content: name,
    }));
    await writeFile(frp, await tarGz(inside));
    expect(await run(['frpc', frp, '--into', into])).toBe(0);
    const [release] = MinerReleases.parse(await listed());
    expect(release).toMatchObject({
      ...{ miner: 'frpc', version: '0.70.1', member: 'frp_0.70.1_linux_amd64/frpc', unpacked_bytes: 4 },
      url: 'https://github.com/fatedier/frp/releases/download/v0.70.1/frp_0.70.1_linux_amd64.tar.gz',
    });
    expect(chooseFrpc('frpc', release === undefined ? [] : [release])).toMatchObject({ from: 'release' });
  });

  it('takes a bare program, with or without an address', async () => {
    const frpc = join(dir, 'frpc');
    await writeFile(frpc, Buffer.concat([Buffer.from('\x7fELF\x02\x01', 'latin1'), bytes]));
    expect(await run(['frpc', frpc, '--into', into])).toBe(1);
    expect(said).toContain('give --version');
    expect(await run(['frpc', frpc, '--into', into, '--version', '0.70.1'])).toBe(0);
    expect(said).toContain('your mirrors alone');
    const [release] = MinerReleases.parse(await listed());
    const size_bytes = bytes.length + 6;
    expect(release).toMatchObject({
      ...{ miner: 'frpc', version: '0.70.1', url: null, archive: 'plain', member: 'frpc' },
      ...{ size_bytes, unpacked_bytes: size_bytes },
    });
    const url = 'http://mirror.example/frpc';
    expect(await run(['frpc', frpc, '--into', into, '--version', '0.70.1', '--url', url])).toBe(0);
    expect(await listed()).toMatchObject([{ url }]);
    await writeFile(frpc, '#!/bin/sh\n');
    expect(await run(['frpc', frpc, '--into', into, '--version', '0.70.2'])).toBe(1);
    expect(said).toContain('no Linux program either');
  });

  it('takes the bytes alone that the publisher names', async () => {
    expect(await run(['xmrig', archive, '--into', into, '--sha256', 'a'.repeat(64)])).toBe(1);
    expect(said).toContain(`not ${'a'.repeat(64)}`);
    expect(await run(['xmrig', archive, '--into', into, '--sha256', 'A'])).toBe(64);
    expect(await run(['xmrig', archive, '--into', into, '--sha256', sha256])).toBe(0);
  });

  it('answers in JSON', async () => {
    expect(await run(['xmrig', archive, '--into', into, '--json'])).toBe(0);
    expect(JSON.parse(said)).toEqual(entry);
  });

  it('takes what it is told, puts the newest first and replaces the same version only when told to', async () => {
    const old = { ...entry, version: '6.20.0', sha256: 'a'.repeat(64) };
    const changed = { ...entry, sha256: 'b'.repeat(64) };
    await writeFile(into, JSON.stringify([old, changed]));
    const url = 'http://mirror.example/x';
    expect(await run(['xmrig', archive, '--into', into, '--url', url])).toBe(1);
    expect(said).toContain(`is pinned as ${'b'.repeat(64)}, and this is ${sha256}`);
    expect(await listed()).toEqual([old, changed]);
    expect(await run(['xmrig', archive, '--into', into, '--url', url, '--replace'])).toBe(0);
    expect(await listed()).toEqual([{ ...entry, url }, old]);
    expect(said).toContain(`takes the place of ${'b'.repeat(64)}`);
  });

  it('asks for what it cannot tell', async () => {
    const renamed = join(dir, 'miner.tgz');
    await writeFile(renamed, bytes);
    expect(await run(['xmrig', renamed, '--into', into])).toBe(1);
    expect(said).toContain('--version');
    expect(await run(['xmrig', renamed, '--into', into, '--version', '6.26.0'])).toBe(1);
    expect(said).toContain('--url');
    expect(await run(['xmrig', renamed, '--into', into, '--version', '6.26.0', '--url', 'http://m.example/x'])).toBe(0);
  });

  it.each([
    ['no program in it', ['--member', 'xmrig'], 'one of: xmrig-6.26.0/SHA256SUMS, xmrig-6.26.0/xmrig'],
    ['a member outside', ['--member', '../xmrig'], 'no ../xmrig'],
    ['an address that is none', ['--url', 'mirror'], 'url'],
    [
      'a version that is none',
      ['--version', '6 26', '--url', 'http://m.example/x', '--member', 'xmrig-6.26.0/xmrig'],
      'version',
    ],
  ])('refuses %s and writes nothing', async (_what, more, part) => {
    expect(await run(['xmrig', archive, '--into', into, ...more])).toBe(1);
    expect(said).toContain(part);
    expect(await readdir(dir)).toEqual(['xmrig-6.26.0-linux-static-x64.tar.gz']);
  });

  describe('from an address', () => {
    let server: Server;
    let answer: RequestListener;
    let more: string[];
    beforeEach(async () => {
      answer = (_request, response) => response.end(bytes);
      server = createServer((request, response) => answer(request, response));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/xmrig-6.26.0-linux-static-x64.tar.gz`;
      more = ['--into', into, '--cache', join(dir, 'cache'), '--url', url];
    });
    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    it('fetches a version, and keeps its file for a release', async () => {
      expect(await run(['xmrig', '6.26.0', ...more])).toBe(0);
      expect(await listed()).toEqual([{ ...entry, url: more.at(-1) }]);
      expect(await readdir(join(dir, 'cache'))).toEqual([sha256]);
      expect((await readFile(join(dir, 'cache', sha256))).equals(bytes)).toBe(true);
    });

    it('goes on where a connection broke', async () => {
      const ranges: (string | undefined)[] = [];
      answer = ({ headers }, response) => {
        ranges.push(headers.range);
        const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
        const rest = { 'content-length': bytes.length - start };
        if (start === 0)
          response.writeHead(200, rest).write(bytes.subarray(0, 50), () => setImmediate(() => response.destroy()));
        else
          response
            .writeHead(206, { ...rest, 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` })
            .end(bytes.subarray(start));
      };
      expect(await run(['xmrig', '6.26.0', ...more])).toBe(0);
      expect(ranges).toEqual([undefined, 'bytes=50-']);
      expect(await listed()).toMatchObject([{ sha256 }]);
    });

    it('records the size of what is pinned without one, and takes no other bytes for it', async () => {
      const unsized = { ...entry, size_bytes: null, unpacked_bytes: null };
      await writeFile(into, JSON.stringify([unsized]));
      expect(await run(['xmrig', ...more])).toBe(0);
      expect(await listed()).toEqual([{ ...entry, url: more.at(-1) }]);
      await writeFile(into, JSON.stringify([{ ...unsized, sha256: 'b'.repeat(64) }]));
      expect(await run(['xmrig', ...more])).toBe(1);
      expect(said).toContain(`not ${'b'.repeat(64)}`);
      await writeFile(into, '[]');
      expect(await run(['xmrig', ...more])).toBe(1);
      expect(said).toContain('no xmrig is pinned yet');
    });

    it.each<[string, RequestListener, string]>([
      ['a file that is too large', (_q, a) => a.writeHead(200, { 'content-length': 1e12 }).write('x'), 'has more than'],
      ['a file that is not there', (_q, a) => a.writeHead(404).end(), 'answered 404'],
      ['a page', (_q, a) => a.end('<html>'), 'cannot be read'],
    ])('leaves nothing of %s', async (_what, wrong, part) => {
      answer = wrong;
      expect(await run(['xmrig', '6.26.0', ...more])).toBe(1);
      expect(said).toContain(part);
      expect(await readdir(join(dir, 'cache'))).toEqual([]);
    });
  });

  it('refuses unknown miners, missing and foreign files, and a list that is none', async () => {
    expect(await run(['gminer', archive])).toBe(1);
    expect(await run(['xmrig', join(dir, 'xmrig-1.0.0-linux-static-x64.tar.gz'), '--into', into])).toBe(1);
    await writeFile(join(dir, 'x.rar'), 'Rar!');
    expect(await run(['xmrig', join(dir, 'x.rar'), '--into', into])).toBe(1);
    await writeFile(into, '{}');
    expect(await run(['xmrig', archive, '--into', into])).toBe(1);
    for (const part of [
      'known are t-rex, rigel, xmrig, frpc',
      'cannot read',
      'none of tar.gz',
      'not a list of releases',
    ]) {
      expect(said).toContain(part);
    }
  });

  it('explains itself', async () => {
    expect(await run(['--help'])).toBe(0);
    expect(await run([])).toBe(64);
    expect(await run(['xmrig', archive, '--nonsense'])).toBe(64);
    expect(said).toContain('--member PATH');
  });
});
