import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpRequest } from '../platform/http.ts';
import { silentLogger } from '../platform/logger.ts';
import { FakeClock } from '../test/fakes/clock.ts';
import { FakeCollector, type Fate } from '../test/fakes/report-collector.ts';
import type { LifecycleRecord } from '../wire/records.ts';
import type { EventInput } from './run-view.ts';
import { openSpool, type Spool } from './spool/spool.ts';
import { Uplink, type UplinkOptions } from './uplink.ts';

const BOOT = 'a'.repeat(32);
let dir = '';
let clock: FakeClock;
let collector: FakeCollector;
let events: EventInput[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplink-'));
  clock = new FakeClock();
  collector = new FakeCollector();
  events = [];
});
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  await rm(dir, { recursive: true });
});

function event(detail: string): LifecycleRecord {
  return { kind: 'lifecycle', at_ms: 1, event: 'x', level: 'info', detail, exit_code: null, signal: null, log: [] };
}

const opened: Spool[] = [];
async function spoolOf(boot = BOOT): Promise<Spool> {
  const spool = await openSpool({ dir, boot, onLoss: () => expect.unreachable('nothing is lost here') });
  opened.push(spool);
  return spool;
}

function uplinkOf(spool: Spool, o: Partial<UplinkOptions> = {}): Uplink {
  return new Uplink({
    worker: 'w1',
    token: 'sr1.k.w1.9999999999.mac',
    collectors: ['http://one.test'],
    pins: [],
    spool,
    clock,
    random: () => 0.5,
    http: collector.http,
    logger: silentLogger,
    onEvent: (e) => events.push(e),
    ...o,
  });
}

/** Lets time pass until `done`, or for `maxMs`; returns the time it took. */
async function pass(
  maxMs: number,
  done: () => boolean = () => false,
  stepMs = maxMs > 100_000 ? 5000 : 100,
): Promise<number> {
  const begin = clock.monoMs();
  while (clock.monoMs() - begin < maxMs && !done()) {
    await clock.advance(stepMs);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve)); // disk and zlib
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return clock.monoMs() - begin;
}

async function finish(uplink: Uplink, deadlineMs: number): Promise<number> {
  let ended = false;
  void uplink.finish(deadlineMs).then(() => (ended = true));
  return pass(60_000, () => ended);
}

const refuse =
  (status: number, body: object = {}, headers: Record<string, string> = {}) =>
  (): Fate => ({ status, headers, body: Buffer.from(JSON.stringify(body)) });

