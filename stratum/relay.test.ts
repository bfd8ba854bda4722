import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { parsePoolUrl } from './pool-url.ts';
import type { RelayEvent } from './pool-choice.ts';
import { startRelay, type Relay } from './relay.ts';
import { ShareMeter } from './share-meter.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** A pool that does what the test says; its connections in order of arrival. */
interface FakePool {
  server: Server;
  port: number;
  next(): Promise<Socket>;
}

async function fakePool(): Promise<FakePool> {
  const arrived: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    arrived.push(socket);
    server.emit('arrived');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const sockets: Socket[] = [];
  const next = async (): Promise<Socket> => {
    if (arrived.length === 0) await once(server, 'arrived');
    const socket = arrived.shift();
    if (socket === undefined) throw new Error('no connection');
    sockets.push(socket);
    return socket;
  };
  return { server, port: (server.address() as AddressInfo).port, next };
}

interface Rig {
  relay: Relay;
  meter: ShareMeter;
  events: RelayEvent[];
  miner(): Socket;
}

async function rig(port: number, login = '', algo = 'sha256d'): Promise<Rig> {
  const parsed = parsePoolUrl(`stratum+tcp://${login}127.0.0.1:${String(port)}`);
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
    algo,
    onEvent: (event) => events.push(event),
    timers: { retryMs: 1, retryMaxMs: 1 },
  });
  cleanups.push(() => relay.close());
  const miner = (): Socket => {
    const socket = connect(relay.port, '127.0.0.1');
    socket.on('error', () => undefined);
    cleanups.push(() => void socket.destroy());
    return socket;
  };
  return { relay, meter, events, miner };
}

/** Resolves when the condition holds; sockets give no one event for it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Reads so many bytes. */
async function read(socket: Socket, bytes: number): Promise<string> {
  let got = Buffer.alloc(0);
  while (got.length < bytes) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable');
    else got = Buffer.concat([got, chunk]);
  }
  return got.toString('latin1');
}

const SUBSCRIBE = '{"id": 1,  "method":"mining.subscribe","params":["m/1"]}\n';
const AUTHORIZE = '{"id":2,"method":"mining.authorize","params":["w.r","x"]}\r\n';
const SUBMIT = '{"id":3,"method":"mining.submit","params":["w.r","a","00","00","00"]}\n';
const WORK =
  '{"id":2,"result":true,"error":null}\n{"id":null,"method":"mining.set_difficulty","params":[1]}\n{"method":"mining.notify","params":["a"]}\n';

/** Miner and pool at the point where shares can be handed in. */
async function loggedIn(r: Rig, pool: FakePool): Promise<{ miner: Socket; upstream: Socket }> {
  const miner = r.miner();
  miner.write(SUBSCRIBE + AUTHORIZE);
  const upstream = await pool.next();
  await read(upstream, SUBSCRIBE.length + AUTHORIZE.length);
  upstream.write(WORK);
  await read(miner, WORK.length);
  return { miner, upstream };
}

