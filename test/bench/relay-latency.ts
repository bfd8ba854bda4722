// What the relay adds to a line's way, in each direction. The miner's end and the pool's end of every connection are in this
// process, so one clock times both, and nothing else happens in it meanwhile; the relay is a process of its own, with the
// flags of the worker's Node. Lines go one at a time with a pause between: directly, through a bare pipe, through the relay, in
// turn. The pipe shows what a third process costs on this machine whatever it does. CPU time is the whole process's per thousand
// lines, both directions together, each of which wakes it up once.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { realClock } from '../../platform/clock.ts';
import { ROOT } from '../../scripts/release/release.ts';
import { readReleaseSettings } from '../../scripts/release/settings.ts';
import type { Bench, Findings, Measurement, Row } from './measurement.ts';
import { median, quantile } from './statistics.ts';

const SERVER = join(import.meta.dirname, 'relay-server.ts');
const ADDED_P99_MAX_MS = 0.3;
const PAUSE_MS = 2;
const LINES_PER_ROUND = 400;

/** Latency that the relay adds. */
export const relayLatency: Measurement = { name: 'relay', about: 'latency that the relay adds to a line', run };

const ARMS = ['direct', 'pipe', 'relay'] as const;
type Arm = (typeof ARMS)[number];

/** The miner's submit to the pool, the pool's answer to the miner. */
const WAYS = { up_ms: 'miner to pool', down_ms: 'pool to miner' } as const;
type Trip = Record<keyof typeof WAYS, number>;

async function run(bench: Bench): Promise<Findings> {
  const count = bench.quick ? 3 : 20;
  const pool = createServer({ noDelay: true });
  pool.listen(0, '127.0.0.1');
  await once(pool, 'listening');
  const { port } = pool.address() as AddressInfo;
  try {
    await using pipe = await startBetween('pipe', port);
    await using relay = await startBetween('relay', port);
    const paths = {
      direct: await Path.open(pool, port),
      pipe: await Path.open(pool, pipe.port),
      relay: await Path.open(pool, relay.port),
    };
    const rounds: Record<Arm, Trip[]>[] = [];
    // The first round warms all up.
    for (let round = 0; round <= count; round++) {
      const trips: Record<Arm, Trip[]> = { direct: [], pipe: [], relay: [] };
      for (let line = 0; line < LINES_PER_ROUND; line++) {
        bench.signal.throwIfAborted();
        for (const arm of ARMS) trips[arm].push(await paths[arm].trip());
      }
      if (round > 0) rounds.push(trips);
      if (round % 5 === 0) bench.say(`round ${round} of ${count}, ${LINES_PER_ROUND} lines each`);
    }
    for (const arm of ARMS) paths[arm].end();
    const [spent, spentByPipe] = [await relay.end(), await pipe.end()];
    const sent = (count + 1) * LINES_PER_ROUND;
    if (spent.accepted !== sent) throw new Error(`the relay's meter saw ${spent.accepted} accepted shares of ${sent}`);
    const found = findings(rounds);
    const thousands = (2 * sent) / 1000;
    const cpu = { pipe: spentByPipe.cpu_ms / thousands, relay: spent.cpu_ms / thousands };
    return { rows: [...found.rows, cpuRow(cpu)], values: { ...found.values, cpu_ms_per_1000_lines: cpu } };
  } finally {
    pool.close();
  }
}

/** What a process tells at its end: accepted shares that it saw, and its CPU time. */
interface Spent {
  accepted: number;
  cpu_ms: number;
}

/** Quantiles are taken in each round, and of those the median: a hiccup of the machine spoils one round, not all. */
function findings(rounds: readonly Record<Arm, Trip[]>[]): Findings {
  const rows: Row[] = [];
  const values: Record<string, Record<Arm, number>> = {};
  for (const way of ['up_ms', 'down_ms'] as const) {
    for (const percent of [50, 99]) {
      const of = (arm: Arm): number =>
        median(rounds.map((trips) => quantile(trips[arm].map((trip) => trip[way]), percent / 100))); // prettier-ignore
      const ms = { direct: of('direct'), pipe: of('pipe'), relay: of('relay') };
      values[`${way.replace('_ms', '')}_p${percent}_ms`] = ms;
      const added = ms.relay - ms.direct;
      const isBounded = percent === 99;
      rows.push({
        what: `relay, ${WAYS[way]}, p${percent}`,
        measured: `${ms.relay.toFixed(3)} ms, adds ${added.toFixed(3)} ms`,
        against: `direct: ${ms.direct.toFixed(3)} ms; bare pipe: ${ms.pipe.toFixed(3)} ms`,
        ratio: ms.relay / ms.direct,
        budget: isBounded ? `adds ≤ ${ADDED_P99_MAX_MS} ms` : null,
        isOk: isBounded ? added <= ADDED_P99_MAX_MS : null,
      });
    }
  }
  return { rows, values };
}

