import { createHash } from 'node:crypto';
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

  it('answers in JSON', async () => {
    expect(await run(['xmrig', archive, '--into', into, '--json'])).toBe(0);
    expect(JSON.parse(said)).toEqual(entry);
  });

  it('takes what it is told, puts the newest first and replaces the same version', async () => {
    const old = { ...entry, version: '6.20.0', sha256: 'a'.repeat(64) };
    await writeFile(into, JSON.stringify([old, { ...entry, sha256: 'b'.repeat(64) }]));
    const url = 'http://mirror.example/x';
    expect(await run(['xmrig', archive, '--into', into, '--url', url])).toBe(0);
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

  it('refuses unknown miners, missing and foreign files, and a list that is none', async () => {
    expect(await run(['gminer', archive])).toBe(1);
    expect(await run(['xmrig', join(dir, 'xmrig-1.0.0-linux-static-x64.tar.gz'), '--into', into])).toBe(1);
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
