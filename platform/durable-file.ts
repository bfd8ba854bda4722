// Kill-safe files: a reader sees the old content or the new one, whole, whatever dies in between.
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SpotrigError, isErrno } from './errors.ts';

/** Makes a rename or a new name in a folder survive a power cut. */
export async function fsyncDir(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

/**
 * Makes a folder and those above it, as `mkdir -p`. Not by Node's `recursive`, which never returns under /proc, where a folder
 * can be absent although its parent is there. Throws system errors.
 */
export async function makeDir(path: string, mode = 0o700): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (isErrno(error, 'EEXIST') && (await stat(path)).isDirectory()) return;
    if (!isErrno(error, 'ENOENT') || dirname(path) === path) throw error;
    await makeDir(dirname(path), mode);
    await mkdir(path, { mode }).catch((again: unknown) => {
      if (!isErrno(again, 'EEXIST')) throw again;
    });
  }
}

/** Writes a file whole: temp file beside it, fsync, rename, fsync of the folder. `mode` is of the new file (default 0600). */
export async function writeFileDurable(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await writeBeside(path, data, mode, rename);
}

/** As writeFileDurable, for a file that must not be there yet: throws EEXIST where it is, and leaves that one alone. */
export async function writeNewFileDurable(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  await writeBeside(path, data, mode, async (temp) => {
    await link(temp, path); // unlike a rename it never replaces
    await rm(temp);
  });
}

async function writeBeside(
  path: string,
  data: string | Uint8Array,
  mode: number,
  place: (temp: string, path: string) => Promise<void>,
): Promise<void> {
  const temp = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temp, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await place(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
  await fsyncDir(dirname(path));
}

/** The file's text, or null when there is none. Throws `file_too_large` past `maxBytes`: no file of ours is ever that big. */
export async function readTextIfPresent(path: string, maxBytes: number): Promise<string | null> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new SpotrigError('file_too_large', `${path} has ${size} bytes, more than ${maxBytes}`, {
        context: { path, size },
      });
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** A JSON file of ours; null when it is absent, torn, or not of the shape that `parse` knows (state is then rebuilt). */
export async function readJsonTolerant<T>(path: string, parse: (value: unknown) => T | null): Promise<T | null> {
  const text = await readTextIfPresent(path, 4 * 1024 * 1024);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  return parse(value);
}

/** Changes whenever another process replaces the file; '' where there is none. Throws other system errors. */
export function fileStamp(path: string): string {
  try {
    const { mtimeMs, ino, size } = statSync(path);
    return `${mtimeMs} ${ino} ${size}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}
