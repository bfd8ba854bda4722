// Two network namespaces, and between them a wire that freezes connections (freeze-box.py, in a third).
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { execa } from 'execa';

/** What a connection may have before it freezes. */
export interface Freeze {
  after: 'bytes' | 'packets';
  limit: number;
  /** Each way. */
  delayMs: number;
}

export const WORKER_ADDRESS = '10.77.0.2';
export const SERVER_ADDRESS = '10.77.0.1';

export interface FrozenWire {
  /** Starts a program in the worker's or the server's namespace, and returns what it says. It ends with the wire. */
  start(side: 'worker' | 'server', argv: readonly string[], env: Record<string, string>): Readable;
  /** Connections that froze so far. */
  frozen(): number;
  close(): Promise<void>;
}

const BOX = join(import.meta.dirname, 'freeze-box.py');

async function ip(...args: string[]): Promise<void> {
  await execa('ip', args);
}

/** Makes it; needs root. What was made is removed again when something fails. */
export async function startFrozenWire(freeze: Freeze): Promise<FrozenWire> {
  const id = randomBytes(3).toString('hex');
  const spaces = { worker: `sr-w-${id}`, server: `sr-s-${id}`, box: `sr-b-${id}` };
  const near = { worker: `srw${id}`, server: `srs${id}` };
  const far = { worker: `srx${id}`, server: `sry${id}` };
  const python = (await execa('python3', ['-c', 'import sys; print(sys.executable)'])).stdout;
  const close = async (): Promise<void> => {
    for (const space of Object.values(spaces)) {
      const pids = await execa('ip', ['netns', 'pids', space], { reject: false });
      for (const pid of pids.stdout.split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // gone already
        }
      }
      await execa('ip', ['netns', 'del', space], { reject: false });
    }
    // Where they did not get into a namespace.
    for (const name of Object.values(near)) await execa('ip', ['link', 'del', name], { reject: false });
  };
  try {
    for (const space of Object.values(spaces)) await ip('netns', 'add', space);
    for (const side of ['worker', 'server'] as const) {
      await ip('link', 'add', near[side], 'type', 'veth', 'peer', 'name', far[side]);
      await execa(python, [BOX, 'plain', near[side], far[side]]);
      await ip('link', 'set', near[side], 'netns', spaces[side]);
      await ip('link', 'set', far[side], 'netns', spaces.box);
      const address = side === 'worker' ? WORKER_ADDRESS : SERVER_ADDRESS;
      await ip('-n', spaces[side], 'addr', 'add', `${address}/24`, 'dev', near[side]);
      await ip('-n', spaces[side], 'link', 'set', near[side], 'up');
      await ip('-n', spaces[side], 'link', 'set', 'lo', 'up');
      await ip('-n', spaces.box, 'link', 'set', far[side], 'up');
    }
    const wire = ['wire', far.worker, far.server, freeze.after, String(freeze.limit), String(freeze.delayMs)];
    const box = execa('ip', ['netns', 'exec', spaces.box, python, BOX, ...wire], { all: true, reject: false });
    let frozen = 0;
    await new Promise<void>((resolve, reject) => {
      box.all.on('data', (data: Buffer) => {
        const lines = data.toString().split('\n');
        if (lines.includes('ready')) resolve();
        frozen += lines.filter((line) => line === 'frozen').length;
      });
      void box.then((end) => reject(new Error(`the box ended: ${end.all}`)));
    });
    return {
      start: (side, argv, env) =>
        execa('ip', ['netns', 'exec', spaces[side], ...argv], { env, extendEnv: false, all: true, reject: false }).all,
      frozen: () => frozen,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