describe('uplink', () => {
  it('sends what waits, acknowledges it, and sleeps until it is woken', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    const uplink = uplinkOf(spool);
    await pass(5000, () => spool.stats().reports === 0);
    expect(collector.stored).toMatchObject([{ v: 1, worker: 'w1', boot: BOOT, seq: 0, records: [event('one')] }]);
    expect(collector.seen[0]?.headers).toMatchObject({
      authorization: 'Bearer sr1.k.w1.9999999999.mac',
      'content-encoding': 'gzip',
    });
    await spool.append([event('two')]);
    uplink.wake();
    await pass(5000, () => spool.stats().reports === 0);
    expect(collector.stored).toHaveLength(2);
    await finish(uplink, 1000);
  });

  it('catches up after an outage at no more than five reports a second', async () => {
    const spool = await spoolOf();
    for (let i = 0; i < 20; i++) await spool.append([event(String(i))]);
    const uplink = uplinkOf(spool);
    const took = await pass(60_000, () => spool.stats().reports === 0);
    expect(took).toBeGreaterThanOrEqual(19 * 200);
    expect(took).toBeLessThan(20_000);
    await finish(uplink, 1000);
  });

  it('waits as Retry-After says, but no longer than five minutes', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    collector.fate = refuse(429, { error: 'too_many' }, { 'retry-after': '99999' });
    const uplink = uplinkOf(spool);
    await pass(1000, () => collector.seen.length === 1);
    collector.fate = () => 'ok';
    await pass(298_000, () => false, 2000);
    expect(collector.seen).toHaveLength(1);
    await pass(5000, () => spool.stats().reports === 0);
    expect(collector.stored).toHaveLength(1);
    await finish(uplink, 1000);
  });

  it('says once that the token is refused, keeps everything, and tries again every five minutes', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    collector.fate = refuse(401, { error: 'token_expired' });
    const uplink = uplinkOf(spool);
    await pass(700_000, () => collector.seen.length === 3);
    expect(collector.seen).toHaveLength(3);
    expect(events).toMatchObject([
      { event: 'collector_refused', level: 'error', detail: 'collector refused the token: 401 token_expired' },
    ]);
    expect(spool.stats().reports).toBe(1);
    await finish(uplink, 1000);
  });

  it('sets a report aside that the collector will never take, and says which field was wrong', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    await spool.append([event('two')]);
    collector.fate = () =>
      collector.seen.length === 1 ? refuse(422, { error: 'bad_body', field: 'records.0' })() : 'ok';
    const uplink = uplinkOf(spool);
    await pass(5000, () => spool.stats().reports === 0);
    expect(collector.stored.map((e) => e.seq)).toEqual([1]);
    expect(events[0]?.detail).toBe('report 0 with 1 records dropped: 422 bad_body at records.0');
    await finish(uplink, 1000);
  });

  it('believes only the collector itself: pages of a proxy and wrong acknowledgements lose nothing', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    const page = Buffer.from('<html>400</html>');
    const answers: Fate[] = [
      { status: 400, body: page },
      { status: 403, body: page },
      { status: 200, body: page },
      { status: 200, body: Buffer.from('{"acked":7}') },
      { status: 302, headers: { location: 'http://elsewhere.test' } },
    ];
    collector.fate = () => answers[collector.seen.length - 1] ?? 'ok';
    const uplink = uplinkOf(spool);
    await pass(120_000, () => spool.stats().reports === 0);
    expect(collector.stored).toHaveLength(1);
    expect(events).toEqual([]);
    await finish(uplink, 1000);
  });

  it('goes to the next collector, stays there, and comes back to the first after a while', async () => {
    const spool = await spoolOf();
    const hosts = (): string[] => collector.seen.map((r) => new URL(r.url).hostname);
    collector.fate = (r) => (r.url.startsWith('http://one.') ? 'drop_before' : 'ok');
    const uplink = uplinkOf(spool, { collectors: ['http://one.test/', 'https://two.test'] });
    for (let i = 0; i < 40; i++) {
      await spool.append([event(String(i))]);
      uplink.wake();
      await pass(15_000, () => false, 1000);
    }
    expect(collector.stored).toHaveLength(40);
    const tried = hosts().filter((h) => h === 'one.test').length;
    expect(tried).toBeGreaterThan(3);
    expect(tried).toBeLessThan(15);
    collector.fate = () => 'ok';
    await pass(300_000);
    await spool.append([event('last')]);
    uplink.wake();
    await pass(5000, () => spool.stats().reports === 0);
    expect(hosts().at(-1)).toBe('one.test');
    await finish(uplink, 1000);
  }, 20_000);

  it('leaves a collector that is judged blocked for the next, drops none, and goes back when it is well', async () => {
    const spool = await spoolOf();
    const uplink = uplinkOf(spool, { collectors: ['http://one.test', 'http://two.test', 'http://three.test'] });
    const sentTo = async (detail: string): Promise<string | undefined> => {
      const seen = collector.seen.length;
      await spool.append([event(detail)]);
      uplink.wake();
      await pass(5_000, () => collector.seen.length > seen);
      return collector.seen.at(-1)?.url.replace(/\/v1\/reports$/, '');
    };
    expect(await sentTo('a')).toBe('http://one.test');
    uplink.setRanking([
      { url: 'http://one.test/', verdict: 'blocked:tls' },
      { url: 'http://two.test', verdict: 'degraded' },
      { url: 'http://stranger.test', verdict: 'reachable' },
    ]);
    expect(await sentTo('b')).toBe('http://three.test'); // nothing bad is known of it
    uplink.setRanking([{ url: 'http://three.test', verdict: 'blocked:tcp' }]);
    expect(await sentTo('c')).toBe('http://two.test');
    collector.fate = ({ url }) => (url.startsWith('http://two.test') ? 'drop_before' : 'ok');
    await sentTo('d');
    await pass(5_000, () => collector.stored.length === 4);
    expect(collector.seen.at(-1)?.url).toBe('http://one.test/v1/reports'); // blocked, but better than none
    uplink.setRanking([{ url: 'http://one.test', verdict: 'reachable' }]);
    expect(await sentTo('e')).toBe('http://one.test');
    await finish(uplink, 1000);
  });

  it('goes through an export while no direct collector works, says so, and goes back', async () => {
    const spool = await spoolOf();
    const ways: string[] = [];
    const uplink = uplinkOf(spool, {
      collectors: ['http://one.test#frp=c', 'http://one.test/', 'http://two.test'],
      exportPort: () => 4100,
      http: (r) => {
        ways.push(`${new URL(r.url).host}${r.connectTo === undefined ? '' : ` by ${String(r.connectTo.port)}`}`);
        return collector.http(r);
      },
    });
    const send = async (detail: string): Promise<string | undefined> => {
      const { length } = collector.stored;
      await spool.append([event(detail)]);
      uplink.wake();
      await pass(60_000, () => collector.stored.length > length);
      return ways.at(-1);
    };
    expect(await send('a')).toBe('one.test');
    // Direct ones fail: it is asked after all of them, and again first when their time has come.
    let isDirectWell = false;
    collector.fate = () => (isDirectWell || ways.at(-1)?.includes('by') === true ? 'ok' : 'drop_before');
    expect(await send('b')).toBe('one.test by 4100');
    expect(ways.slice(1)).toEqual(['one.test', 'two.test', 'one.test by 4100']);
    isDirectWell = true;
    await pass(10_000);
    expect(await send('c')).toBe('one.test');
    // Blocked ones stand behind it, whatever is asked of them.
    uplink.setRanking([
      { url: 'http://one.test', verdict: 'blocked:tls' },
      { url: 'http://two.test', verdict: 'blocked:throttled' },
    ]);
    expect(await send('d')).toBe('one.test by 4100');
    uplink.setRanking([{ url: 'http://two.test', verdict: 'inconclusive' }]);
    expect(await send('e')).toBe('two.test');
    expect(events.map((e) => e.event)).toEqual([
      ...['frp_egress_used', 'frp_egress_left', 'frp_egress_used', 'frp_egress_left'],
    ]);
    await finish(uplink, 1000);
  });

  it('uses no export where there is no way to any', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    const uplink = uplinkOf(spool, { collectors: ['http://one.test#frp=c', 'http://two.test'] });
    await pass(5000, () => spool.stats().reports === 0);
    expect(collector.seen.map(({ url }) => url)).toEqual(['http://two.test/v1/reports']);
    await finish(uplink, 1000);
  });

  it('tries everyone once more when it has to finish, and ends in time when one hangs', async () => {
    const spool = await spoolOf();
    await spool.append([event('one')]);
    collector.fate = refuse(503, {}, { 'retry-after': '200' });
    const uplink = uplinkOf(spool);
    await pass(2000, () => collector.seen.length === 1);
    collector.fate = () => 'ok';
    await finish(uplink, 3000);
    expect(collector.stored).toHaveLength(1);

    const hanging = uplinkOf(spool, {
      http: (r) => new Promise((_, reject) => r.signal?.addEventListener('abort', () => reject(new Error('cut off')))),
    });
    await spool.append([event('two')]);
    hanging.wake();
    await pass(1000);
    expect(await finish(hanging, 3000)).toBeLessThanOrEqual(3500);
    expect(spool.stats().reports).toBe(1);
  });

  it('speaks HTTP as the collector reads it', async () => {
    const server = await collector.listen();
    const spool = await spoolOf();
    await spool.append([event('one')]);
    const uplink = uplinkOf(spool, { collectors: [`${server.url}/`], http: httpRequest });
    await pass(20_000, () => spool.stats().reports === 0);
    expect(collector.seen[0]).toMatchObject({ url: '/v1/reports', headers: { 'content-type': 'application/json' } });
    expect(collector.stored).toHaveLength(1);
    await finish(uplink, 1000);
    await server.close();
  });
});

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fate>('ok') },
  fc.constantFrom<Fate>(
    'drop_before',
    'drop_after',
    { status: 503 },
    { status: 429, headers: { 'retry-after': '20' } },
    { status: 502, body: Buffer.from('<html>') },
  ),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('report' as const) },
  fc.constantFrom('restart' as const, 'new_boot' as const, 'outage' as const),
);

