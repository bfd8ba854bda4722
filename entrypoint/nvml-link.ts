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
 * The LD_LIBRARY_PATH that a miner needs to find the library under its plain name; null where the inherited one will do (the name
 * is there, or there is no library at all). Makes a link in `dir`, which holds nothing else: CUDA's stubs must never be found.
 */
export async function nvmlLibraryPath(o: {
  dir: string;
  /** LD_LIBRARY_PATH as inherited; '' when unset. */
  inherited: string;
  libraryDirs?: readonly string[];
}): Promise<string | null> {
  const inherited = o.inherited.split(':').filter((dir) => dir !== '' && !/\/stubs\/?$/.test(dir));
  const dirs = [...inherited, ...(o.libraryDirs ?? LIBRARY_DIRS)];
  if ((await firstWith(dirs, LIBRARY)) !== null) return null;
  const mounted = await firstWith(dirs, `${LIBRARY}.1`);
  if (mounted === null) return null;
  await mkdir(o.dir, { recursive: true, mode: 0o755 });
  await linkTo(mounted, join(o.dir, LIBRARY));
  return [o.dir, ...inherited].join(':');
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
