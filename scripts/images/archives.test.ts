import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import { tarGz } from '../../test/fakes/archives.ts';
import { sha256Of } from '../release/head.ts';
import { archiveArguments, pinnedArchive, readPins } from './archives.ts';

let dir: string;
let path: string;
let pin: MinerRelease;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-archives-'));
  path = join(dir, 'downloaded');
  const bytes = await tarGz([{ name: 'rigel-9.9.9-linux/rigel', content: 'program' }]);
  await writeFile(path, bytes);
  pin = {
    ...{ miner: 'rigel', version: '9.9.9', sha256: sha256Of(bytes), size_bytes: null, unpacked_bytes: null },
    ...{ url: 'https://example.org/a/rigel-9.9.9-linux.tar.gz', archive: 'tar.gz', member: 'rigel-9.9.9-linux/rigel' },
  };
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('an archive for an image', () => {
  it('is the pinned release with its digest, whatever the file is called', async () => {
    const archive = await pinnedArchive({ path, kind: 'miner', pins: [{ ...pin, sha256: 'a'.repeat(64) }, pin] });
    expect(archive).toMatchObject({ program: 'rigel', asset: 'rigel-9.9.9-linux.tar.gz', member: pin.member });
    expect(archiveArguments('miner', archive, 'dist/archives/x')).toEqual({
      MINER: 'rigel',
      MINER_ARCHIVE: 'dist/archives/x',
      MINER_SHA256: pin.sha256,
      MINER_MEMBER: 'rigel-9.9.9-linux/rigel',
    });
  });

  it.each([
    ['another digest', { sha256: 'b'.repeat(64) }, 'rigel 9.9.9 (bbbb'],
    ['a miner of CPUs', { miner: 'xmrig' }, 'none of its kind'],
    ['frpc', { miner: 'frpc' }, 'none of its kind'],
    ['a zip', { archive: 'zip' as const }, 'is a zip'],
  ])('is refused where the pin is of %s', async (_what, change, part) => {
    await expect(pinnedArchive({ path, kind: 'miner', pins: [{ ...pin, ...change }] })).rejects.toMatchObject({
      code: 'image_archive',
      message: expect.stringContaining(part) as unknown,
    });
  });

  it('is refused where it cannot be read, and named', async () => {
    const missing = join(dir, 'missing');
    await expect(pinnedArchive({ path: missing, kind: 'frpc', pins: [pin] })).rejects.toMatchObject({
      code: 'image_archive',
      message: `cannot read ${missing}`,
    });
  });

  it('of frp has arguments of its own', async () => {
    const archive = await pinnedArchive({ path, kind: 'frpc', pins: [{ ...pin, miner: 'frpc' }] });
    expect(archiveArguments('frpc', archive, 'y')).toEqual({
      FRPC_ARCHIVE: 'y',
      FRPC_SHA256: pin.sha256,
      FRPC_MEMBER: pin.member,
    });
  });
});

describe('the list of pins', () => {
  it('is read from its file, and refused by name where it is none', async () => {
    const list = join(dir, 'pins.json');
    await writeFile(list, JSON.stringify([pin]));
    expect(await readPins(list)).toEqual([pin]);
    await writeFile(list, '{}');
    await expect(readPins(list)).rejects.toMatchObject({ code: 'image_pins' });
    await expect(readPins(join(dir, 'none.json'))).rejects.toMatchObject({ code: 'image_pins' });
  });
});
