// What an unpacked program was when it was complete: a small file beside it, there before the folder gets its name. A program
// without one, or of another size, counts as absent.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { Clock } from '../../platform/clock.ts';
import { fsyncDir, readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { isErrno } from '../../platform/errors.ts';
import { Count, Sha256 } from '../../wire/fields.ts';
import type { Unpacked } from './archive-entry.ts';

const NAME = '.program.json';
const Saved = z.object({ size_bytes: Count, sha256: Sha256 });

/** A recheck reads this much, then lets the miner and the relay have the machine for a moment: about 6 MB a second. */
const RECHECK_CHUNK_BYTES = 64 * 1024;
const RECHECK_PAUSE_MS = 10;

/** Writes the record of a program into its folder. */
export async function writeRecord(folder: string, program: Unpacked): Promise<void> {
  await writeFileDurable(join(folder, NAME), JSON.stringify(program), 0o644);
}

/** True when the program is there in its full size: it was checked when it came, and its name was given to it after that. */
export async function isComplete(folder: string, program: string): Promise<boolean> {
  const record = await readRecord(folder);
  if (record === null) return false;
  try {
    const stat = await lstat(join(folder, program));
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
  const record = await readRecord(o.folder);
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

function readRecord(folder: string): Promise<Unpacked | null> {
  return readJsonTolerant(join(folder, NAME), (value) => {
    const parsed = z.safeParse(Saved, value);
    return parsed.success ? parsed.data : null;
  });
}
