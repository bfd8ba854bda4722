// The worker's Node: the pinned binary, stripped, as gzip (always) and as xz (smaller, slow to make, so kept in .cache).
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { execa } from 'execa';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { isErrno } from '../../platform/errors.ts';
import { stripElf } from './elf-strip.ts';
import { sha256Of } from './head.ts';

const GZIP_LEVEL = 6; // measured on Node 24: level 9 takes 2.7 times as long for 0.5 % fewer bytes
// Two blocks, so two threads; the x86 filter saves 1.5 %; preset 9 saves 0.1 % more and doubles what the worker's xz needs (33 MB). The block size fixes the bytes whatever the number of cores.
const XZ_OPTIONS = ['--format=xz', '--check=crc32', '--threads=2', '--block-size=52MiB', '--x86', '--lzma2=preset=8'];

/** `make`: xz where the machine has it. `cached`: only if it was made before. `off`: gzip only. */
export type XzMode = 'make' | 'cached' | 'off';

export interface Runtime {
  node: Buffer;
  gz: Buffer;
  xz: Buffer | null;
}

/** Reads, strips and compresses the runtime. `strip: false` takes the file as it is (a stand-in of the tests). */
export async function makeRuntime(o: {
  path: string;
  strip: boolean;
  xz: XzMode;
  cacheDir: string;
  log: (line: string) => void;
}): Promise<Runtime> {
  const file = await readFile(o.path);
  const node = o.strip ? stripElf(file) : file;
  const key = sha256Of(node);
  const gz = await cached(join(o.cacheDir, `${key}-${process.versions.zlib}-${GZIP_LEVEL}.gz`), async (path) => {
    o.log('compressing the runtime with gzip (a few seconds, then kept in .cache)');
    await writeFileDurable(path, await promisify(gzip)(node, { level: GZIP_LEVEL }), 0o644);
  });
  return { node, gz, xz: o.xz === 'off' ? null : await makeXz(node, key, o) };
}

async function makeXz(
  node: Buffer,
  key: string,
  o: { xz: XzMode; cacheDir: string; log: (line: string) => void },
): Promise<Buffer | null> {
  const version = await execa('xz', ['--version'], { reject: false });
  if (version.failed) {
    o.log('no xz on this machine: the release carries the gzip runtime only (about half as large again)');
    return null;
  }
  const tool = sha256Of(`${version.stdout}\n${XZ_OPTIONS.join(' ')}`).slice(0, 16);
  const path = join(o.cacheDir, `${key}-${tool}.xz`);
  if (o.xz === 'cached') {
    const kept = await readIfThere(path);
    if (kept === null)
      o.log('no xz runtime in .cache: this build carries the gzip one only (npm run build makes both)');
    return kept;
  }
  return await cached(path, async () => {
    o.log('compressing the runtime with xz (half a minute to a minute, then kept in .cache)');
    const temp = `${path}.tmp`;
    await execa('xz', ['--compress', '--stdout', ...XZ_OPTIONS], {
      input: node,
      stdout: { file: temp },
      buffer: false,
    });
    const made = await open(temp, 'r+');
    await made.sync();
    await made.close();
    await rename(temp, path);
  });
}

async function cached(path: string, make: (path: string) => Promise<void>): Promise<Buffer> {
  const kept = await readIfThere(path);
  if (kept !== null) return kept;
  await mkdir(dirname(path), { recursive: true });
  try {
    await make(path);
  } finally {
    await rm(`${path}.tmp`, { force: true });
  }
  return await readFile(path);
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
