import { accessSync, constants, statSync } from 'node:fs';
import { SpotrigError, isErrno } from '../../platform/errors.ts';

/** Checks a program that should be in the image (`name@/path`). Throws SpotrigError miner_missing or miner_not_executable. */
export function checkPreinstalled(path: string): void {
  try {
    if (!statSync(path).isFile()) {
      throw new SpotrigError('miner_not_executable', `${path} is not a file; give the path of the program itself`);
    }
    accessSync(path, constants.X_OK);
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
