import * as z from 'zod/mini';
import { describe, expect, it } from 'vitest';
import { chooseMiner, findMiner, minerNames } from './registry.ts';
import { minerReleases } from './pinned.ts';
import { MinerRelease } from './releases.ts';

const older: MinerRelease = {
  miner: 'xmrig',
  version: '6.20.0',
  url: 'https://example.org/xmrig.tar.gz',
  sha256: 'a'.repeat(64),
  size_bytes: 1,
  unpacked_bytes: 2,
  archive: 'tar.gz',
  member: 'xmrig-6.20.0/xmrig',
};
const newer: MinerRelease = { ...older, version: '6.26.0', sha256: 'b'.repeat(64) };

describe('chooseMiner', () => {
  it('takes the first pinned release for a bare name', () => {
    const chosen = chooseMiner('xmrig', [newer, older]);
    expect(chosen).toMatchObject({ ok: true, choice: { from: 'release', release: { version: '6.26.0' } } });
  });

  it('takes the version that is asked for', () => {
    const chosen = chooseMiner('xmrig@6.20.0', [newer, older]);
    expect(chosen).toMatchObject({ ok: true, choice: { release: { sha256: older.sha256 } } });
  });

  it('takes a program of the image by its path', () => {
    const chosen = chooseMiner('xmrig@/opt/miners/xmrig@6/xmrig', []);
    expect(chosen).toMatchObject({ ok: true, choice: { from: 'path', path: '/opt/miners/xmrig@6/xmrig' } });
  });

  it.each([
    ['xmrig', [], 'npx spotrig pin xmrig <archive>'],
    ['xmrig', [], 'xmrig@/path'],
    ['xmrig@1.0.0', [newer, older], 'only 6.26.0, 6.20.0'],
    ['xmrig@', [newer], 'after the @'],
    ['gminer', [], 'known are t-rex, rigel, xmrig'],
    ['', [], 'known are t-rex, rigel, xmrig'],
    ['xmrig@./xmrig', [newer], 'xmrig@/path'],
  ])('complains about %j', (setting, releases, part) => {
    const chosen = chooseMiner(setting, releases);
    expect(chosen.ok ? '' : chosen.complaint).toContain(part);
  });
});

describe('the pinned releases', () => {
  it('hold T-Rex as its own project and independent packagers hash it', () => {
    const chosen = chooseMiner('t-rex');
    expect(chosen).toMatchObject({
      ok: true,
      choice: { release: { sha256: '7e77064a48b4c8cb8d4797f30a41b53efbb8311fc14475b56a8e6879ad1c0569' } },
    });
  });

  it('hold Rigel as independent packagers hash it', () => {
    const chosen = chooseMiner('rigel');
    expect(chosen).toMatchObject({
      ok: true,
      choice: { release: { sha256: 'eae492ffb64aeb4ab4ba7e66631567984a31d5adb1ef547bda6601aee1793f0d' } },
    });
  });

  it('are of miners that exist, and in the form their project uses', () => {
    for (const release of minerReleases) {
      const layout = findMiner(release.miner)?.release;
      const asset = release.url?.split('/').at(-1) ?? '';
      expect(layout?.asset.exec(asset)?.groups?.['version']).toBe(release.version);
      expect(layout?.assetOf(release.version)).toBe(asset);
      expect(layout?.url(release.version, asset)).toBe(release.url);
      expect(layout?.member(release.version)).toBe(release.member);
    }
    expect(minerNames()).toEqual(['t-rex', 'rigel', 'xmrig']);
  });

  it.each(['/t-rex', '../t-rex', 'a/../t-rex', 'a/..', './t-rex', 'dir/', '', 'a b'])(
    'refuse the member %j',
    (member) => {
      expect(z.safeParse(MinerRelease, { ...older, member }).success).toBe(false);
    },
  );
});
