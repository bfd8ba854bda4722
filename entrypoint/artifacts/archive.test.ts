import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SpotrigError } from '../../platform/errors.ts';
import { tar, tarGz, zip, type PackedFile } from '../../test/fakes/archives.ts';
import { listFiles, unpackMember, type UnpackOptions } from './archive.ts';

const program = randomBytes(200_000);
const env = { PATH: process.env['PATH'] ?? '' };
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-archive-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

async function unpack(bytes: Buffer, change: Partial<UnpackOptions> = {}): Promise<Buffer> {
  const archive = join(dir, 'archive');
  await writeFile(archive, bytes);
  const to = join(dir, 'program');
  const told = await unpackMember({ archive, kind: 'tar.gz', member: 'miner', to, env, ...change });
  const unpacked = await readFile(to);
  expect(told).toEqual({ size_bytes: unpacked.length, sha256: createHash('sha256').update(unpacked).digest('hex') });
  expect((await stat(to)).mode & 0o777).toBe(0o755);
  return unpacked;
}

async function refusal(bytes: Buffer, change: Partial<UnpackOptions> = {}): Promise<string> {
  const error: unknown = await unpack(bytes, change).catch((e: unknown) => e);
  return error instanceof SpotrigError ? error.code : `not refused: ${String(error)}`;
}

const sound: PackedFile[] = [
  { name: 'README', content: 'read me' },
  { name: 'doc', type: 'directory' },
  { name: 'doc/link', type: 'symlink', linkname: '../README' },
];

