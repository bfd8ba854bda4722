// The disk of one rented container, and starts of the script on it: for the bench of warm and cold starts.
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { realClock } from '../../platform/clock.ts';
import { identify, isAlive, signalGroup, spawnGroup } from '../../platform/process.ts';
import { startCollectorProcess } from '../rig/collector-process.ts';
import type { ChildTrace } from './start-trace.ts';

/** A container's usual one. */
export const CONTAINER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SETTLE_MS = 250;
/** The first start fetches and unpacks the runtime. */
const START_LIMIT_MS = 120_000;

/** Where the time of one traced start went. */
export interface Phases {
  /** Start of the script to the start of Node. */
  head_ms: number;
  /** To the bundle's first line. */
  node_ms: number;
  /** To the end of the bundle's synchronous part. */
  load_ms: number;
  /** To the call that starts the miner. */
  work_ms: number;
  /** To the miner's first act. */
  exec_ms: number;
}

export class Container {
  readonly #dir: string;
  readonly #home: string;
  readonly #script: string;
  readonly #miner: string;
  readonly #begun: string;
  readonly #mark: string;
  readonly #tracer: string;
  readonly #trace: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#home = join(dir, 'home');
    this.#script = join(dir, 'onstart.sh');
    this.#miner = join(dir, 'miner');
    this.#begun = join(dir, 'begun');
    this.#mark = join(dir, 'started');
    this.#tracer = join(dir, 'start-trace.cjs');
    this.#trace = join(dir, 'trace');
  }

  /** Starts it with nothing on its disk but the script, and returns the time to the miner's first act in ms. */
  async coldStart(script: string, env: Record<string, string>): Promise<number> {
    await rm(this.#dir, { recursive: true, force: true });
    await mkdir(this.#dir, { recursive: true });
    await copyFile(script, this.#script);
    return await this.start(env);
  }

  /** What the miner of `coldStart` writes down when it starts. */
  get minerScript(): string {
    return minerScript(this.#mark);
  }

  /** Puts the script and the miner there, and lets a first start fetch the artefacts. */
  async fill(release: string, sink: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await copyFile(join(release, 'entrypoint.sh'), this.#script);
    await writeFile(this.#miner, minerScript(this.#mark));
    await chmod(this.#miner, 0o755);
    await build({
      entryPoints: [join(import.meta.dirname, 'start-trace.ts')],
      ...{ outfile: this.#tracer, bundle: true, platform: 'node', format: 'cjs', target: 'node24', logLevel: 'silent' },
    });
    const mirror = await startCollectorProcess({
      ...{ port: 0, dataDir: join(this.#dir, 'mirror'), releaseDir: release, pageDir: join(release, 'page') },
    });
    try {
      await this.start({ SPOTRIG_COLLECTOR: sink, SPOTRIG_MIRRORS: mirror.url });
    } finally {
      await mirror.stop();
    }
  }

  /** The worker's Node. */
  async node(): Promise<string> {
    const artifacts = join(this.#home, 'artifacts');
    for (const name of await readdir(artifacts)) {
      if ((await readdir(join(artifacts, name))).includes('node')) return join(artifacts, name, 'node');
    }
    throw new Error(`no runtime under ${artifacts}`);
  }

  /** Starts the script, kills everything as soon as the miner runs, and returns the time between in ms. */
  async start(env: Record<string, string>): Promise<number> {
    const { begunAt, minerAt } = await this.#startOnce(env, async () => true);
    return minerAt - begunAt;
  }

  /** The same with a tracer in Node, which costs about a millisecond. */
  async traced(env: Record<string, string>): Promise<Phases> {
    await rm(this.#trace, { force: true });
    const traceEnv = { NODE_OPTIONS: `--require=${this.#tracer}`, START_TRACE_FILE: this.#trace };
    const { begunAt, minerAt, seen: trace } = await this.#startOnce({ ...env, ...traceEnv }, () => this.#minerTrace());
    return {
      head_ms: trace.node - begunAt,
      node_ms: trace.preloaded - trace.node,
      load_ms: trace.loaded - trace.preloaded,
      work_ms: trace.spawn - trace.loaded,
      exec_ms: minerAt - trace.spawn,
    };
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Kills everything once the miner has noted its start and `look` has seen what it waits for. */
  async #startOnce<T>(
    env: Record<string, string>,
    look: () => Promise<T | null>,
  ): Promise<{ begunAt: number; minerAt: number; seen: T }> {
    await rm(this.#mark, { force: true });
    const order = {
      ...{
        PATH: CONTAINER_PATH,
        HOME: this.#dir,
        SPOTRIG_HOME: this.#home,
        WORKER_NAME: 'rig-1',
        SPOTRIG_WALLET: 'practice-wallet',
      },
      ...{ SPOTRIG_TOKEN: `sr1.k1.rig-1.1999999999.${'m'.repeat(43)}`, SPOTRIG_MINER: `t-rex@${this.#miner}` },
      ...{ SPOTRIG_ALGO: 'kawpow', SPOTRIG_POOLS: 'stratum+tcp://127.0.0.1:3333' },
    };
    const deadline = performance.now() + START_LIMIT_MS;
    const argv = ['/bin/bash', '-c', 'echo "$EPOCHREALTIME" >"$0"; exec "$1"', this.#begun, this.#script];
    const head = spawnGroup({
      ...{ argv, env: { ...order, ...env }, cwd: this.#dir, stdout: 'ignore', stderr: 'ignore' },
    });
    let miner: { at: number; pid: number } | null = null;
    try {
      while (performance.now() < deadline) {
        await realClock.sleep(20);
        miner ??= await this.#readMark();
        const seen = miner === null ? null : await look();
        if (miner === null || seen === null) continue;
        const begunAt = Number(await readFile(this.#begun, 'utf8')) * 1000;
        return { begunAt, minerAt: miner.at, seen };
      }
      throw new Error(`no miner within ${START_LIMIT_MS} ms; see ${this.#home}/log`);
    } finally {
      head.kill('SIGKILL');
      await head.exited;
      if (miner !== null) await endGroup(miner.pid);
      // The kernel is still taking down the killed Node: what comes next is measured on a quiet machine.
      await realClock.sleep(SETTLE_MS);
    }
  }

  async #minerTrace(): Promise<ChildTrace | null> {
    const lines = (await readFile(this.#trace, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as ChildTrace).find(({ file }) => file === this.#miner) ?? null;
  }

  async #readMark(): Promise<{ at: number; pid: number } | null> {
    const text = await readFile(this.#mark, 'utf8').catch(() => '');
    const [, seconds, pid] = /^(\d+\.\d+) (\d+)\n$/.exec(text) ?? [];
    return seconds === undefined ? null : { at: Number(seconds) * 1000, pid: Number(pid) };
  }
}

/** A stand-in miner that notes the time of its first act. */
function minerScript(mark: string): string {
  return `#!/bin/bash\necho "$EPOCHREALTIME $$" >'${mark}'\nexec sleep infinity\n`;
}

async function endGroup(pid: number): Promise<void> {
  const id = await identify(pid);
  signalGroup(pid, 'SIGKILL');
  while (id !== null && (await isAlive(id))) await realClock.sleep(5);
}
