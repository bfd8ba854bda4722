// What the relay adds to a line's way, in each direction. The miner's end and the pool's end of every connection are in this
// process, so one clock times both, and nothing else happens in it meanwhile; the relay is a process of its own, with the
// flags of the worker's Node. Lines go one at a time with a pause between, once through the relay, once directly, in turn.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { realClock } from '../../platform/clock.ts';
import { ROOT } from '../../scripts/release/release.ts';
import { readReleaseSettings } from '../../scripts/release/settings.ts';
import type { Bench, Findings, Measurement, Row } from './measurement.ts';
import { quantile } from './statistics.ts';

const ADDED_P99_MAX_MS = 0.3;
const PAUSE_MS = 2;
const WARM_UP = 200;

/** Latency that the relay adds. */
export const relayLatency: Measurement = { name: 'relay', about: 'latency that the relay adds to a line', run };

/** Times of one line each: the miner's submit to the pool, the pool's answer to the miner. */
interface Trip {
  up_ms: number;
  down_ms: number;
}

async function run(bench: Bench): Promise<Findings> {
  const lines = bench.quick ? 1000 : 8000;
  const pool = await listen();
  const { node_flags } = await readReleaseSettings(join(ROOT, 'release.toml'));
  const server = join(import.meta.dirname, 'relay-server.ts');
  const { port } = pool.address() as AddressInfo;
  const url = `stratum+tcp://127.0.0.1:${port}`;
  const relay = execa(process.execPath, [...node_flags, server, url], { stdin: 'pipe', stderr: 'inherit' });
  try {
    const told = createInterface({ input: relay.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<Record<string, number>> => JSON.parse(String((await told.next()).value)) as Record<string, number>; // prettier-ignore
    const direct = await Path.open(pool, port);
    const relayed = await Path.open(pool, (await next())['port'] ?? 0);
    const trips: { direct: Trip[]; relayed: Trip[] } = { direct: [], relayed: [] };
    for (let line = 0; line < WARM_UP + lines; line++) {
      bench.signal.throwIfAborted();
      const pair = { direct: await direct.trip(), relayed: await relayed.trip() };
      if (line < WARM_UP) continue;
      trips.direct.push(pair.direct);
      trips.relayed.push(pair.relayed);
      if (trips.direct.length % (lines / 4) === 0) bench.say(`${trips.direct.length} of ${lines} lines`);
    }
    direct.end();
    relayed.end();
    relay.stdin.end();
    // Proof that the relay read all of it along.
    const { accepted } = await next();
    if (accepted !== WARM_UP + lines) throw new Error(`the relay's meter saw ${accepted} accepted shares`);
    return findings(trips);
  } finally {
    relay.kill();
    await relay.catch(() => undefined);
    pool.close();
  }
}

function findings(trips: { direct: Trip[]; relayed: Trip[] }): Findings {
  const rows: Row[] = [];
  const values: Record<string, number> = {};
  for (const [way, name] of [['up_ms', 'miner to pool'], ['down_ms', 'pool to miner']] as const) {
    for (const [q, title] of [[0.5, 'p50'], [0.99, 'p99']] as const) {
      const [relayed, direct] = [quantile(trips.relayed.map((t) => t[way]), q), quantile(trips.direct.map((t) => t[way]), q)];
      const added = relayed - direct;
      values[`${way.replace('_ms', '')}_${title}_relayed_ms`] = relayed;
      values[`${way.replace('_ms', '')}_${title}_direct_ms`] = direct;
      rows.push({
        what: `relay, ${name}, ${title}`,
        measured: `${relayed.toFixed(3)} ms (adds ${added.toFixed(3)} ms)`,
        against: `direct: ${direct.toFixed(3)} ms`,
        ratio: relayed / direct,
        budget: q === 0.99 ? `adds ≤ ${ADDED_P99_MAX_MS} ms` : null,
        isOk: q === 0.99 ? added <= ADDED_P99_MAX_MS : null,
      });
    }
  }
  return { rows, values };
} // prettier-ignore

async function listen(): Promise<Server> {
  const server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const JOB = ['1', '0'.repeat(64), '01000000', 'ffffffff', [], '20000000', '1d00ffff', '65a0bc00', true];

/** One miner's connection to the pool, direct or relayed: both ends. */
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

  /** One submit and its answer. */
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
