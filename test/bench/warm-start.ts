// From the start of entrypoint.sh to the miner's exec, everything being on the disk already, against `node -e 0` with the same
// Node. The script runs as in step 4 of the DELEGATED_ENTRYPOINT contract, under the collector's address of a sink on loopback,
// so that no network is part of it. The miner is a bash script whose first act is to note the time; bash's own start (about a
// millisecond) is counted as ours. A small bash starts both sides and notes the time before: a fork of this large process would
// add the same 15 ms to both, and so make the ratio look better than it is.
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { realClock } from '../../platform/clock.ts';
import { identify, isAlive, runForOutput, signalGroup, spawnGroup } from '../../platform/process.ts';
import { FakeCollector } from '../fakes/report-collector.ts';
import { startCollectorProcess } from '../rig/collector-process.ts';
import { atMost, plain, type Bench, type Findings, type Measurement } from './measurement.ts';
import type { ChildTrace } from './start-trace.ts';
import { median, quantile } from './statistics.ts';

const MEDIAN_MAX = 3;
const P90_MAX = 4;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const SETTLE_MS = 250;
/** The first start fetches and unpacks the runtime. */
const START_LIMIT_MS = 120_000;

/** Start of the script to the miner's exec. */
export const warmStart: Measurement = { name: 'warm-start', about: 'start of entrypoint.sh to miner exec', run };

/** Where the time of one traced start went. */
interface Phases {
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

async function run(bench: Bench): Promise<Findings> {
  const [rounds, traced] = bench.quick ? [7, 3] : [31, 9];
  const container = new Container(join(bench.workDir, 'warm-start'));
  const sink = new FakeCollector();
  sink.fate = (request) => (request.url.endsWith('/v1/hello') ? { status: 204 } : 'ok');
  const { url, close } = await sink.listen();
  try {
    bench.say('cold start, to fill the disk');
    await container.fill(await bench.release(), url);
    const start_ms: number[] = [];
    const node_ms: number[] = [];
    // The first round warms both up.
    for (let round = 0; round <= rounds; round++) {
      bench.signal.throwIfAborted();
      const start = await container.start({ SPOTRIG_COLLECTOR: url });
      const node = await timeOfNode(await container.node());
      if (round === 0) continue;
      start_ms.push(start);
      node_ms.push(node);
      if (round % 5 === 0 || round === rounds) {
        bench.say(`round ${round} of ${rounds}: median ${median(start_ms).toFixed(1)} ms, node -e 0 ${median(node_ms).toFixed(1)} ms`); // prettier-ignore
      }
    }
    const phases: Phases[] = [];
    for (let round = 0; round < traced; round++) {
      bench.signal.throwIfAborted();
      phases.push(await container.traced({ SPOTRIG_COLLECTOR: url }));
    }
    const base = median(node_ms);
    const middle = (of: keyof Phases): string => median(phases.map((p) => p[of])).toFixed(1);
    const against = `node -e 0: ${base.toFixed(1)} ms`;
    return {
      rows: [
        atMost('warm start, median', `${median(start_ms).toFixed(1)} ms`, against, median(start_ms) / base, MEDIAN_MAX),
        atMost('warm start, p90', `${quantile(start_ms, 0.9).toFixed(1)} ms`, against, quantile(start_ms, 0.9) / base, P90_MAX),
        plain(
          'warm start, where it goes',
          `head ${middle('head_ms')} ms, Node ${middle('node_ms')} ms`,
          `load ${middle('load_ms')} ms, to spawn ${middle('work_ms')} ms, exec ${middle('exec_ms')} ms`,
        ),
      ], // prettier-ignore
      values: { start_ms, node_ms, phases },
    };
  } finally {
    await close();
    await container.remove();
  }
}

/** Time of `node -e 0` in ms. */
async function timeOfNode(node: string): Promise<number> {
  const script = 'begun=$EPOCHREALTIME; "$0" -e 0 || exit; echo "$begun $EPOCHREALTIME"';
  const argv = ['/bin/bash', '-c', script, node];
  const { code, stdout } = await runForOutput({ argv, env: { PATH }, timeoutMs: 60_000, maxBytes: 100 });
  if (code !== 0) throw new Error(`node -e 0 ended with ${code}`);
  const [begun, ended] = stdout.split(' ');
  return (Number(ended) - Number(begun)) * 1000;
}

/** The disk of one rented container, and starts of the script on it. */
class Container {
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

  /** Puts the script and the miner there, and lets a first start fetch the artefacts. */
  async fill(release: string, sink: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await copyFile(join(release, 'entrypoint.sh'), this.#script);
    await writeFile(this.#miner, `#!/bin/bash\necho "$EPOCHREALTIME $$" >'${this.#mark}'\nexec sleep infinity\n`);
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
      load_ms: trace.loop - trace.preloaded,
      work_ms: trace.spawn - trace.loop,
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
      ...{ PATH, HOME: this.#dir, SPOTRIG_HOME: this.#home, WORKER_NAME: 'rig-1', SPOTRIG_WALLET: 'practice-wallet' },
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

async function endGroup(pid: number): Promise<void> {
  const id = await identify(pid);
  signalGroup(pid, 'SIGKILL');
  while (id !== null && (await isAlive(id))) await realClock.sleep(5);
}
