// One program out of an archive. The archive's digest was checked already; what is refused here would be refused in any case.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import type { ArchiveKind } from '../../miners/releases.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { hostile, type ArchiveEntry, type Unpacked } from './archive-entry.ts';
import { plainEntry } from './plain.ts';
import { tarEntries } from './tar.ts';
import { zipEntries } from './zip.ts';

const ENTRY_MAX_BYTES = 1024 ** 3;
/** Of everything up to the program: more is a bomb, not a miner. */
const ARCHIVE_MAX_BYTES = 4 * 1024 ** 3;
const ENTRIES_MAX = 10_000;

export interface UnpackOptions {
  archive: string;
  kind: ArchiveKind;
  /** The program's path inside; a leading `./` in the archive does not matter. */
  member: string;
  /** A new file; it is made executable and is on the disk when the call returns. */
  to: string;
  /** For xz or python3, where the archive needs them. */
  env: Record<string, string>;
}

/**
 * Unpacks one member and nothing else. Of members with the same name the first counts, and what follows it is not read.
 * Throws SpotrigError: archive_hostile, archive_no_member, archive_damaged, archive_unsupported, no_xz, disk_full.
 */
export async function unpackMember(o: UnpackOptions): Promise<Unpacked> {
  try {
    for await (const entry of checkedEntries(o)) {
      if (plainName(entry.name) !== o.member) continue;
      if (entry.type !== 'file') throw hostile(`${entry.name} is not a regular file`);
      return await writeProgram(entry, o.to);
    }
  } catch (error) {
    if (error instanceof SpotrigError) throw error;
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) throw new SpotrigError('disk_full', 'no space to unpack', { cause: error });
    if (isErrno(error, 'EACCES', 'EEXIST', 'ENOENT', 'EROFS', 'EIO')) throw error;
    throw new SpotrigError('archive_damaged', `the ${o.kind} archive cannot be read`, { cause: error });
  }
  throw new SpotrigError('archive_no_member', `the archive has no ${o.member}`);
}

/** Names of the regular files in an archive, checked as unpacking checks them. */
export async function listFiles(o: Pick<UnpackOptions, 'archive' | 'kind' | 'env'>): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of checkedEntries(o)) if (entry.type === 'file') names.push(plainName(entry.name));
  return names;
}

type Source = Pick<UnpackOptions, 'archive' | 'kind' | 'env'> & { member?: string };

function entriesOf({ archive, kind, env, member }: Source): AsyncIterable<ArchiveEntry> {
  if (kind === 'zip') return zipEntries(archive);
  if (kind === 'plain') return plainEntry(archive, member ?? posix.basename(archive));
  return tarEntries(archive, kind, env);
}

async function* checkedEntries(o: Source): AsyncGenerator<ArchiveEntry> {
  const entries = entriesOf(o);
  let count = 0;
  let bytes = 0;
  for await (const entry of entries) {
    count++;
    bytes += entry.size;
    if (count > ENTRIES_MAX) throw hostile(`more than ${ENTRIES_MAX} entries`);
    if (entry.size > ENTRY_MAX_BYTES || bytes > ARCHIVE_MAX_BYTES)
      throw hostile(`${entry.name} has ${entry.size} bytes`);
    checkPlace(entry);
    yield entry;
  }
}

/** Refuses what would end up outside of the folder, and what is no file at all. */
function checkPlace(entry: ArchiveEntry): void {
  const { name, type } = entry;
  if (name === '' || /[\0\\]/.test(name)) throw hostile(`bad name ${JSON.stringify(name)}`);
  if (leaves(name)) throw hostile(`${name} is outside of the folder`);
  if (type === 'other') throw hostile(`${name} is neither file, folder nor link`);
  if (type !== 'symlink' && type !== 'hardlink') return;
  const target = entry.linkTarget ?? '';
  // A symlink counts from its own folder, a hard link from the archive's root.
  const place = type === 'symlink' && !posix.isAbsolute(target) ? posix.join(posix.dirname(name), target) : target;
  if (target === '' || leaves(place)) throw hostile(`${name} links to ${target}`);
}

function leaves(path: string): boolean {
  return posix.isAbsolute(path) || posix.normalize(path).split('/')[0] === '..' || /^[A-Za-z]:/.test(path);
}

function plainName(name: string): string {
  return name.replace(/^(?:\.\/)+/, '');
}

async function writeProgram(entry: ArchiveEntry, to: string): Promise<Unpacked> {
  const file = await open(to, 'wx', 0o755);
  const hash = createHash('sha256');
  try {
    let bytes = 0;
    for await (const chunk of entry.body()) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > entry.size) throw hostile(`${entry.name} is longer than it says`);
      await file.appendFile(chunk);
    }
    if (bytes !== entry.size) throw new SpotrigError('archive_damaged', `${entry.name} ends after ${bytes} bytes`);
    await file.chmod(0o755); // whatever the umask is
    await file.sync();
    return { size_bytes: bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
