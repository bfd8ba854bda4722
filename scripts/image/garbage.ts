// V8 frees a stream's used-up buffers when its own heap fills, and buffers are not on it: by then there are a hundred megabytes of them.
// So its small collection, which takes under a millisecond, is asked for by the bytes that went by.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_BYTES = 2 * 1024 ** 2;

type Collect = (how: { type: 'minor' }) => void;

let collect: Collect | null = null;
let spent_bytes = 0;

/** Told of every buffer that was used up. */
export function usedUp(bytes: number): void {
  spent_bytes += bytes;
  if (spent_bytes < EVERY_BYTES) return;
  spent_bytes = 0;
  collect ??= collector();
  collect({ type: 'minor' });
}

function collector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
