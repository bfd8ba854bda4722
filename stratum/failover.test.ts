// Several endpoints behind one relay, over real sockets: what a miner sees when one of them fails in one way or another.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { makeCertificate } from '../test/fakes/certificate.ts';
import type { Stall } from '../wire/reachability.ts';
import type { RelayEvent } from './pool-choice.ts';
import { parsePoolUrl, throughVisitors } from './pool-url.ts';
import { startRelay, type Relay, type RelayTimers } from './relay.ts';
import type { EndpointRank } from './route.ts';
import { ShareMeter } from './share-meter.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

type Behaviour =
  'serves' | 'refuses_login' | 'resets' | 'ends' | 'silent' | 'page' | 'mute_after_login' | 'deaf_after_login';

/** A pool of the bitcoin dialect that takes every share, or misbehaves. */
class FakePool {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  behaviour: Behaviour = 'serves';
  connections = 0;
  accepted = 0;
  readonly logins: string[] = [];

  constructor(make: (onConnection: (socket: Socket) => void) => Server = (on) => createServer(on)) {
    this.#server = make((socket) => this.#serve(socket));
    cleanups.push(() => this.close());
  }

  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `stratum+tcp://127.0.0.1:${String(this.port)}`;
  }

  /** What a censor does to connections that stand. */
  reset(): void {
    for (const socket of this.#sockets) {
      if (socket instanceof TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.behaviour === 'resets') return void socket.resetAndDestroy();
    if (this.behaviour === 'ends') return void socket.end();
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      const lines = (text += chunk.toString()).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines)
        this.#answer(socket, JSON.parse(line) as { id: number; method: string; params: string[] });
    });
  }

  #answer(socket: Socket, { id, method, params }: { id: number; method: string; params: string[] }): void {
    const say = (message: object): void => void socket.write(`${JSON.stringify(message)}\n`);
    if (this.behaviour === 'silent') return;
    if (this.behaviour === 'page')
      return void socket.write('HTTP/1.1 302 Found\r\nLocation: http://block.example/\r\n\r\n');
    if (method === 'mining.authorize') {
      this.logins.push(params.join(' '));
      if (this.behaviour === 'refuses_login') return say({ id, result: null, error: [24, 'no such wallet', null] });
      say({ id, result: true, error: null });
      say({ id: null, method: 'mining.set_difficulty', params: [1] });
      return say({ id: null, method: 'mining.notify', params: ['a'] });
    }
    if (this.behaviour === 'mute_after_login') return;
    if (this.behaviour === 'deaf_after_login') return say({ id: null, method: 'mining.notify', params: ['b'] });
    this.accepted += 1;
    say({ id, result: true, error: null });
  }
}

const FAST: Partial<RelayTimers> = {
  ...{ retryMs: 5, retryMaxMs: 40, holdMs: 50, servedMs: 60_000, calmMs: 600_000 },
  ...{ firstReplyMs: 80, silentMs: 80, unansweredMs: 120, unackedMs: 60, leftSilentMs: 1000, lookMs: 10 },
  ...{ reconsiderMs: 10, moveMs: 0 },
};

interface Rig {
  relay: Relay;
  meter: ShareMeter;
  events: RelayEvent[];
  stalls: { url: string; stall: Stall }[];
  miner: Miner;
}

async function rig(
  urls: string[],
  o: { country?: string; timers?: Partial<RelayTimers>; visitorPort?: number } = {},
): Promise<Rig> {
  const pools = urls.map((url) => {
    const parsed = parsePoolUrl(url);
    if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
    return parsed.pool;
  });
  const endpoints = throughVisitors(pools, () => o.visitorPort ?? 0);
  const meter = new ShareMeter(realClock);
  const events: RelayEvent[] = [];
  const stalls: Rig['stalls'] = [];
  const relay = await startRelay({
    ...{ listenHost: '127.0.0.1', listenPort: 0, endpoints, meter, clock: realClock, logger: silentLogger },
    country: o.country ?? null,
    timers: { ...FAST, ...o.timers },
    onEvent: (event) => events.push(event),
    onStall: (url, stall) => stalls.push({ url, stall }),
  });
  cleanups.push(() => relay.close());
  const miner = new Miner(relay.port);
  cleanups.push(() => miner.stop());
  return { relay, meter, events, stalls, miner };
}

