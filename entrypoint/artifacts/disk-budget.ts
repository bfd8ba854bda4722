// A worker's disk may have no more than 650 MB: what a release needs is known before its first byte is fetched.
import { readdir, lstat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';

/** Where a release's size is not known: miners' archives are 10-50 MB and unpack to about the double. */
const ASSUMED_ARCHIVE_BYTES = 64 * 1024 ** 2;
const ASSUMED_UNPACK_FACTOR = 2;
/** Left free for the spool and the logs. */
export const RESERVE_BYTES = 16 * 1024 ** 2;

/** Bytes that fetching and unpacking a release still takes, when `havePartial` bytes of its archive are there. */
export function neededBytes(release: Pick<MinerRelease, 'size_bytes' | 'unpacked_bytes'>, havePartial: number): number {
  const archive = release.size_bytes ?? Math.max(ASSUMED_ARCHIVE_BYTES, havePartial);
  return Math.max(0, archive - havePartial) + (release.unpacked_bytes ?? archive * ASSUMED_UNPACK_FACTOR);
}

/** Bytes that an unprivileged process may still write on the file system of `path`. */
export async function freeBytesAt(path: string): Promise<number> {
  const fs = await statfs(path);
  return fs.bavail * fs.bsize;
}

/** Throws `disk_low`, which names what could go, when there is no room. `inUse`: artefacts that a plan needs. */
export async function checkDisk(o: {
  what: string;
  needed: number;
  free: number;
  artifactsDir: string;
  inUse: ReadonlySet<string>;
}): Promise<void> {
  const missing = o.needed + RESERVE_BYTES - o.free;
  if (missing <= 0) return;
  const held = (await sizesIn(o.artifactsDir)).filter(({ name }) => !o.inUse.has(name));
  const list = held.map((h) => `${h.name.slice(0, 12)} (${megabytes(h.bytes)})`).join(', ');
  throw new SpotrigError(
    'disk_low',
    `${o.what} needs ${megabytes(o.needed + RESERVE_BYTES)} and ${megabytes(o.free)} are free in ${dirname(o.artifactsDir)}: ` +
      (list === ''
        ? `all that spotrig has there is in use; free ${megabytes(missing)} or take a server with a larger disk`
        : `in ${o.artifactsDir} could go: ${list}`),
    { retryable: true, context: { needed_bytes: o.needed, free_bytes: o.free, artifacts: held } },
  );
}

async function sizesIn(dir: string): Promise<{ name: string; bytes: number }[]> {
  const sizes = [];
  for (const name of await namesIn(dir)) sizes.push({ name, bytes: await sizeOf(join(dir, name)) });
  return sizes.toSorted((a, b) => b.bytes - a.bytes);
}

/** Bytes of a file, or of all that a folder holds; 0 when there is nothing. */
export async function sizeOf(path: string): Promise<number> {
  try {
    const stat = await lstat(path);
    let bytes = stat.size;
    if (stat.isDirectory()) for (const name of await namesIn(path)) bytes += await sizeOf(join(path, name));
    return bytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 0;
    throw error;
  }
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
