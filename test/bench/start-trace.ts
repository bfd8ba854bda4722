// Loaded into the worker by `--require` in the traced rounds of the warm start: notes when things happened, for each child.
import { subscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { appendFileSync } from 'node:fs';

/** Wall times in ms. */
export interface ChildTrace {
  /** The child's program. */
  file: string;
  /** Start of Node. */
  node: number;
  /** Before the bundle's first line. */
  preloaded: number;
  /** The end of the bundle's synchronous part. */
  loaded: number;
  /** The call that starts the child. */
  spawn: number;
}

const { timeOrigin } = performance;
const preloaded = timeOrigin + performance.now();
const path = process.env['START_TRACE_FILE'];
let loaded = 0;
process.nextTick(() => (loaded = timeOrigin + performance.now()));

subscribe('child_process', (message) => {
  const { process: child } = message as { process: EventEmitter & { spawnfile: string } };
  const spawn = timeOrigin + performance.now();
  child.once('spawn', () => {
    const trace: ChildTrace = { file: child.spawnfile, node: timeOrigin, preloaded, loaded, spawn };
    if (path !== undefined) appendFileSync(path, `${JSON.stringify(trace)}\n`);
  });
});
