// A lock between processes that the kernel gives back when its holder dies: nothing is left behind that could be stale.
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { Clock } from './clock.ts';
import { isErrno } from './errors.ts';

const LOOK_AGAIN_MS = 250;

/**
 * Does `work` while no other holder of the same `purpose` and folder does, in this process or another of the same container (the
 * lock is a name among Linux's abstract sockets, unix(7), which belong to a network namespace). Waits for as long as it takes;
 * rejects with the signal's reason, else as `work` does.
 */
export async function exclusively<T>(
  o: { purpose: string; folder: string; clock: Clock; signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  const { dev, ino } = await stat(o.folder);
  const name = `\0spotrig-${o.purpose}-${dev}-${ino}`;
  let lock = await tryListen(name);
  while (lock === null) {
    await o.clock.sleep(LOOK_AGAIN_MS, o.signal);
    lock = await tryListen(name);
  }
  try {
    o.signal.throwIfAborted();
    return await work();
  } finally {
    lock.close();
  }
}

/** Null while somebody else has the name. */
async function tryListen(name: string): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(name);
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE')) return null;
    throw error;
  }
}