/** Logs in, hands in a share every few ms, and comes back when its connection ends; it knows nothing of pools. */
class Miner {
  readonly #port: number;
  #socket: Socket | null = null;
  #isStopped = false;
  accepted = 0;
  connections = 0;

  constructor(port: number) {
    this.#port = port;
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket?.destroy();
  }

  #connect(): void {
    this.connections += 1;
    const socket = connect(this.#port, '127.0.0.1');
    this.#socket = socket;
    let id = 2;
    const say = (method: string, params: string[]): void =>
      void socket.write(`${JSON.stringify({ id: (id += 1), method, params })}\n`);
    say('mining.authorize', ['wallet.rig', 'x']);
    const shares = setInterval(() => id > 3 && say('mining.submit', ['wallet.rig', 'a', '00', '00', '00']), 5);
    socket.on('data', (chunk: Buffer) => {
      // As miners do with what is no stratum.
      if (chunk[0] !== 0x7b) return void socket.destroy();
      if (chunk.includes('mining.notify')) id += 1;
      this.accepted += chunk.toString().split('"result":true').length - 1;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(shares);
      if (!this.#isStopped) setTimeout(() => this.#connect(), 5);
    });
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 8000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const rank = (pool: { url: string }, verdict: EndpointRank['verdict'], addresses: string[] = []): EndpointRank => ({
  ...{ url: pool.url, verdict, delay_ms: null, addresses },
});

describe('failover', () => {
  it('goes to the next endpoint within the same miner connection when the first cannot be dialled', async () => {
    const [dead, good] = [await new FakePool().listen(), await new FakePool().listen()];
    const url = dead.url;
    dead.close();
    const r = await rig([url, good.url]);
    await until('shares', () => good.accepted > 3);
    expect(r.miner.connections).toBe(1);
    expect(r.relay.state()).toMatchObject({ pool: good.url, served: 1, failure: null });
    expect(r.relay.state().endpoints).toMatchObject([{ trouble: 'connection_refused' }, { trouble: null }]);
    expect(r.events.map((e) => e.event)).toEqual(['pool_unreachable', 'pool_connected']);
  });

  it.each(['resets', 'ends', 'silent', 'page', 'refuses_login'] as const)(
    'leaves an endpoint that %s',
    async (behaviour) => {
      const [bad, good] = [await new FakePool().listen(), await new FakePool().listen()];
      bad.behaviour = behaviour;
      const r = await rig([bad.url, good.url]);
      await until('shares', () => good.accepted > 3);
      expect(bad.connections).toBe(1);
      expect(r.relay.state().pool).toBe(good.url);
      const trouble = {
        resets: 'connection_reset',
        ends: 'eof_error',
        silent: 'generic_timeout_error',
        page: 'json_parse_error',
        refuses_login: 'login_refused',
      };
      expect(r.relay.state().endpoints[0]?.trouble).toBe(trouble[behaviour]);
      const told = behaviour === 'refuses_login' ? 'pool_login_refused' : 'pool_unreachable';
      expect(r.events.map((e) => e.event)).toContain(told);
    },
  );

  it.each(['reset', 'silence', 'deafness'] as const)(
    'leaves a pool that served, at a %s, and keeps the totals',
    async (fault) => {
      const [first, second] = [await new FakePool().listen(), await new FakePool().listen()];
      const r = await rig([first.url, second.url]);
      await until('shares at the first', () => r.meter.totals().accepted_total > 5);
      first.behaviour = ({ reset: 'resets', silence: 'mute_after_login', deafness: 'deaf_after_login' } as const)[
        fault
      ];
      if (fault === 'reset') first.reset();
      await until('shares at the second', () => second.accepted > 5);
      expect(r.relay.state().pool).toBe(second.url);
      expect(r.events.map((e) => e.event)).toEqual([
        'pool_connected',
        'pool_disconnected',
        'pool_switched',
        'pool_connected',
      ]);
      const why = fault === 'reset' ? 'connection_reset' : 'generic_timeout_error';
      expect(r.events[2]?.detail).toBe(`from ${first.url} to ${second.url}: ${why}`);
      expect(r.stalls).toHaveLength(1);
      const [{ url, stall } = { url: '', stall: null }] = r.stalls;
      expect([url, stall?.end]).toEqual([first.url, fault === 'reset' ? 'rst' : 'silence']);
      expect(stall?.raw_bytes).toBeGreaterThan(100);
      expect(stall?.messages).toBeGreaterThan(0);
      // The pool's kernel took what was sent: silent, but no lossy path.
      expect(stall?.tx_unacked_bytes).toBe(fault === 'reset' ? null : 0);
      r.miner.stop();
      await until('all is told', () => r.relay.state().connections === 0);
      const window = r.meter.takeWindow();
      expect(window.pool).toBe(second.url);
      expect(first.accepted + second.accepted - window.accepted_total).toBeLessThanOrEqual(window.unanswered_total);
      expect(window.accepted_total).toBeGreaterThan(10);
    },
  );

  it('falls back when the preferred endpoint is well again after its calm time', async () => {
    const [first, second] = [await new FakePool().listen(), await new FakePool().listen()];
    const r = await rig([first.url, second.url], { timers: { calmMs: 150 } });
    await until('shares at the first', () => first.accepted > 2);
    first.behaviour = 'resets';
    first.reset();
    await until('shares at the second', () => second.accepted > 2);
    first.behaviour = 'serves';
    const before = first.accepted;
    await until('shares at the first again', () => first.accepted > before + 2);
    expect(r.events.filter((e) => e.event === 'pool_switched').map((e) => e.detail.split(': ')[1])).toEqual([
      'connection_reset',
      'the preferred one is well again',
    ]);
  });

  it('leaves a blocked endpoint by the ranking, and stays where no other is better', async () => {
    const [first, second] = [await new FakePool().listen(), await new FakePool().listen()];
    const r = await rig([first.url, second.url]);
    await until('shares at the first', () => first.accepted > 2);
    r.relay.setRanking([rank(first, 'blocked:throttled'), rank(second, 'reachable')], realClock.monoMs());
    await until('shares at the second', () => second.accepted > 2);
    expect(r.events.at(-2)).toMatchObject({ event: 'pool_switched' });
    expect(r.events.at(-2)?.detail).toContain('verdict blocked:throttled');
    r.relay.setRanking([rank(first, 'blocked:throttled'), rank(second, 'blocked:tcp')], realClock.monoMs());
    const { connections } = r.miner;
    const before = second.accepted;
    await until('more shares at the second', () => second.accepted > before + 5);
    expect(r.miner.connections).toBe(connections);
  });

  it('goes through frp while no direct one works, says so, and goes back', async () => {
    const [direct, exported] = [await new FakePool().listen(), await new FakePool().listen()];
    direct.behaviour = 'resets';
    const o = { timers: { calmMs: 1500 }, visitorPort: exported.port };
    const r = await rig(['frp+stcp://pool-a', direct.url], o);
    await until('shares through frp', () => exported.accepted > 2);
    expect(r.relay.state().pool).toBe('frp+stcp://pool-a');
    direct.behaviour = 'serves';
    await until('shares at the direct one', () => direct.accepted > 2);
    const before = direct.accepted;
    await until('more of them', () => direct.accepted > before + 20);
    expect(exported.connections).toBe(1);
    const told = r.events.filter((e) => e.event.startsWith('frp_') || e.event === 'pool_switched');
    expect(told.map((e) => e.event)).toEqual(['frp_egress_used', 'frp_egress_left', 'pool_switched']);
    expect(told[2]?.detail).toBe(`from frp+stcp://pool-a to ${direct.url}: a direct one is well again`);
  });

  it('goes back to a direct one that was measured well since it failed, before its time', async () => {
    const [direct, exported] = [await new FakePool().listen(), await new FakePool().listen()];
    direct.behaviour = 'resets';
    // Ten minutes and more are to pass: nothing but the measurement brings it back.
    const r = await rig([direct.url, 'frp+stcp://pool-a'], { visitorPort: exported.port });
    const beforeFailure = realClock.monoMs();
    await until('shares through frp', () => exported.accepted > 2);
    direct.behaviour = 'serves';
    const { connections } = direct;
    r.relay.setRanking([rank(direct, 'reachable')], beforeFailure - 60_000);
    r.relay.setRanking([rank(direct, 'inconclusive')], realClock.monoMs());
    const before = exported.accepted;
    await until('more shares through frp', () => exported.accepted > before + 20);
    expect(direct.connections).toBe(connections);
    r.relay.setRanking([rank(direct, 'reachable')], realClock.monoMs());
    await until('shares at the direct one', () => direct.accepted > 2);
    expect(r.relay.state().pool).toBe(direct.url);
  });

  it('does not leave a blocked one that works for a visitor with nothing behind it', async () => {
    const [direct, exported] = [await new FakePool().listen(), await new FakePool().listen()];
    exported.behaviour = 'ends';
    const r = await rig([direct.url, 'frp+stcp://pool-a'], { visitorPort: exported.port });
    await until('shares', () => direct.accepted > 2);
    r.relay.setRanking([rank(direct, 'blocked:throttled')], realClock.monoMs());
    await until('a look at the visitor', () => exported.connections > 0);
    const before = direct.accepted;
    await until('more shares', () => direct.accepted > before + 20);
    expect(r.miner.connections).toBe(1);
    expect(direct.connections).toBe(1);
  });

  it('uses the machine’s country first, and each endpoint’s own login', async () => {
    const [far, near] = [await new FakePool().listen(), await new FakePool().listen()];
    const own = near.url.replace('//', '//near.acc:pw@');
    await rig([far.url.replace('//', '//far.acc@'), `${own}#KZ`], { country: 'RU' });
    await until('shares', () => near.accepted > 2);
    expect(near.logins).toEqual(['near.acc pw']);
    near.behaviour = 'resets';
    near.reset();
    await until('shares elsewhere', () => far.accepted > 2);
    expect(far.logins).toEqual(['far.acc x']);
  });

  it('dials pinned addresses where the name lies', async () => {
    const pool = await new FakePool().listen();
    const url = `stratum+tcp://no-such-name.invalid:${String(pool.port)}`;
    const r = await rig([url]);
    await until('a failure', () => r.relay.state().failure !== null);
    r.relay.setRanking([rank({ url }, 'blocked:dns', ['127.0.0.1'])], realClock.monoMs());
    await until('shares', () => pool.accepted > 2);
  });

  it('does not storm pools that all fail, and comes back when one is well', async () => {
    const [a, b] = [await new FakePool().listen(), await new FakePool().listen()];
    a.behaviour = b.behaviour = 'ends';
    const r = await rig([a.url, b.url], { timers: { retryMs: 40, retryMaxMs: 80 } });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(a.connections + b.connections).toBeGreaterThan(4);
    expect(a.connections + b.connections).toBeLessThan(24);
    expect(r.events.length).toBe(2);
    b.behaviour = 'serves';
    await until('shares', () => b.accepted > 2);
  });

  it('mines over TLS, and refuses a changed key that nobody vouches for', async () => {
    const [ours, theirs] = [await makeCertificate(), await makeCertificate()];
    const server = createTlsServer(ours);
    const secure = await new FakePool((on) => server.on('secureConnection', on)).listen();
    const plain = await new FakePool().listen();
    const r = await rig([secure.url.replace('+tcp', '+ssl'), plain.url], { timers: { servedMs: 0 } });
    await until('shares over TLS', () => secure.accepted > 2);
    server.setSecureContext(theirs);
    // It served, so the end is forgiven, and it is dialled once more.
    secure.reset();
    await until('shares without TLS', () => plain.accepted > 2);
    const told = r.events.find((e) => e.event === 'pool_key_changed');
    expect(told).toMatchObject({ failure: 'ssl_unknown_authority' });
    expect(told?.detail).toContain(`its key is ${theirs.spki_sha256}, the one before was ${ours.spki_sha256}`);
  });
});
