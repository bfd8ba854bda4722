// A log file that a child writes to by itself (O_APPEND) and that never grows past a cap: the child outlives us, so there is
// no pipe and nobody in between; we only cut the file from time to time and keep its tail.
import { constants, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/** Opens a log for a child to append to: the descriptor goes to spawnGroup, then it is closed. Throws system errors. */
export function openAppendLog(path: string): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
}

/**
 * Cuts a log that is over `maxBytes` to its last `keepBytes`, from a line's start on. Lines that the child writes in the moment
 * between reading and cutting are lost; a log may lose lines, a miner must not wait. Returns whether it was cut.
 */
export async function capLog(path: string, maxBytes: number, keepBytes: number): Promise<boolean> {
  const file = await open(path, constants.O_RDWR | constants.O_APPEND);
  try {
    const { size } = await file.stat();
    if (size <= maxBytes) return false;
    const tail = Buffer.alloc(keepBytes);
    const { bytesRead } = await file.read(tail, 0, keepBytes, size - keepBytes);
    const lineStart = tail.indexOf(0x0a) + 1;
    await file.truncate(0);
    await file.appendFile(tail.subarray(lineStart, bytesRead));
    return true;
  } finally {
    await file.close();
  }
}

/** The last `maxBytes` of a text file as lines, a cut first line left out; [] when there is no file. */
export async function tailLines(path: string, maxBytes: number, maxLines: number): Promise<string[]> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch {
    return []; // evidence is nice to have: never a reason to fail
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - maxBytes);
    const bytes = Buffer.alloc(size - from);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    const lines = bytes.toString('utf8', 0, bytesRead).split('\n');
    if (from > 0) lines.shift();
    return lines.filter((line) => line !== '').slice(-maxLines);
  } finally {
    await file.close();
  }
}