describe('startRelay', () => {
  it.each([
    ['sha256d', 4_295_032_833],
    ['scrypt', 65_537],
    ['nexapow', null],
  ])('measures a share of %s by what its pools mean by difficulty 1: %s hashes', async (algo, hashes) => {
    const pool = await fakePool();
    const r = await rig(pool.port, '', algo);
    const { miner, upstream } = await loggedIn(r, pool);
    miner.write(SUBMIT);
    await read(upstream, SUBMIT.length);
    upstream.write('{"id":3,"result":true,"error":null}\n');
    await until(() => r.meter.totals().accepted_total === 1);
    const record = r.meter.takeWindow();
    expect(record).toMatchObject({ dialect: 'bitcoin', accepted: 1, unmeasured: hashes === null ? 1 : 0 });
    expect(record.share_work_hashes).toEqual(hashes === null ? null : expect.closeTo(hashes, 0));
    expect(record.work_hashes).toBeCloseTo(hashes ?? 0, 0);
  });

  it('passes the bytes of both directions unchanged, however they were cut', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const piece = fc.oneof(
      fc.constantFrom(SUBSCRIBE, AUTHORIZE, SUBMIT, WORK, '\n', '\r\n', '{"id":1', '漢', '\0'),
      fc.string({ maxLength: 2000 }),
    );
    const stream = fc.array(piece, { maxLength: 30 });
    const oneTalk = fc.asyncProperty(stream, stream, fc.integer({ min: 1, max: 700 }), async (up, down, size) => {
      const miner = r.miner();
      const upstream = await pool.next();
      const [toPool, toMiner] = [Buffer.from(up.join('')), Buffer.from(down.join(''))];
      const length = Math.max(toPool.length, toMiner.length);
      // A long talk is not cut into single bytes to its end: that would be tens of thousands of rounds.
      const step = Math.max(size, Math.ceil(length / 2000));
      for (let at = 0; at < length; at += step) {
        miner.write(toPool.subarray(at, at + step));
        upstream.write(toMiner.subarray(at, at + step));
        await new Promise((resolve) => setImmediate(resolve));
      }
      miner.end();
      upstream.end();
      const [gotPool, gotMiner] = await Promise.all([text(upstream), text(miner)]);
      expect(gotPool).toBe(toPool.toString());
      expect(gotMiner).toBe(toMiner.toString());
    });
    await fc.assert(oneTalk, { numRuns: 15 });
  });

  it('meters shares, and tells when the pool serves', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const { miner, upstream } = await loggedIn(r, pool);
    miner.write(SUBMIT);
    await read(upstream, SUBMIT.length);
    upstream.write('{"id":3,"result":true,"error":null}\n');
    await read(miner, 10);
    expect(r.meter.takeWindow()).toMatchObject({
      accepted: 1,
      unmeasured: 0,
      dialect: 'bitcoin',
      pool: r.relay.state().pool,
    });
    expect(r.relay.state()).toMatchObject({ connections: 1, served: 1, dialect: 'bitcoin', failure: null });
    expect(r.events.map((e) => e.event)).toEqual(['pool_connected']);
    miner.end();
    await text(upstream);
    upstream.end();
    await until(() => r.relay.state().connections === 0);
    expect(r.events.at(-1)).toMatchObject({ event: 'pool_disconnected', level: 'info', failure: null });
  });

  it.each(['end', 'resetAndDestroy'] as const)(
    'counts a submit as unanswered when the pool dies by %s',
    async (death) => {
      const pool = await fakePool();
      const r = await rig(pool.port);
      const { miner, upstream } = await loggedIn(r, pool);
      miner.write(SUBMIT);
      await read(upstream, SUBMIT.length);
      upstream[death]();
      miner.resume();
      await once(miner, 'end').catch(() => undefined);
      miner.end();
      await until(() => r.relay.state().connections === 0);
      expect(r.meter.takeWindow()).toMatchObject({ accepted: 0, rejected: 0, unanswered: 1 });
      const failure = death === 'end' ? 'eof_error' : 'connection_reset';
      expect(r.events.at(-1)).toMatchObject({ event: 'pool_disconnected', level: 'warn', failure });
      expect(r.relay.state().failure).toBe(failure);
    },
  );

  it('closes the miner’s connection when the pool is not reached, and tells it once', async () => {
    const pool = await fakePool();
    pool.server.close();
    await once(pool.server, 'close');
    const r = await rig(pool.port);
    for (let i = 0; i < 3; i += 1) await once(r.miner().resume(), 'close');
    expect(r.events).toHaveLength(1);
    expect(r.events[0]).toMatchObject({ event: 'pool_unreachable', failure: 'connection_refused' });
    await until(() => r.relay.state().connections === 0);
    expect(r.relay.state()).toMatchObject({ failure: 'connection_refused' });
  });

  it('calls a pool that accepts and leaves unreachable, and one that refuses the login by its own name', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const left = r.miner();
    (await pool.next()).end();
    await text(left);
    left.end();
    await until(() => r.relay.state().connections === 0);
    expect(r.events).toMatchObject([{ event: 'pool_unreachable', failure: 'eof_error' }]);
    const refused = r.miner();
    refused.write(SUBSCRIBE + AUTHORIZE);
    const upstream = await pool.next();
    await once(upstream, 'readable');
    upstream.end('{"id":2,"result":null,"error":[24,"Bad\\u0000 wallet",null]}\n');
    await text(refused);
    refused.end();
    await until(() => r.relay.state().connections === 0);
    expect(r.events.slice(1)).toMatchObject([{ event: 'pool_login_refused' }]);
    expect(r.events[1]?.detail).toContain('refused the login: Bad  wallet');
  });

  it('replaces the login in the lines that carry it, and in no other byte', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port, 'own.rig:se%3Acret@');
    const miner = r.miner();
    const other = '{"id":9,  "method":"mining.submit","params":["someone","a"]}\r\n';
    const sent = `${SUBSCRIBE}${AUTHORIZE}${SUBMIT}${other}no json\n{"id":10,"half`;
    for (const byte of Buffer.from(sent)) miner.write(Buffer.of(byte));
    miner.end();
    const upstream = await pool.next();
    const authorize = '{"id":2,"method":"mining.authorize","params":["own.rig","se:cret"]}\r\n';
    const submit = '{"id":3,"method":"mining.submit","params":["own.rig","a","00","00","00"]}\n';
    expect(await text(upstream)).toBe(`${SUBSCRIBE}${authorize}${submit}${other}no json\n{"id":10,"half`);
    upstream.end();
  });

  it('passes a dialect that it does not read, of any line length, and counts nothing', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port, 'own:x@');
    const miner = r.miner();
    const sent = `{"id":0,"method":"getblocktemplate"}\n${'x'.repeat(200_000)}`;
    miner.write(sent);
    const upstream = await pool.next();
    expect(await read(upstream, sent.length)).toBe(sent);
    upstream.write(sent);
    expect(await read(miner, sent.length)).toBe(sent);
    expect(r.meter.takeWindow()).toMatchObject({ dialect: 'unknown', accepted: 0 });
    expect(r.relay.state()).toMatchObject({ dialect: 'unknown', served: 1 });
  });

  it.each(['miner', 'pool'])('cuts both sides at a line without end from the %s', async (side) => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const { miner, upstream } = await loggedIn(r, pool);
    (side === 'miner' ? miner : upstream).write('x'.repeat(70_000));
    miner.resume();
    upstream.resume();
    await until(() => r.relay.state().connections === 0);
    expect(r.events.at(-1)).toMatchObject({ event: 'pool_disconnected', failure: 'unknown_failure: line too long' });
  });

  it('holds the sender back when the other side does not read', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const { miner, upstream } = await loggedIn(r, pool);
    upstream.pause();
    const line = Buffer.from(`{"id":99,"method":"mining.extra","params":["${'x'.repeat(1000)}"]}\n`);
    const lines = 40_000;
    let written = 0;
    const pump = (): void => {
      while (written < lines) {
        written += 1;
        if (!miner.write(line)) {
          miner.once('drain', pump);
          return;
        }
      }
    };
    pump();
    // The kernel's buffers fill up, then nothing moves any more.
    for (let before = -1; before !== written;) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(lines / 2);
    let received = 0;
    upstream.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
    await until(() => received === lines * line.length);
  });

  it('refuses more than 16 miners', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const miners = Array.from({ length: 16 }, () => r.miner());
    await until(() => r.relay.state().connections === 16);
    await once(r.miner().resume(), 'close');
    expect(r.relay.state().connections).toBe(16);
    for (const miner of miners) miner.destroy();
    await until(() => r.relay.state().connections === 0);
  });

  it('ends both sides when it is closed, also while dialling, and frees its port', async () => {
    const pool = await fakePool();
    const r = await rig(pool.port);
    const { miner, upstream } = await loggedIn(r, pool);
    const ended = Promise.all([text(miner).then(() => miner.end()), text(upstream).then(() => upstream.end())]);
    const dialling = r.miner();
    await once(dialling, 'connect');
    await Promise.all([r.relay.close(), ended]);
    const refused = connect(r.relay.port, '127.0.0.1');
    await expect(once(refused, 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  it('says which port it cannot have', async () => {
    const pool = await fakePool();
    const parsed = parsePoolUrl(`tcp://127.0.0.1:${String(pool.port)}`);
    if (!('pool' in parsed)) throw new Error('bad url');
    const options = {
      listenHost: '127.0.0.1',
      endpoints: [parsed.pool],
      clock: realClock,
      logger: silentLogger,
    } as const;
    const meter = new ShareMeter(realClock);
    const second = startRelay({ ...options, listenPort: pool.port, meter, onEvent: () => undefined });
    await expect(second).rejects.toMatchObject({ code: 'relay_listen_failed', retryable: true });
  });
});
