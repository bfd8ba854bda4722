// A small disk for a worker, and a way to fill it.
import { open, rm, statfs } from 'node:fs/promises';
import { isErrno } from '../../platform/errors.ts';
import { runForOutput } from '../../platform/process.ts';

/** Room for what a worker needs, twice the runtime while it is unpacked, and not much more. */
const SIZE = '420m';
const ENV = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Makes an empty folder a small disk in memory, where this user may; false where not. */
export async function mountSmallDisk(dir: string): Promise<boolean> {
  const argv = ['mount', '-t', 'tmpfs', '-o', `size=${SIZE},mode=755`, 'tmpfs', dir];
  return (await runForOutput({ argv, env: ENV, timeoutMs: 10_000, maxBytes: 1000 })).code === 0;
}

/** Ends it, whoever still has a file open there. */
export async function unmount(dir: string): Promise<void> {
  await runForOutput({ argv: ['umount', '-l', dir], env: ENV, timeoutMs: 10_000, maxBytes: 1000 });
}

/** Writes one big file, so that only `leaveBytes` are free. */
export async function fillDisk(path: string, leaveBytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    const { bavail, bsize } = await statfs(path);
    const zeros = Buffer.alloc(1 << 20);
    for (let left = bavail * bsize - leaveBytes; left > 0; left -= zeros.length) await file.write(zeros);
  } catch (error) {
    // Others write too: it is full.
    if (!isErrno(error, 'ENOSPC')) throw error;
  } finally {
    await file.close();
  }
}

/** The space is there again. */
export async function freeDisk(path: string): Promise<void> {
  await rm(path, { force: true });
}