describe('at least once, stored once', () => {
  it('whatever the collector and the restarts do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.array(fate, { minLength: 1 }), async (steps, fates) => {
        dir = await mkdtemp(join(tmpdir(), 'uplink-'));
        clock = new FakeClock();
        collector = new FakeCollector();
        let turn = 0;
        let down = false;
        collector.fate = () => (down ? 'drop_before' : (fates[turn++ % fates.length] ?? 'ok'));
        let boots = 0;
        const boot = (): string => boots.toString(16).padStart(32, '0');
        let spool = await spoolOf(boot());
        // A killed uplink: whatever it still does, its requests reach nobody and its marks are not written.
        let alive = { now: true };
        const begin = (): Uplink => {
          const mine = { now: true };
          alive = mine;
          const of = spool;
          return uplinkOf(of, {
            collectors: ['http://one.test', 'http://two.test'],
            http: (r) => (mine.now ? collector.http(r) : new Promise(() => undefined)),
            spool: {
              peek: (n) => of.peek(n),
              ack: (seq) => (mine.now ? of.ack(seq) : new Promise(() => undefined)),
            },
          });
        };
        let uplink = begin();
        const written = new Set<string>();
        for (const s of steps) {
          if (s === 'report') {
            written.add(`${boot()} ${await spool.append([event('x')])}`);
            uplink.wake();
          } else if (s === 'outage') down = !down;
          else {
            alive.now = false;
            await spool.close();
            if (s === 'new_boot') boots++;
            spool = await spoolOf(boot());
            uplink = begin();
          }
          await pass(300);
        }
        down = false;
        collector.fate = () => 'ok';
        await pass(900_000, () => spool.stats().reports === 0);
        const stored = collector.stored.map((e) => `${e.boot} ${e.seq}`);
        expect(stored.toSorted()).toEqual([...written].toSorted());
        await finish(uplink, 1000);
        await rm(dir, { recursive: true });
        dir = await mkdtemp(join(tmpdir(), 'uplink-'));
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
