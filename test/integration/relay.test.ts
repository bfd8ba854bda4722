// A real miner through the relay to a pool that checks every share: the meter must agree with the pool's books.
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { deliveredRate } from '../../stratum/interval.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import type { RelayEvent } from '../../stratum/pool-choice.ts';
import { startRelay, type Relay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';
import { startCryptonotePool } from '../rig/cryptonote-pool.ts';
import type { PracticePool } from '../rig/practice-pool.ts';
import { runMiner, type RunningMiner } from '../rig/run-miner.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';
import type { WorkerBook } from '../rig/share-books.ts';

const THROTTLE_HS = 50_000;

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface Rig {
  pool: PracticePool;
  relay: Relay;
  meter: ShareMeter;
  events: RelayEvent[];
  startMiner: () => Promise<RunningMiner>;
}

async function rig(dialect: 'bitcoin' | 'cryptonote', login: string): Promise<Rig> {
  const pool = await (dialect === 'bitcoin'
    ? startSha256dPool({ targetShareMs: 60, startDifficulty: 1e-6 })
    : startCryptonotePool({ targetShareMs: 60, startHashes: 3000, algo: 'practice-sha256d' }));
  cleanups.push(() => pool.close());
  const parsed = parsePoolUrl(`stratum+tcp://${login}127.0.0.1:${String(pool.port)}`);
  if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
  const meter = new ShareMeter(realClock);
  const events: RelayEvent[] = [];
  const relay = await startRelay({
    listenHost: '127.0.0.1',
    listenPort: 0,
    endpoints: [parsed.pool],
    clock: realClock,
    logger: silentLogger,
    meter,
    onEvent: (event) => events.push(event),
  });
  cleanups.push(() => relay.close());
  const startMiner = async (): Promise<RunningMiner> => {
    const miner = await runMiner({ port: relay.port, dialect, throttle_hs: THROTTLE_HS });
    cleanups.push(() => miner.stop());
    return miner;
  };
  return { pool, relay, meter, events, startMiner };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The only book of the pool, whose name it also gives. */
function onlyBook(pool: PracticePool): [string, WorkerBook] {
  const books = Object.entries(pool.stats().workers);
  const [only] = books;
  if (only === undefined || books.length !== 1) throw new Error(`expected one book, have ${String(books.length)}`);
  return only;
}

function sum(counts: Partial<Record<string, number>>): number {
  return Object.values(counts).reduce<number>((total, n) => total + (n ?? 0), 0);
}

describe.each([
  ['bitcoin', '', 'wallet.rig'],
  ['bitcoin', 'own.account:secret@', 'own.account'],
  ['cryptonote', '', 'wallet.rig'],
  ['cryptonote', 'own.account:secret@', 'own.account'],
] as const)('a %s miner through the relay (endpoint login %j)', (dialect, login, worker) => {
  it('leaves the same counts and the same work in the meter and in the pool’s books, and its rate inside the interval', async () => {
    const { pool, relay, meter, events, startMiner } = await rig(dialect, login);
    const miner = await startMiner();
    await until(() => meter.totals().accepted_total >= 40);
    const { hashes } = await miner.truth();
    const rate = meter.delivered(600_000);
    await miner.stop();
    await until(() => relay.state().connections === 0 && pool.stats().connections === 0);

    const record = meter.takeWindow();
    const [name, book] = onlyBook(pool);
    expect(name).toBe(worker);
    // A share on its way when the miner was killed may be in the books and unanswered here.
    expect(record.accepted + record.rejected + record.stale + record.unanswered).toBe(
      book.accepted + sum(book.rejected),
    );
    expect(record.unanswered).toBeLessThanOrEqual(1);
    expect(record).toMatchObject({ dialect, unmeasured: 0, accepted: book.accepted - record.unanswered });
    if (record.unanswered === 0) expect(record.work_hashes / book.work_hashes).toBeCloseTo(1, 9);
    expect(record.pool_rtt_ms).toBeGreaterThan(0);
    expect(events.map((e) => e.event)).toEqual(['pool_connected', 'pool_disconnected']);

    // At a confidence at which chance fails this test once in ten million runs.
    const true_hs = (hashes * 1000) / (rate.window_ms ?? 0);
    const sure = deliveredRate({ ...record, window_ms: rate.window_ms ?? 0, confidence: 1 - 1e-7 });
    expect(sure.low_hs).toBeLessThan(true_hs);
    expect(sure.high_hs).toBeGreaterThan(true_hs);
    expect(rate.low_hs).toBeLessThan(rate.rate_hs ?? 0);
    expect(rate.high_hs).toBeGreaterThan(rate.rate_hs ?? 0);
  });
});

describe('a pool that fails', () => {
  it('leaves shares without an answer as unanswered, and the miner comes back through the relay', async () => {
    const { pool, relay, meter, events, startMiner } = await rig('bitcoin', '');
    await startMiner();
    await until(() => meter.totals().accepted_total >= 5);
    pool.setAnswering(false);
    await until(() => onlyBook(pool)[1].unanswered >= 3);
    pool.dropConnections();
    await until(() => meter.totals().unanswered_total >= 3);
    pool.setAnswering(true);
    const before = meter.totals().accepted_total;
    await until(() => meter.totals().accepted_total >= before + 5);
    const [, book] = onlyBook(pool);
    // A share may have reached the relay and not the pool.
    expect(meter.totals().unanswered_total - book.unanswered).toBeGreaterThanOrEqual(0);
    expect(meter.totals().unanswered_total - book.unanswered).toBeLessThanOrEqual(1);
    expect(events.map((e) => e.event)).toEqual(['pool_connected', 'pool_disconnected', 'pool_connected']);
    expect(relay.state()).toMatchObject({ served: 1, failure: null });
  });
});
