// Containers often get `libnvidia-ml.so.1` mounted but not the name without a number, which miners ask for: some then lose their
// temperatures, others exit.
import { existsSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { isErrno } from '../platform/errors.ts';

const LIBRARY = 'libnvidia-ml.so';
/** Where container runtimes and distributions put the driver's libraries. */
const LIBRARY_DIRS: readonly string[] = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/lib/x86_64-linux-gnu',
  '/usr/local/nvidia/lib64',
  '/usr/local/nvidia/lib',
  '/usr/lib/wsl/lib',
];

/**
 * A folder that gives the library its plain name, to come first in a miner's LD_LIBRARY_PATH; null where there is no need (the name
 * is there, or there is no library at all). It lies in `runDir` and holds nothing else. CUDA's stubs are not among the folders that
 * are looked at, and must never be. Synchronous, as all that the miner's start waits for.
 */
export function nvmlLibraryDir(runDir: string, libraryDirs: readonly string[] = LIBRARY_DIRS): string | null {
  if (firstWith(libraryDirs, LIBRARY) !== null) return null;
  const mounted = firstWith(libraryDirs, `${LIBRARY}.1`);
  if (mounted === null) return null;
  const dir = join(runDir, 'nvml');
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  linkTo(mounted, join(dir, LIBRARY));
  return dir;
}

function firstWith(dirs: readonly string[], name: string): string | null {
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path)) ?? null;
}

/** A link that an earlier boot made may lead elsewhere, or nowhere. */
function linkTo(target: string, path: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EINVAL')) throw error;
  }
  const temp = `${path}.${randomBytes(6).toString('hex')}`;
  symlinkSync(target, temp);
  try {
    renameSync(temp, path);
  } catch (error) {
    rmSync(temp, { force: true });
    throw error;
  }
}
