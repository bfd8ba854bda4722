// The build's context: a folder that holds what the Dockerfiles copy, and nothing else. Modes and times are set, so that neither
// the umask nor the clock of this machine gets into an image.
import { chmod, copyFile, cp, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SpotrigError } from '../../platform/errors.ts';
import { IMAGES } from './catalogue.ts';
import type { BakedArchive } from './archives.ts';

export interface Context {
  readonly dir: string;
  /** Where an archive lies in it. */
  archivePath(archive: BakedArchive): string;
}

/** Fills `dir`, which is emptied first. `release` is a built one; throws `image_release` where it is none. */
export async function fillContext(o: {
  dir: string;
  root: string;
  release: string;
  archives: readonly BakedArchive[];
  epoch_s: number;
}): Promise<Context> {
  await rm(o.dir, { recursive: true, force: true });
  await mkdir(join(o.dir, 'dist/archives'), { recursive: true });
  for (const { name, dockerfile } of IMAGES) {
    await mkdir(dirname(join(o.dir, dockerfile)), { recursive: true });
    await copyFile(join(o.root, dockerfile), join(o.dir, dockerfile));
    await cp(join(o.root, 'images', name), join(o.dir, 'images', name), { recursive: true });
  }
  try {
    await copyFile(join(o.release, 'entrypoint.sh'), join(o.dir, 'dist/entrypoint.sh'));
    await cp(join(o.release, 'artifacts'), join(o.dir, 'dist/artifacts'), { recursive: true });
  } catch (error) {
    throw new SpotrigError('image_release', `${o.release} is no release; npm run build makes one`, { cause: error });
  }
  const archivePath = (archive: BakedArchive): string => `dist/archives/${archive.asset}`;
  for (const archive of o.archives) await writeFile(join(o.dir, archivePath(archive)), archive.bytes);
  await settle(o.dir, o.epoch_s);
  return { dir: o.dir, archivePath };
}

async function settle(dir: string, epoch_s: number): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await settle(path, epoch_s);
    else await chmod(path, isProgram(path) ? 0o755 : 0o644);
    await utimes(path, epoch_s, epoch_s);
  }
  await chmod(dir, 0o755);
}

function isProgram(path: string): boolean {
  return path.endsWith('.sh') || dirname(path).endsWith('/bin');
}
