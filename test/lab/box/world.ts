// A small world of three network namespaces: a worker, a net with servers, and between them the box (box.py), which has no address.
// All frames between worker and net pass the box; what runs in the net reaches the net's servers without it.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { BoxSpec, BoxStrike } from './box-rules.ts';

/** Where a process of the world can live. */
export type Side = 'worker' | 'net';

export interface WorldSpec {
  /** Begins the names of the namespaces; letters. */
  prefix: string;
  /** With its prefix length: `198.18.1.2/24`. */
  worker: string;
  /** The net's address in the worker's network: the worker's default gateway. */
  gateway: string;
  /** Further addresses of the net. */
  addresses: readonly string[];
  /** For /etc/resolv.conf of both sides; without them it is the machine's. */
  nameserver?: string;
  box: BoxSpec;
}

export interface World {
  /** Starts a program there. It ends with the world at the latest. */
  start(side: Side, argv: readonly string[], env: Readonly<Record<string, string>>): WorldProcess;
  /** What the box did so far. */
  readonly strikes: readonly BoxStrike[];
  /** Ends all its processes and takes it down. Rejects when the box had ended by itself: then nothing that was seen counts. */
  close(): Promise<void>;
}
export type WorldProcess = ReturnType<typeof startIn>;

const BOX = join(import.meta.dirname, 'box.py');
const RESOLV_DIR = '/etc/netns';
const KILL_ROUNDS = 20;

let count = 0;
/** Of this process, and not yet taken down. */
const made = new Set<string>();
let isOver = false;
let pythonPath: Promise<string> | null = null;

/** Path of Python itself: a version manager's shim in front of it would cost more than the box. */
export function python(): Promise<string> {
  pythonPath ??= execa('python3', ['-c', 'import sys; print(sys.executable)']).then((done) => done.stdout);
  return pythonPath;
}

async function batch(commands: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  await execa('ip', [...where, '-batch', '-'], { input: commands.join('\n') });
}

/** Makes it; needs root. What was made is removed again when something fails. */
export async function makeWorld(spec: WorldSpec): Promise<World> {
  count += 1;
  const name = `${spec.prefix}-${process.pid}-${count}`;
  const spaces = { worker: `${name}-w`, box: `${name}-b`, net: `${name}-n` };
  if (isOver) throw new Error('no world is made any more');
  for (const space of Object.values(spaces)) made.add(space);
  try {
    await batch(Object.values(spaces).map((s) => `netns add ${s}`));
    await batch([
      `link add w0 netns ${spaces.worker} type veth peer name b0 netns ${spaces.box}`,
      `link add n0 netns ${spaces.net} type veth peer name b1 netns ${spaces.box}`,
    ]);
    // addrgenmode none: no IPv6 but on lo, so that nothing is said on the wire that nobody asked for.
    const up = (device: string): string => `link set ${device} addrgenmode none up`;
    const length = spec.worker.split('/')[1] ?? '32';
    await Promise.all([
      batch([up('b0'), up('b1')], spaces.box),
      batch(
        ['link set lo up', up('w0'), `addr add ${spec.worker} dev w0`, `route add default via ${spec.gateway}`],
        spaces.worker,
      ),
      batch(
        [
          ...['link set lo up', up('n0'), `addr add ${spec.gateway}/${length} dev n0`],
          ...spec.addresses.map((a) => `addr add ${a}/32 dev n0`),
        ],
        spaces.net,
      ),
      ...[spaces.worker, spaces.net].map(async (space) => {
        if (spec.nameserver === undefined) return;
        await mkdir(join(RESOLV_DIR, space), { recursive: true });
        const options = 'options timeout:2 attempts:2';
        await writeFile(join(RESOLV_DIR, space, 'resolv.conf'), `nameserver ${spec.nameserver}\n${options}\n`);
      }),
    ]);
    const strikes: BoxStrike[] = [];
    const box = await startBox({ ...spec.box, ...spaces, router: spec.gateway }, strikes);
    return {
      start: (side, argv, env) => startIn(spaces[side], argv, env),
      strikes,
      async close() {
        const words = box.lastWords();
        await removeSpaces(Object.values(spaces));
        if (words !== null) throw new Error(`the box did not live to the end: ${words}`);
      },
    };
  } catch (error) {
    await removeSpaces(Object.values(spaces));
    throw error;
  }
}

function startIn(space: string, argv: readonly string[], env: Readonly<Record<string, string>>) {
  const program = ['netns', 'exec', space, ...argv];
  return execa('ip', program, { env, extendEnv: false, all: true, reject: false, stdin: 'ignore' });
}

async function startBox(spec: object, strikes: BoxStrike[]) {
  const box = execa(await python(), ['-B', BOX, JSON.stringify(spec)], { all: true, reject: false, stdin: 'ignore' });
  let lastWords: string | null = null;
  void box.then((end) => (lastWords = end.all));
  await untilReady(box, (line) => {
    if (line.startsWith('{')) strikes.push(JSON.parse(line) as BoxStrike);
  });
  return { lastWords: () => lastWords };
}

/** Resolves when the program has said that it is ready; rejects with its last words when it ends before. Every line is given to `onLine`. */
export async function untilReady(
  program: { all: Readable } & PromiseLike<{ all: string }>,
  onLine: (line: string) => void = () => undefined,
  isReady: (line: string) => boolean = (line) => line === 'ready',
): Promise<void> {
  const ready = Promise.withResolvers<void>();
  createInterface({ input: program.all }).on('line', (line) => {
    if (isReady(line)) ready.resolve();
    else onLine(line);
  });
  program.then(
    (end) => ready.reject(new Error(`it ended before it was ready: ${end.all}`)),
    (error: unknown) => ready.reject(error as Error),
  );
  await ready.promise;
}

/** Takes down what a run that was killed has left: every world with this prefix whose maker is gone. */
export async function removeStaleWorlds(prefix: string): Promise<number> {
  const present = await readdir('/run/netns').catch(() => []);
  const kept = await readdir(RESOLV_DIR).catch(() => []);
  const stale = [...new Set([...present, ...kept])].filter((space) => {
    const [, pid] = new RegExp(`^${prefix}-([0-9]+)-[0-9]+-[wbn]$`).exec(space) ?? [];
    return pid !== undefined && !isAlive(Number(pid));
  });
  await removeSpaces(stale);
  return stale.length;
}

/** Takes down all that this process has made and not closed; no world can be made after it. */
export function removeWorlds(): Promise<void> {
  isOver = true;
  return removeSpaces([...made]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function removeSpaces(spaces: readonly string[]): Promise<void> {
  await Promise.all(
    spaces.map(async (space) => {
      // A process may have started another one meanwhile.
      for (let round = 0; round < KILL_ROUNDS; round++) {
        const { stdout } = await execa('ip', ['netns', 'pids', space], { reject: false });
        const pids = stdout.split('\n').filter(Boolean).map(Number);
        if (pids.length === 0) break;
        for (const pid of pids) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // gone already
          }
        }
      }
      await execa('ip', ['netns', 'del', space], { reject: false });
      await rm(join(RESOLV_DIR, space), { recursive: true, force: true });
      made.delete(space);
    }),
  );
}
