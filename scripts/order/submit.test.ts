// Each order is taken at most once, whatever the API answers and wherever the command dies. The journal is on a real disk; the API is a
// fake in memory, and a death is an error that nothing catches, before or after any step that leaves the process.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../platform/clock.ts';
import { sleepWith } from '../../platform/clock.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { type Behaviour, FakeMarket } from '../../test/fakes/fake-market.ts';
import { rawMachine } from '../../test/fakes/markets.ts';
import { known } from './decide.ts';
import { parseFleet } from './fleet.ts';
import { JournalFile } from './journal-file.ts';
import { EMPTY_JOURNAL, type Entry, Journal, heldServers, runningOf } from './journal.ts';
import { MarketApi } from './market-api.ts';
import { plan } from './plan.ts';
import { snapshotTimeS } from './snapshot.ts';
import { type SentOrder, submitOrders } from './submit.ts';

const SETTLE_MS = 300_000;
const IMAGE = '0'.repeat(24);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-submit-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

class Killed extends Error {}

/** Dies before or after its nth step. */
class Fate {
  #steps = 0;
  readonly #diesAt: number;

  constructor(diesAt = Infinity) {
    this.#diesAt = diesAt;
  }

  get hasDied(): boolean {
    return this.#steps > this.#diesAt;
  }

  step(): void {
    if (this.#steps++ >= this.#diesAt) throw new Killed();
  }
}

const read = parseFleet(
  JSON.stringify({
    ...{ name: 'f', profile: 'ccr', image: IMAGE, pools: ['stratum+tcp://p.example.org:1'] },
    env: {
      SPOTRIG_COLLECTOR: 'https://c.example.org',
      SPOTRIG_MINER: 't-rex',
      SPOTRIG_ALGO: 'kawpow',
      SPOTRIG_WALLET: 'Rw',
    },
    ...{ bid: { rule: 'fixed', per_gpu: 1 }, gpu: { 'RTX 3070': { pl: 100 } } },
  }),
);
if (!('fleet' in read)) throw new Error(read.complaints.join());
const { fleet } = read;

/** Time that leaps over every sleep, for the market too. */
function leapingClock(market: FakeMarket): Clock & { slept: number[] } {
  let mono = 0;
  const slept: number[] = [];
  const clock = {
    slept,
    nowMs: () => market.now_s * 1000 + 500,
    monoMs: () => mono,
    setTimer: (ms: number, fn: () => void) => {
      mono += ms;
      market.now_s += Math.ceil(ms / 1000);
      slept.push(ms);
      queueMicrotask(fn);
      return () => undefined;
    },
    sleep: (ms: number) => sleepWith(clock, ms),
  };
  return clock;
}

interface Ran {
  sent: SentOrder[];
  slept: number[];
}

interface OpenJournal {
  readonly entries: readonly Entry[];
  write(entries: readonly Entry[], my_user_id?: string): Promise<void>;
}

/** A journal that outlives a run, as the file does, and costs no fsync: for very many runs. */
class MemoryJournal {
  #text = JSON.stringify(EMPTY_JOURNAL);