describe('unpacking a tar.gz', () => {
  it('takes the program alone, executable', async () => {
    expect((await unpack(await tarGz([...sound, { name: 'miner', content: program }]))).equals(program)).toBe(true);
    expect((await readdir(dir)).toSorted()).toEqual(['archive', 'program']);
  });

  it('finds it in a folder, and behind ./', async () => {
    const archive = await tarGz([{ name: './m-1.0/miner', content: program }]);
    expect((await unpack(archive, { member: 'm-1.0/miner' })).equals(program)).toBe(true);
  });

  it('lists files', async () => {
    await writeFile(join(dir, 'a'), await tarGz([...sound, { name: './miner', content: program }]));
    expect(await listFiles({ archive: join(dir, 'a'), kind: 'tar.gz', env })).toEqual(['README', 'miner']);
  });

  it('says when it is not there', async () => {
    expect(await refusal(await tarGz(sound))).toBe('archive_no_member');
  });

  const hostile: [string, PackedFile][] = [
    ['a name that climbs out', { name: '../../etc/cron.d/x', content: 'x' }],
    ['a name that climbs out later', { name: 'a/b/../../../x', content: 'x' }],
    ['an absolute name', { name: '/etc/ld.so.preload', content: 'x' }],
    ['a link out of the folder', { name: 'a/link', type: 'symlink', linkname: '../../etc/passwd' }],
    ['an absolute link', { name: 'link', type: 'symlink', linkname: '/etc/passwd' }],
    ['a hard link out of the folder', { name: 'a/b/hard', type: 'link', linkname: '../x' }],
    ['a device', { name: 'dev', type: 'character-device' }],
    ['a fifo', { name: 'fifo', type: 'fifo' }],
    ['an absurd size', { name: 'big', content: 'x', claimedSize: 2 * 1024 ** 3 }],
    ['an absurd size in a PAX record', { name: 'big', content: 'x', pax: { size: '99999999999999999999' } }],
    ['a PAX path that climbs out', { name: 'x', content: 'x', pax: { path: '../../x' } }],
    ['a sparse file of GNU tar', { name: 'sparse', content: 'x', flag: 'S' }],
    ['a sparse file by PAX', { name: 'sparse', content: 'x', pax: { 'GNU.sparse.major': '1' } }],
  ];
  it.each(hostile)('refuses %s', async (_what, entry) => {
    expect(await refusal(await tarGz([entry, { name: 'miner', content: program }]))).toBe('archive_hostile');
  });

  it.each<PackedFile>([
    { name: 'miner', type: 'symlink', linkname: 'README' },
    { name: 'miner', type: 'link', linkname: 'README' },
    { name: 'miner', type: 'directory' },
  ])('refuses a program that is a $type', async (entry) => {
    expect(await refusal(await tarGz([entry, { name: 'miner', content: program }]))).toBe('archive_hostile');
  });

  it('takes the first of two with one name, as it was pinned', async () => {
    const twice = [
      { name: 'miner', content: program },
      { name: './miner', content: 'another' },
    ];
    expect((await unpack(await tarGz(twice))).equals(program)).toBe(true);
  });

  it('reads a gzip of several members, padded with zeros', async () => {
    const whole = await tar([...sound, { name: 'miner', content: program }]);
    const parts = [gzipSync(whole.subarray(0, 700)), gzipSync(whole.subarray(700)), Buffer.alloc(1000)];
    expect((await unpack(Buffer.concat(parts))).equals(program)).toBe(true);
  });

  it('stops at what unpacks to more than its entries hold', async () => {
    const zeros = Buffer.alloc(3 * 1024 * 1024);
    expect(await refusal(gzipSync(Buffer.concat([await tar(sound), zeros])))).toBe('archive_hostile');
    const longName = await tar([{ name: 'name', flag: 'L', claimedSize: 900_000_000 }]);
    expect(await refusal(gzipSync(Buffer.concat([longName.subarray(0, 512), zeros])))).toBe('archive_damaged');
  });

  it('takes long names and many small files', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => ({ name: `${'long/'.repeat(40)}${i}`, content: 'x' }));
    expect((await unpack(await tarGz([...many, { name: 'miner', content: program }]))).equals(program)).toBe(true);
  });

  it.each(['-5', 'x'])('calls a size of %s damaged', async (size) => {
    const entry = { name: 'big', content: 'x', pax: { size } };
    expect(await refusal(await tarGz([entry, { name: 'miner', content: program }]))).toBe('archive_damaged');
  });

  it('refuses more entries than any miner has', async () => {
    const many = Array.from({ length: 10_001 }, (_, i) => ({ name: `f${i}` }));
    expect(await refusal(await tarGz(many))).toBe('archive_hostile');
  });

  it.each(['a cut archive', 'no archive', 'a plain tar', 'an empty file'])('calls %s damaged', async (what) => {
    const whole = await tarGz([{ name: 'miner', content: program }]);
    const bytes = {
      'a cut archive': whole.subarray(0, whole.length / 2),
      'no archive': Buffer.from('<html></html>'),
      'a plain tar': await tar([{ name: 'miner', content: program }]),
      'an empty file': Buffer.alloc(0),
    }[what];
    expect(await refusal(bytes ?? Buffer.alloc(0))).toMatch(/archive_(damaged|no_member)/);
  });

  it('does not overwrite what is there', async () => {
    await symlink('/nonexistent', join(dir, 'program'));
    await expect(unpack(await tarGz([{ name: 'miner', content: program }]))).rejects.toThrow('EEXIST');
  });
});

describe('unpacking a tar.xz', () => {
  async function tarXz(): Promise<Buffer> {
    const input = await tar([...sound, { name: 'miner', content: program }]);
    const { stdout } = await execa('xz', ['-c'], { input, encoding: 'buffer' });
    return Buffer.from(stdout);
  }

  async function toolsWith(...names: string[]): Promise<Record<string, string>> {
    const bin = await mkdtemp(join(dir, 'bin-'));
    for (const name of names) {
      const { stdout } = await execa('python3', [
        '-c',
        'import sys,shutil; print(sys.executable if sys.argv[1]=="python3" else shutil.which(sys.argv[1]))',
        name,
      ]);
      await symlink(stdout.trim(), join(bin, name));
    }
    return { PATH: bin };
  }

  it('uses xz', async () => {
    const change = { kind: 'tar.xz', env: await toolsWith('xz') } as const;
    expect((await unpack(await tarXz(), change)).equals(program)).toBe(true);
  });

  it('uses python3 where there is no xz', async () => {
    const change = { kind: 'tar.xz', env: await toolsWith('python3') } as const;
    expect((await unpack(await tarXz(), change)).equals(program)).toBe(true);
  });

  it('says what is missing where there is neither', async () => {
    const change = { kind: 'tar.xz', env: await toolsWith() } as const;
    expect(await refusal(await tarXz(), change)).toBe('no_xz');
  });

  it('stops at a bomb', async () => {
    const input = Buffer.concat([await tar(sound), Buffer.alloc(8 * 1024 * 1024)]);
    const { stdout } = await execa('xz', ['-c'], { input, encoding: 'buffer' });
    expect(await refusal(Buffer.from(stdout), { kind: 'tar.xz' })).toBe('archive_hostile');
  });

  it('calls a cut one damaged', async () => {
    const whole = await tarXz();
    expect(await refusal(whole.subarray(0, whole.length / 2), { kind: 'tar.xz' })).toBe('archive_damaged');
  });
});

