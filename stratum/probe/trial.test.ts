// The steps against real sockets on loopback.
import {
  connect as netConnect,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import * as tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { realClock } from '../../platform/clock.ts';
import { makeCertificate, type Certificate } from '../../test/fakes/certificate.ts';
import { AddressTrial } from '../../wire/reachability.ts';
import { connectTo, probeDeps } from './connection.ts';
import { firstRequest } from './first-request.ts';
import { deepestEnd, endOfTrial, tryAddress, type Trial, type TrialPlan } from './trial.ts';

const LIMITS = { tcp_ms: 2000, tls_ms: 600, reply_ms: 600, ack_ms: 200, close_ms: 500 };
const GOOD = '{"id":1,"result":[null,"64290b"],"error":null}\n';

const open: Server[] = [];
const sockets = new Set<Socket>();
let certificate: Certificate;

beforeAll(async () => {
  certificate = await makeCertificate('pool.example');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of open.splice(0)) server.close();
});
afterAll(() => expect(open).toEqual([]));

async function listening(server: Server): Promise<number> {
  open.push(server);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** A pool that does this with the first bytes of a connection. */
const pool = (onData: (socket: Socket, data: Buffer) => void): Promise<number> =>
  listening(createServer((socket) => socket.once('data', (data) => onData(socket, data))));

async function probe(
  port: number,
  change: Partial<TrialPlan> & { tls?: boolean } = {},
  deps = probeDeps(realClock),
): Promise<Trial> {
  const { tls: isTls = false, ...rest } = change;
  const request = firstRequest({
    dialect: 'bitcoin',
    host: 'pool.example',
    port,
    agent: 'spotrig-probe/t',
    login: null,
  });
  if (request === null) throw new Error('no request');
  const result = await tryAddress(
    {
      target: { host: 'pool.example', port, tls: isTls, sni: isTls ? 'pool.example' : null },
      address: '127.0.0.1',
      attempt: 0,
      upTo: 'answer',
      question: { kind: 'stratum', request },
      agent: 'spotrig-probe/t',
      limits: LIMITS,
      ...rest,
    },
    deps,
  );
  expect(z.safeParse(AddressTrial, result.trial).error).toBeUndefined();
  return result;
}

describe('a plain pool', () => {
  it('is well when it answers a JSON line, and sees a FIN at the end', async () => {
    let ended = '';
    const port = await pool((socket) => {
      socket.on('error', () => (ended = 'rst'));
      socket.on('end', () => (ended ||= 'fin'));
      socket.write(GOOD);
    });
    const { trial, rx_bytes } = await probe(port);
    expect(trial).toMatchObject({ tcp: { failure: null }, tls: null, http: null });
    expect(trial.stratum).toMatchObject({
      failure: null,
      reply: 'json',
      step: 'mining.subscribe',
      rx_raw_bytes: GOOD.length,
    });
    expect(rx_bytes).toBe(GOOD.length);
    await expect.poll(() => ended).toBe('fin');
  });

  it('ends by FIN also where it pushed more than was read', async () => {
    let ended = '';
    const port = await pool((socket) => {
      socket.on('error', () => (ended = 'rst'));
      socket.on('end', () => (ended ||= 'fin'));
      socket.write(GOOD + 'x'.repeat(200_000));
      socket.resume();
    });
    expect((await probe(port)).trial.stratum).toMatchObject({ failure: null });
    await expect.poll(() => ended).toBe('fin');
  });

  it('that closes or resets at once is told apart', async () => {
    const fin = await listening(createServer((socket) => socket.end()));
    expect((await probe(fin)).trial.stratum).toMatchObject({ failure: 'eof_error', reply: null, rx_raw_bytes: 0 });
    const rst = await pool((socket) => socket.resetAndDestroy());
    expect((await probe(rst)).trial.stratum).toMatchObject({
      failure: 'connection_reset',
      reply: null,
      rx_raw_bytes: 0,
    });
  });

  it('that is silent has acknowledged the line', async () => {
    const { stratum } = (await probe(await pool(() => undefined))).trial;
    expect(stratum).toMatchObject({ failure: 'generic_timeout_error', tx_unacked_bytes: 0, retransmits: 0 });
    expect(stratum?.ms).toBeGreaterThanOrEqual(590);
  });

  it('behind a page or a ban is named so', async () => {
    const page = 'HTTP/1.1 302 Found\r\nLocation: http://warn.example/\r\n\r\n';
    const { trial } = await probe(await pool((socket) => socket.end(page)));
    expect(endOfTrial(trial)).toEqual({ operation: 'stratum_reply', failure: 'http_unexpected_redirect_url' });
    const ban = '{"id":null,"error":{"code":-1,"message":"IP Address currently banned"}}\n';
    expect((await probe(await pool((socket) => socket.end(ban)))).trial.stratum).toMatchObject({
      reply: 'ban',
      failure: null,
    });
  });

  it('that floods is cut off', async () => {
    const { trial } = await probe(await pool((socket) => socket.write('x'.repeat(1_000_000))));
    expect(trial.stratum).toMatchObject({ reply: 'other', failure: 'json_parse_error' });
  });

  it('that is not there is refused', async () => {
    const port = await listening(createServer());
    for (const server of open.splice(0)) server.close();
    const { trial } = await probe(port);
    expect(trial).toMatchObject({ tcp: { failure: 'connection_refused' }, stratum: null });
    expect(deepestEnd([trial], 'stratum', null)).toEqual({ operation: 'connect', failure: 'connection_refused' });
  });

  it('is watched while it lives, and a quiet one is no frozen one', async () => {
    const port = await pool((socket) => {
      socket.write(GOOD);
      setTimeout(() => socket.write('{"method":"mining.notify"}\n{"method":"mining.notify"}\n'), 50);
    });
    expect((await probe(port, { watch: { watch_ms: 150, quiet_ms: 50 } })).stall).toMatchObject({
      end: 'alive',
      messages: 3,
    });
    const kills = await pool((socket) => {
      socket.write(GOOD);
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    expect((await probe(kills, { watch: { watch_ms: 1000, quiet_ms: 50 } })).stall).toMatchObject({
      end: 'rst',
      messages: 1,
    });
  });
});

describe('a TLS pool', () => {
  const secure = (options: tls.TlsOptions = {}): Promise<number> =>
    listening(
      tls.createServer({ ...certificate, ...options }, (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.write(GOOD));
      }) as unknown as Server,
    );

  it('gives its key, issuer and protocol, with the bytes under TLS', async () => {
    const { trial, rx_bytes } = await probe(await secure(), { tls: true });
    expect(trial.tls).toMatchObject({
      ...{ failure: null, alert: null, protocol: 'TLSv1.3', spki_sha256: certificate.spki_sha256 },
      issuer: 'CN=pool.example',
    });
    expect(trial.stratum).toMatchObject({ failure: null, reply: 'json' });
    expect(trial.tls?.rx_raw_bytes).toBeGreaterThan(500);
    expect(rx_bytes).toBeGreaterThanOrEqual((trial.tls?.rx_raw_bytes ?? 0) + GOOD.length);
  });

  it('fails where it must have a certificate of somebody’s, and has not', async () => {
    const port = await secure();
    const own = certificate.cert.toString();
    const other = (await makeCertificate('pool.example')).cert.toString();
    const trusting = async (trust: TrialPlan['trust']) => (await probe(port, { tls: true, trust })).trial;
    expect(await trusting({ ca: own, name: 'pool.example' })).toMatchObject({
      ...{ tls: { failure: null }, stratum: { failure: null } },
    });
    expect(await trusting({ ca: own, name: '192.0.2.1' })).toMatchObject({
      ...{ tls: { failure: 'ssl_invalid_hostname', spki_sha256: certificate.spki_sha256 }, stratum: null },
    });
    expect((await trusting({ ca: other, name: 'pool.example' })).tls?.failure).toMatch(
      /^ssl_(unknown_auth|invalid_cert)/,
    );
  });

  it('sees the wanted name or none, and a split hello', async () => {
    const names: (string | false | null)[] = [];
    const server = tls.createServer(certificate, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(GOOD));
    });
    const port = await listening(server as unknown as Server);
    const shapes = [
      {},
      { sni: null },
      { sni: 'innocent.example' },
      { splitHello: true },
      { maxVersion: 'TLSv1.2' as const },
    ];
    for (const shape of shapes) {
      const { trial } = await probe(port, { tls: true, shape });
      expect(trial.stratum).toMatchObject({ reply: 'json' });
      if ('maxVersion' in shape) expect(trial.tls?.protocol).toBe('TLSv1.2');
    }
    expect(names).toEqual(['pool.example', false, 'innocent.example', 'pool.example', 'pool.example']);
  });

  it('gets its split hello in two segments, cut inside the name', async () => {
    const writes: string[] = [];
    const connect = ((options: NetConnectOpts) => {
      const socket = netConnect(options);
      const write = socket.write.bind(socket) as (chunk: Buffer, done: () => void) => boolean;
      socket.write = ((chunk: Buffer, done: () => void) => {
        writes.push(chunk.toString('latin1'));
        return write(chunk, done);
      }) as typeof socket.write;
      return socket;
    }) as typeof netConnect;
    await probe(await secure(), { tls: true, shape: { splitHello: true } }, { ...probeDeps(realClock), connect });
    expect(writes[0]).toMatch(/pool\.e$/);
    expect(writes[1]).toMatch(/^xample/);
  });

  it.each([
    ['a FIN', (socket: Socket) => socket.end(), 'eof_error', null],
    ['a RST', (socket: Socket) => socket.resetAndDestroy(), 'connection_reset', null],
    ['an alert', (socket: Socket) => socket.end(Buffer.from('15030300020228', 'hex')), 'ssl_failed_handshake', 40],
    [
      'an alert about the name',
      (socket: Socket) => socket.end(Buffer.from('15030300020270', 'hex')),
      'ssl_invalid_hostname',
      112,
    ],
    ['plain text', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'non_tls_reply', null],
    ['silence', () => undefined, 'generic_timeout_error', null],
  ] as const)('that answers the hello with %s', async (_, act, failure, alert) => {
    const { trial } = await probe(await pool((socket) => void act(socket)), { tls: true });
    expect(trial.tls).toMatchObject({ failure, alert, protocol: null, spki_sha256: null });
    expect(trial.stratum).toBeNull();
    if (failure === 'generic_timeout_error') expect(trial.tls).toMatchObject({ tx_unacked_bytes: 0 });
  });
});

it('asks a site by HTTP, and takes a redirect as a page in the way', async () => {
  const asked: string[] = [];
  const answer = (text: string): Promise<number> =>
    pool((socket, data) => {
      asked.push(data.toString().split('\r\n')[0] ?? '');
      socket.end(text);
    });
  const question = { kind: 'http', path: '/healthz' } as const;
  const well = await probe(await answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), { question });
  expect(well.trial.http).toMatchObject({ failure: null, status: 200 });
  const page = await probe(await answer('HTTP/1.1 302 Found\r\nLocation: http://warn.example/\r\n\r\n'), { question });
  expect(page.trial.http).toMatchObject({ failure: 'http_unexpected_redirect_url', location_host: 'warn.example' });
  expect(asked).toEqual(['GET /healthz HTTP/1.1', 'GET /healthz HTTP/1.1']);
});

it('never dials a name', () => {
  expect(() => connectTo({ address: 'localhost', port: 1 }, 100, probeDeps(realClock))).toThrow(
    'not a literal address',
  );
});