function cpuRow({ pipe, relay }: { pipe: number; relay: number }): Row {
  return {
    what: 'relay, CPU per 1,000 lines',
    measured: `${relay.toFixed(1)} ms`,
    against: `bare pipe: ${pipe.toFixed(1)} ms`,
    ratio: relay / pipe,
    budget: null,
    isOk: null,
  };
}

/** Starts relay-server.ts with the worker's Node flags. */
async function startBetween(which: 'pipe' | 'relay', poolPort: number) {
  const { node_flags } = await readReleaseSettings(join(ROOT, 'release.toml'));
  const argv = [...node_flags, SERVER, which, String(poolPort)];
  const child = execa(process.execPath, argv, { stdin: 'pipe', stderr: 'inherit', reject: false });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const told = async (): Promise<Partial<Spent> & { port?: number }> =>
    JSON.parse(String((await lines.next()).value)) as Partial<Spent> & { port?: number };
  const { port } = await told();
  if (port === undefined) throw new Error(`the ${which} did not tell its port`);
  return {
    port,
    async end(): Promise<Spent> {
      child.stdin.end();
      const { accepted = NaN, cpu_ms = NaN } = await told();
      return { accepted, cpu_ms };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await child;
    },
  };
}

const JOB = ['1', '0'.repeat(64), '01000000', 'ffffffff', [], '20000000', '1d00ffff', '65a0bc00', true];

/** One miner's connection to the pool by one way: both ends. */
class Path {
  readonly #miner: Socket;
  readonly #pool: Socket;
  #id = 2;

  private constructor(miner: Socket, pool: Socket) {
    this.#miner = miner;
    this.#pool = pool;
  }

  /** Connects through `port` and logs in, so that the relay's meter is at work. */
  static async open(pool: Server, port: number): Promise<Path> {
    const arrival = once(pool, 'connection') as Promise<[Socket]>;
    const miner = connect({ host: '127.0.0.1', port, noDelay: true });
    const [arrived] = await arrival;
    const path = new Path(miner, arrived);
    await path.#pass(miner, arrived, { id: 1, method: 'mining.subscribe', params: ['bench/1'] });
    await path.#pass(arrived, miner, { id: 1, result: [[], '00000000', 4], error: null });
    await path.#pass(miner, arrived, { id: 2, method: 'mining.authorize', params: ['wallet.rig', 'x'] });
    await path.#pass(arrived, miner, { id: 2, result: true, error: null });
    await path.#pass(arrived, miner, { id: null, method: 'mining.set_difficulty', params: [1] });
    await path.#pass(arrived, miner, { id: null, method: 'mining.notify', params: JOB });
    return path;
  }

  /** One submit and its answer, after a pause. */
  async trip(): Promise<Trip> {
    this.#id += 1;
    const params = ['wallet.rig', '1', '00000000', '65a0bc00', this.#id.toString(16).padStart(8, '0')];
    await realClock.sleep(PAUSE_MS);
    const up_ms = await this.#pass(this.#miner, this.#pool, { id: this.#id, method: 'mining.submit', params });
    const down_ms = await this.#pass(this.#pool, this.#miner, { id: this.#id, result: true, error: null });
    return { up_ms, down_ms };
  }

  end(): void {
    this.#miner.destroy();
    this.#pool.destroy();
  }

  /** Sends a line from one end; ms until the other end has it. */
  #pass(from: Socket, to: Socket, message: object): Promise<number> {
    const line = `${JSON.stringify(message)}\n`;
    return new Promise((resolve) => {
      const sentAt = performance.now();
      to.once('data', () => resolve(performance.now() - sentAt));
      from.write(line);
    });
  }
}
