// Containers often get `libnvidia-ml.so.1` mounted but not the name without a number, which miners ask for: some then lose their
// temperatures, others exit.
import { access, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
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
 * are looked at, and must never be.
 */
export async function nvmlLibraryDir(
  runDir: string,
  libraryDirs: readonly string[] = LIBRARY_DIRS,
): Promise<string | null> {
  if ((await firstWith(libraryDirs, LIBRARY)) !== null) return null;
  const mounted = await firstWith(libraryDirs, `${LIBRARY}.1`);
  if (mounted === null) return null;
  const dir = join(runDir, 'nvml');
  await mkdir(dir, { recursive: true, mode: 0o755 });
  await linkTo(mounted, join(dir, LIBRARY));
  return dir;
}

async function firstWith(dirs: readonly string[], name: string): Promise<string | null> {
  for (const dir of dirs) {
    const path = join(dir, name);
    try {
      await access(path);
      return path;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) throw error;
    }
  }
  return null;
}

/** A link that an earlier boot made may lead elsewhere, or nowhere. */
async function linkTo(target: string, path: string): Promise<void> {
  try {
    if ((await readlink(path)) === target) return;
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EINVAL')) throw error;
  }
  const temp = `${path}.${randomBytes(6).toString('hex')}`;
  await symlink(target, temp);
  try {
    await rename(temp, path);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
}