describe('unpacking a zip', () => {
  it.each([true, false])('takes the program alone (stored: %s)', async (stored) => {
    const bytes = zip([
      { name: 'README', content: 'read me' },
      { name: 'm/miner', content: program, stored },
    ]);
    expect((await unpack(bytes, { kind: 'zip', member: 'm/miner' })).equals(program)).toBe(true);
  });

  it.each([
    ['archive_hostile', { name: '../x', content: 'x' }],
    ['archive_hostile', { name: 'a\\..\\..\\x', content: 'x' }],
    ['archive_hostile', { name: 'C:/x', content: 'x' }],
    ['archive_hostile', { name: 'link', content: '/etc/passwd', mode: 0o120777 }],
    ['archive_hostile', { name: 'dev', content: '', mode: 0o020666 }],
    ['archive_hostile', { name: 'big', content: 'x', claimedSize: 2 ** 31 }],
    ['archive_unsupported', { name: 'locked', content: 'x', encrypted: true }],
    ['archive_unsupported', { name: 'miner', content: 'x', method: 14 }],
    ['archive_damaged', { name: 'miner', content: 'x', crc: 1 }],
    ['archive_damaged', { name: 'miner', content: 'x', claimedSize: 2 }],
    ['archive_hostile', { name: 'miner', content: 'xyz', claimedSize: 2 }],
    ['archive_hostile', { name: 'miner', content: 'README', mode: 0o120777 }],
    ['archive_hostile', { name: 'miner', content: '', mode: 0o040755 }],
    ['archive_hostile', { name: 'huge', content: 'x', claimedSize: 2 ** 32 - 1 }],
    ['archive_damaged', { name: 'miner', content: 'x', localName: 'other' }],
  ])('refuses: %s %j', async (code, entry) => {
    expect(await refusal(zip([entry, { name: 'miner', content: program }]), { kind: 'zip' })).toBe(code);
  });

  it('lets a link inside of the folder pass', async () => {
    const link = { name: 'a/link', content: '../README', mode: 0o120777 };
    expect((await unpack(zip([link, { name: 'miner', content: program }]), { kind: 'zip' })).equals(program)).toBe(
      true,
    );
  });

  it('takes the first of two with one name', async () => {
    const twice = [
      { name: 'miner', content: program },
      { name: 'miner', content: 'another' },
    ];
    expect((await unpack(zip(twice), { kind: 'zip' })).equals(program)).toBe(true);
  });

  it('says that it cannot read zip64', async () => {
    const whole = zip([{ name: 'miner', content: program }]);
    whole.writeUInt32LE(0xffffffff, whole.indexOf(Buffer.from('PK\x05\x06', 'latin1')) + 16);
    expect(await refusal(whole, { kind: 'zip' })).toBe('archive_unsupported');
  });

  it('calls cut and foreign files damaged', async () => {
    const whole = zip([{ name: 'miner', content: program }]);
    expect(await refusal(whole.subarray(0, whole.length - 100), { kind: 'zip' })).toBe('archive_damaged');
    expect(await refusal(whole.subarray(50_000), { kind: 'zip' })).toBe('archive_damaged');
    expect(await refusal(Buffer.from('no zip'), { kind: 'zip' })).toBe('archive_damaged');
  });

  it('takes a program that is no archive as it is', async () => {
    expect((await unpack(program, { kind: 'plain' })).equals(program)).toBe(true);
    const archive = join(dir, 'archive');
    expect(await listFiles({ archive, kind: 'plain', env })).toEqual(['archive']);
  });
});
