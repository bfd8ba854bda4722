// What an unpacked program was when it was complete: a small file beside it, there before the folder gets its name. A program
// without one, or of another size, counts as absent.
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { fsyncDir, writeFileDurable } from '../../platform/durable-file.ts';
import { isErrno } from '../../platform/errors.ts';
import type { Unpacked } from './archive-entry.ts';

const NAME = '.program.json';

/** A recheck reads this much, then lets the miner and the relay have the machine for a moment: about 6 MB a second. */
const RECHECK_CHUNK_BYTES = 64 * 1024;
const RECHECK_PAUSE_MS = 10;

/** Writes the record of a program into its folder. */
export async function writeRecord(folder: string, program: Unpacked): Promise<void> {
  await writeFileDurable(join(folder, NAME), JSON.stringify(program), 0o644);
}

/** True when the program is there in its full size: it was checked when it came, and its name was given to it after that. */
export function isComplete(folder: string, program: string): boolean {
  const record = readRecord(folder);
  if (record === null) return false;
  try {
    const stat = lstatSync(join(folder, program));
    return stat.isFile() && stat.size === record.size_bytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/**
 * Reads a program slowly and compares it with its record. `damaged`: its record is removed, so that it counts as absent from now
 * on; the file is left for who runs it. `absent`: there is nothing to compare.
 */
export async function recheck(o: {
  folder: string;
  program: string;
  clock: Clock;
  signal: AbortSignal;
}): Promise<'good' | 'damaged' | 'absent'> {
  const record = readRecord(o.folder);
  if (record === null) return 'absent';
  const hash = createHash('sha256');
  try {
    const file = createReadStream(join(o.folder, o.program), { highWaterMark: RECHECK_CHUNK_BYTES });
    for await (const chunk of file as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await o.clock.sleep(RECHECK_PAUSE_MS, o.signal);
    }
  } catch (error) {
    o.signal.throwIfAborted();
    if (isErrno(error, 'ENOENT')) return 'absent';
    if (!isErrno(error, 'EIO')) throw error; // a disk that cannot read it has lost it
    hash.update('unreadable');
  }
  if (hash.digest('hex') === record.sha256) return 'good';
  await rm(join(o.folder, NAME), { force: true });
  await fsyncDir(o.folder);
  return 'damaged';
}

/** Checked by hand: the miner's start waits for this, and a schema's library takes longer to load than all the rest. */
function readRecord(folder: string): Unpacked | null {
  try {
    const { size_bytes, sha256 } = JSON.parse(readFileSync(join(folder, NAME), 'utf8')) as Partial<Unpacked>;
    const isWhole = Number.isSafeInteger(size_bytes) && /^[0-9a-f]{64}$/.test(String(sha256));
    return isWhole ? ({ size_bytes, sha256 } as Unpacked) : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
