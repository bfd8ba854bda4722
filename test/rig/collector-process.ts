// The collector as a process of its own, by its command, for `npm start` and the tests.
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { realClock } from '../../platform/clock.ts';
import { identify, killLadder, spawnGroup } from '../../platform/process.ts';

const SPOTRIG = resolve(import.meta.dirname, '../../bin/spotrig.js');

export interface CollectorProcess {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended by itself. */
  readonly ended: Promise<string>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface CollectorProcessOptions {
  /** 0 takes a free port. */
  port: number;
  dataDir: string;
  releaseDir: string;
  pageDir: string;
  args?: readonly string[];
  onLine?: (line: string) => void;
}

/** Starts the collector on 127.0.0.1 and waits until it listens. Rejects with its last words when it ends before. */
export async function startCollectorProcess(o: CollectorProcessOptions): Promise<CollectorProcess> {
  const child = spawnGroup({
    argv: [
      ...[process.execPath, SPOTRIG, 'collector', '--listen', `127.0.0.1:${o.port}`, '--data', resolve(o.dataDir)],
      ...['--release', resolve(o.releaseDir), '--page', resolve(o.pageDir), ...(o.args ?? [])],
    ],
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' },
    stdout: 'pipe',
    stderr: 'stdout',
  });
  if (child.stdout === null) throw new Error('no pipe to the collector');
  const lastLines: string[] = [];
  const url = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > 20) lastLines.shift();
    o.onLine?.(line);
    const at = /"url":"(https?:\/\/[^"]+)"/.exec(line)?.[1];
    if (at !== undefined) url.resolve(at);
  });
  const ended = child.exited.then(() => lastLines.join('\n'));
  void ended.then((words) => url.reject(new Error(`the collector ended before it listened:\n${words}`)));
  // The child itself does not keep Node alive, and its pipe closes before its end is known.
  const alive = setInterval(() => {}, 60_000);
  const listening = await url.promise.finally(() => clearInterval(alive));
  const id = await identify(child.pid);
  if (id === null) throw new Error('the collector has gone');
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const alive = setInterval(() => {}, 60_000);
    await killLadder({
      id,
      steps: [
        { signal, waitMs: 8000 },
        { signal: 'SIGKILL', waitMs: 2000 },
      ],
      clock: realClock,
    });
    await ended;
    clearInterval(alive);
  };
  return { url: listening, pid: child.pid, ended, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
