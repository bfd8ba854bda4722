import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { SpotrigError, isErrno } from '../../platform/errors.ts';

/** Checks a program that should be in the image (`name@/path`). Throws SpotrigError miner_missing or miner_not_executable. */
export async function checkPreinstalled(path: string): Promise<void> {
  try {
    if (!(await stat(path)).isFile()) {
      throw new SpotrigError('miner_not_executable', `${path} is not a file; give the path of the program itself`);
    }
    await access(path, constants.X_OK);
  } catch (error) {
    if (error instanceof SpotrigError) throw error;
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) {
      throw new SpotrigError('miner_missing', `there is no ${path} in this image`, { cause: error });
    }
    if (isErrno(error, 'EACCES')) {
      throw new SpotrigError('miner_not_executable', `${path} may not be executed; chmod 755 it in the image`, {
        cause: error,
      });
    }
    throw error;
  }
}