  readonly open = async (): Promise<OpenJournal> => {
    let journal = Journal.parse(JSON.parse(this.#text));
    return {
      get entries() {
        return journal.entries;
      },
      write: async (entries) => {
        this.#text = JSON.stringify({ v: 1, my_user_id: '77', entries });
        journal = Journal.parse(JSON.parse(this.#text));
      },
    };
  };
}

/** One run of the command's core. Null where it was killed. */
async function run(market: FakeMarket, fate = new Fate(), open?: () => Promise<OpenJournal>): Promise<Ran | null> {
  const clock = leapingClock(market);
  const file = await (open?.() ?? JournalFile.open(dir));
  const api = new MarketApi({
    ...{ base: 'http://market/v1', key: 'k' },
    ports: {
      ...{ clock, random: () => 0.5, say: () => undefined },
      request: async ({ url, method, headers, body }) => {
        fate.step();
        const path = url.replace('http://market/v1', '');
        const answer = market.handle(method ?? 'GET', path, headers?.['auth'], String(body ?? ''), 'http://market');
        fate.step();
        if (answer === null) throw new SpotrigError('http_timeout', 'no whole answer', { retryable: true });
        return { status: answer.status, headers: answer.headers, body: Buffer.from(answer.body) };
      },
    },
  });
  const journal = {
    get entries() {
      return file.entries;
    },
    write: async (entries: readonly Entry[]) => {
      fate.step();
      await file.write(entries, '77');
      fate.step();
    },
  };
  try {
    const told = await api.gigaspot();
    const snapshot = market.snapshot(snapshotTimeS(told.snapshot_url) ?? 0) as Record<string, unknown>;
    const seen = { snapshot, taken_ms: told.taken_ms, my_user_id: told.my_user_id, clore_usd: told.clore_usd };
    await journal.write(known(journal.entries, seen, SETTLE_MS));
    const { orders } = plan({
      ...{ fleet, image: IMAGE, banned: { servers: new Map(), hosts: new Map() }, ...seen, rigs: [] },
      ...{ held: heldServers(journal.entries), running: runningOf(journal.entries, 'f') },
      mint: (worker) => `sr1.k1.${worker}.1800000000.${'m'.repeat(43)}`,
    });
    return { sent: await submitOrders(orders, 'f', { api, journal }), slept: clock.slept };
  } catch (error) {
    if (error instanceof Killed || error instanceof SpotrigError) return null;
    throw error;
  }
}

function marketOf(count: number): FakeMarket {
  return new FakeMarket(Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i + 1), rawMachine({})])));
}

function servers(market: FakeMarket): number[] {
  return market.live.map(({ server }) => server).toSorted((a, b) => a - b);
}

describe('what the API answers', () => {
  const wanted = [1, 2, 3, 4];
  const cases: [behaviours: Behaviour[], results: string[] | string, afterwards: number[]][] = [
    [['well', 'well'], 'placed', wanted],
    [['well', 'too_many'], 'placed', wanted],
    [['well', 'too_many_unsaid', 'code_5', 'too_many'], 'placed', wanted],
    [['well', 'code_3'], 'not_sent', []],
    [['well', 'partial'], ['failed_to_oc', 'failed_to_rent', 'too_low', 'placed'], [4]],
    [['well', 'code_1'], 'unknown', []],
    [['well', 'status_500_before'], 'unknown', []],
    [['well', 'status_500_after'], 'unknown', wanted],
    [['well', 'page_after'], 'unknown', wanted],
    [['well', 'lost'], 'unknown', []],
    [['well', 'cut'], 'unknown', wanted],
  ];
  it.each(cases)('%j: %j', async (behaviours, results, afterwards) => {
    const market = marketOf(4);
    market.behaviours = behaviours;
    const ran = await run(market);
    const expected = typeof results === 'string' ? wanted.map(() => results) : results;
    expect(ran?.sent.map(({ result }) => result)).toEqual(expected);
    expect(servers(market)).toEqual(afterwards);
    // A second run at once sends nothing of which it cannot know; a later one places all the rest.
    await run(market);
    expect(market.twice).toEqual([]);
    market.now_s += 1000;
    await run(market);
    expect(servers(market)).toEqual(wanted);
    expect(market.twice).toEqual([]);
  });

  it('waits as long as Retry-After says, and else longer each time', async () => {
    const market = marketOf(1);
    market.behaviours = ['well', 'too_many', 'too_many_unsaid', 'code_5'];
    const { slept = [] } = (await run(market)) ?? {};
    // A second from any answer to the next request, and what the answer asks for.
    expect(slept.filter((ms) => ms !== 1000)).toEqual([7000, 1500, 3000]);
    expect(market.requests.filter(({ path }) => path.startsWith('/create'))).toHaveLength(4);
    expect(market.requests.every(({ key }) => key === 'k')).toBe(true);
  });

  it('gives up after eight refusals, and the orders are free for the next run', async () => {
    const market = marketOf(1);
    market.behaviours = ['well', ...Array.from({ length: 8 }, (): Behaviour => 'code_5')];
    expect((await run(market))?.sent).toMatchObject([{ result: 'not_sent' }]);
    expect((await run(market))?.sent).toMatchObject([{ result: 'placed' }]);
  });

  it('sends 64 orders in a request, and stops after two requests without a clear answer', async () => {
    const market = marketOf(300);
    market.behaviours = ['well', 'well', 'lost', 'cut'];
    const results = (await run(market))?.sent.map(({ result }) => result) ?? [];
    const runs = results.filter((result, i) => i === 0 || results[i - 1] !== result);
    expect(runs).toEqual(['placed', 'unknown', 'not_sent']);
    expect(results.filter((result) => result === 'unknown')).toHaveLength(128);
  });
});

describe('killed at any step', () => {
  it('no order is taken twice, and all are there in the end', async () => {
    let steps = 0;
    for (let diesAt = 0; ; diesAt++) {
      await rm(dir, { recursive: true, force: true });
      dir = await mkdtemp(join(tmpdir(), 'spotrig-submit-'));
      const market = marketOf(3);
      const fate = new Fate(diesAt);
      await run(market, fate);
      if (!fate.hasDied) break;
      steps += 1;
      // At once, while the snapshot is an old one; then with a new one; then once more.
      await run(market);
      expect(market.twice, `killed at step ${diesAt}`).toEqual([]);
      for (const later_s of [400, 400]) {
        market.now_s += later_s;
        await run(market);
      }
      expect(servers(market), `killed at step ${diesAt}`).toEqual([1, 2, 3]);
      expect(market.twice, `killed at step ${diesAt}`).toEqual([]);
    }
    // get_gigaspot, the journal, the journal again, create, the journal: before and after each.
    expect(steps).toBe(10);
  });
});

it('any answers, deaths, evictions and pauses: at most one order on a machine, and one on each in the end', async () => {
  const behaviour = fc.constantFrom<Behaviour[]>(
    ...([
      'well',
      'well',
      'too_many',
      'code_5',
      'code_1',
      'status_500_before',
      'status_500_after',
      'page_after',
    ] as const),
    ...(['partial', 'lost', 'cut', 'late', 'code_3'] as const),
  );
  const round = fc.record({
    behaviours: fc.array(behaviour, { maxLength: 5 }),
    diesAt: fc.option(fc.nat(14), { nil: Infinity, freq: 2 }),
    pause_s: fc.constantFrom(0, 1, 61, 130, 170, 400),
    evicts: fc.option(fc.integer({ min: 1, max: 4 }), { nil: 0, freq: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 6 }), async (rounds) => {
      const { open } = new MemoryJournal();
      const market = marketOf(4);
      for (const { behaviours, diesAt, pause_s, evicts } of rounds) {
        market.behaviours = [...behaviours];
        await run(market, new Fate(diesAt), open);
        market.evict(evicts);
        market.now_s += pause_s;
        expect(market.twice).toEqual([]);
      }
      market.behaviours = [];
      for (const later_s of [700, 700]) {
        market.now_s += later_s;
        await run(market, new Fate(), open);
      }
      expect(market.twice).toEqual([]);
      expect(servers(market)).toEqual([1, 2, 3, 4]);
    }),
    { numRuns: 150 },
  );
});
