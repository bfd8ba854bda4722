// POST /v1/control with real sockets: a pool, an HTTP server and a DNS server on loopback, which counts as public where a test says so.
import { type AddressInfo, type Server, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { rangesOf, SPECIAL_RANGES } from '../../platform/ip-ranges.ts';
import { makeCertificate } from '../../test/fakes/certificate.ts';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { type FakeDns, fakeDns } from '../../test/fakes/dns-server.ts';
import { poolTarget } from '../../test/fakes/reachability.ts';
import { ControlAnswer } from '../../wire/control.ts';
import type { Target } from '../../wire/reachability.ts';
import { defaultConfig } from '../config.ts';
import { makeControls } from '../control/make-controls.ts';

const GOOD = '{"id":1,"result":[null,"64290b"],"error":null}\n';

/** A server that answers the first bytes of each connection, and what it got. */
interface Peer {
  port: number;
  got: string[];
  connections: number;
}

let servers: Server[];
let dns: FakeDns;
let zone: Map<string, () => readonly string[]>;
let collector: FakeCollector;

beforeEach(async () => {
  servers = [];
  zone = new Map();
  dns = await fakeDns((name) => zone.get(name)?.() ?? null);
});
afterEach(async () => {
  await collector[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

async function peer(answer: string): Promise<Peer> {
  const found: Peer = { port: 0, got: [], connections: 0 };
  const server = createServer((socket) => {
    found.connections += 1;
    socket.on('error', () => undefined).on('end', () => socket.end());
    socket.on('data', (data) => {
      found.got.push(data.toString('latin1'));
      socket.write(answer);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  found.port = (server.address() as AddressInfo).port;
  return found;
}

function target(host: string, port: number): Target {
  const url = `stratum+tcp://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { role: 'pool', url, host, port, tls: false, sni: null, dialect: 'bitcoin' };
}

/** A collector that may dial all but `refuse`. */
async function start(endpoints: Target[], refuse: readonly string[] = [], pool_pause_ms = 0): Promise<void> {
  const config = { ...defaultConfig(), endpoints, refuse: rangesOf(refuse), resolvers: [dns.address] };
  config.limits = { ...config.limits, pool_pause_ms, requests_per_hour: 20 };
  collector = await fakeCollector({
    settings: { config, trust_proxy: ['127.0.0.1'], insecure_http: true },
    controlClock: realClock,
  });
}

function ask(entries: unknown, o: { worker?: string; headers?: Record<string, string>; payload?: string } = {}) {
  const headers = { authorization: `Bearer ${collector.token(o.worker)}`, 'content-type': 'application/json' };
  return collector.app.inject({
    method: 'POST',
    url: '/v1/control',
    headers: { ...headers, ...o.headers },
    payload: o.payload ?? JSON.stringify({ v: 1, entries }),
  });
}

async function answered(entries: string[], o: Parameters<typeof ask>[1] = {}): Promise<ControlAnswer> {
  const answer = await ask(entries, o);
  expect(answer.statusCode, answer.body).toBe(200);
  return ControlAnswer.parse(answer.json());
}

describe('a control measurement', () => {
  it('says how a listed pool looks from here, and who asks', async () => {
    const pool = await peer(GOOD);
    zone.set('pool.example', () => ['127.0.0.1']);
    const entry = target('pool.example', pool.port);
    await start([entry]);
    const answer = await answered([entry.url], { headers: { 'x-forwarded-for': '5.8.1.2' } });
    expect(answer).toMatchObject({
      network: { address: '5.8.1.2', asn: null, key: '5.8.1.0/24' },
      samples: [
        {
          ...{ entry: entry.url, by: 'collector-a', operation: null, failure: null, dns_failure: null },
          addresses: ['127.0.0.1'],
          trials: [{ address: '127.0.0.1', tcp: { failure: null }, stratum: { reply: 'json' } }],
        },
      ],
      ...{ unlisted: [], inside: [] },
    });
    expect(pool.got).toEqual(['{"id":1,"method":"mining.subscribe","params":["spotrig-probe/1.0"]}\n']);
    const [kept] = await collector.deps.store.samples.controls({ entry: entry.url, since_ms: 0, until_ms: Date.now() });
    expect(kept).toEqual(answer.samples[0]);
  });

  it('is made once for all who ask while it runs and while it is fresh', async () => {
    const pool = await peer(GOOD);
    const entry = target('127.0.0.1', pool.port);
    await start([entry]);
    const workers = ['rig-1', 'rig-2', 'rig-3', 'rig-4', 'rig-5'];
    const together = await Promise.all(workers.map((worker) => answered([entry.url, entry.url], { worker })));
    const later = await answered([entry.url]);
    expect(new Set([...together, later].map((answer) => JSON.stringify(answer.samples))).size).toBe(1);
    expect([pool.connections, dns.asked]).toEqual([1, []]);
  });

  it('names the step that fails, and takes the next address for one that is dead', async () => {
    const pool = await peer(GOOD);
    const gone = await peer('');
    servers.find((server) => (server.address() as AddressInfo).port === gone.port)?.close();
    zone.set('half.example', () => ['127.0.0.2', '127.0.0.1']);
    const entries = [target('127.0.0.1', gone.port), target('half.example', pool.port), target('none.example', 1)];
    await start(entries);
    const { samples } = await answered(entries.map(({ url }) => url));
    expect(
      samples.map(({ operation, failure, dns_failure, trials }) => [operation, failure, dns_failure, trials.length]),
    ).toEqual([
      ['connect', 'connection_refused', null, 1],
      [null, null, null, 2],
      ['resolve', 'dns_nxdomain_error', 'dns_nxdomain_error', 0],
    ]);
  });

  it('speaks TLS to a TLS port, and records the key without judging it', async () => {
    const certificate = await makeCertificate('pool.example');
    const names: unknown[] = [];
    const server = createTlsServer(certificate, (socket) => {
      names.push(socket.servername);
      socket.on('error', () => undefined).on('data', () => socket.write(GOOD));
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    zone.set('pool.example', () => ['127.0.0.1']);
    const entry = { ...poolTarget('pool.example', port, true), sni: 'front.example' };
    await start([entry]);
    const { samples } = await answered([entry.url]);
    expect(samples[0]).toMatchObject({ operation: null, entry: `stratum+ssl://pool.example:${port}` });
    expect(samples[0]?.trials[0]?.tls?.spki_sha256).toBe(certificate.spki_sha256);
    expect(names).toEqual(['front.example']);
  });

  it('follows no page that sends it elsewhere', async () => {
    const elsewhere = await peer(GOOD);
    const page = await peer(`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${elsewhere.port}/\r\n\r\n`);
    const entry = target('127.0.0.1', page.port);
    await start([entry]);
    const { samples } = await answered([entry.url]);
    expect(samples[0]?.trials[0]?.stratum).toMatchObject({ reply: 'page', page: { status: 302 } });
    expect(samples[0]?.operation).toBe('stratum_reply');
    expect([page.connections, elsewhere.connections]).toEqual([1, 0]);
  });

  it('follows no client.reconnect', async () => {
    const elsewhere = await peer(GOOD);
    const pool = await peer(
      `{"id":null,"method":"client.reconnect","params":["127.0.0.1",${elsewhere.port},0]}\n${GOOD}`,
    );
    const entry = target('127.0.0.1', pool.port);
    await start([entry]);
    await answered([entry.url]);
    expect([pool.connections, elsewhere.connections]).toEqual([1, 0]);
  });

  it('is cut short and not kept when the collector stops', async () => {
    const silent = await peer('');
    const [entry, next] = [target('127.0.0.1', silent.port), target('slow.example', silent.port)];
    zone.set('slow.example', () => ['127.0.0.1']);
    await start([]);
    const { store, logger } = collector.deps;
    const stop = new AbortController();
    const config = { ...defaultConfig(), endpoints: [entry, next], refuse: [], resolvers: [dns.address] };
    config.limits = { ...config.limits, at_once: 1 };
    const controls = makeControls({ config, name: 'x', clock: realClock, logger, store, signal: stop.signal });
    const samples = Promise.all([entry.url, next.url].map((url) => controls.sample(url, 60_000)));
    while (silent.got.length === 0) await realClock.sleep(5);
    const begun = performance.now();
    stop.abort();
    expect(await samples).toEqual([null, null]);
    expect(await controls.sample(entry.url, 60_000)).toBeNull();
    expect(performance.now() - begun).toBeLessThan(1500);
    expect(await store.samples.controls({ entry: entry.url, since_ms: 0, until_ms: Date.now() })).toEqual([]);
    expect(silent.connections).toBe(1);
  });

  it('waits between two connections to one host', async () => {
    const pool = await peer(GOOD);
    const [one, two] = [
      target('127.0.0.1', pool.port),
      { ...target('127.0.0.1', pool.port), url: 'stratum+tcp://x:1' },
    ];
    await start([one, two], [], 400);
    const begun = performance.now();
    const { samples } = await answered([one.url, two.url]);
    expect([samples.length, pool.connections]).toEqual([2, 2]);
    expect(performance.now() - begun).toBeGreaterThan(390);
  });
});

describe('control is no port scanner', () => {
  it('leaves alone what is not listed, whatever it looks like', async () => {
    const pool = await peer(GOOD);
    const entry = target('127.0.0.1', pool.port);
    const other = await peer(GOOD);
    await start([entry]);
    const wanted = [
      ...[`stratum+tcp://127.0.0.1:${other.port}`, `stratum+tcp://localhost:${pool.port}`, `${entry.url}/`],
      ...[`http://127.0.0.1:${pool.port}`, 'file:///etc/passwd', 'http://169.254.169.254/latest/meta-data/', ''],
      ...[entry.url.toUpperCase(), ` ${entry.url}`, `stratum+tcp://user:x@127.0.0.1:${pool.port}`, '__proto__'],
    ];
    const answer = await answered(wanted);
    expect([answer.unlisted, answer.samples]).toEqual([wanted, []]);
    expect([pool.connections, other.connections, dns.asked]).toEqual([0, 0, []]);
  });

  it('refuses special addresses, as entries and as what names resolve to', async () => {
    const pool = await peer(GOOD);
    const v4 = ['127.0.0.1', '10.0.0.1', '192.168.0.1', '100.64.0.1', '0.0.0.0', '169.254.169.254', '100.100.100.200'];
    const v6 = ['::1', '::ffff:127.0.0.1', '::ffff:169.254.169.254', 'fd00:ec2::254', 'fe80::1', '64:ff9b::7f00:1'];
    const addresses = [...v4, ...v6, '2002:7f00:1::'];
    for (const [i, address] of addresses.entries()) zone.set(`pool-${i}.example`, () => [address]);
    const literal = addresses.map((address) => target(address, pool.port));
    const named = addresses.map((_, i) => target(`pool-${i}.example`, pool.port));
    await start([...literal, ...named], SPECIAL_RANGES);
    for (const entries of [literal, named]) {
      const { samples } = await answered(entries.map(({ url }) => url));
      expect(samples).toHaveLength(addresses.length);
      for (const sample of samples) {
        const refused = { operation: 'resolve', failure: 'dns_bogon_error', dns_failure: 'dns_bogon_error' };
        expect(sample).toMatchObject({ ...refused, addresses: [], trials: [] });
      }
    }
    expect([pool.connections, dns.asked.length]).toEqual([0, named.length * 2]);
  });

  it('gives out only the public ones of mixed addresses', async () => {
    zone.set('mixed.example', () => ['127.0.0.1', '127.0.0.2', '10.0.0.1']);
    const pool = await peer(GOOD);
    const entry = target('mixed.example', pool.port);
    await start([entry], ['10.0.0.0/8', '127.0.0.2']);
    const { samples } = await answered([entry.url]);
    expect(samples[0]).toMatchObject({ addresses: ['127.0.0.1'], operation: null, dns_failure: null });
  });

  it('looks a name up once and connects to what it checked: a name that changes its answer gains nothing', async () => {
    const pool = await peer(GOOD);
    const inner = await peer(GOOD);
    // First a public address (127.0.0.1 stands for one), then, as a rebinding name would, one of the inner network.
    const answers = [['127.0.0.1'], ['127.0.0.1']];
    zone.set('rebind.example', () => answers.shift() ?? ['127.9.9.9']);
    const entry = target('rebind.example', pool.port);
    await start([entry], ['127.9.0.0/16']);
    const { samples } = await answered([entry.url]);
    expect(samples[0]?.trials.map((trial) => trial.address)).toEqual(['127.0.0.1']);
    expect(dns.asked.toSorted()).toEqual(['rebind.example A', 'rebind.example AAAA']);
    expect([pool.connections, inner.connections]).toEqual([1, 0]);
  });

  it('takes no request of a stranger, none too large, none of another shape', async () => {
    await start([]);
    expect((await ask(['x'], { headers: { authorization: 'Bearer sr1.k1.rig-1.9999999999.AAAA' } })).statusCode).toBe(
      401,
    );
    const wrongs: [payload: string, status: number][] = [
      ...([
        ['{', 400],
        ['[]', 422],
        ['{"v":1}', 422],
        ['{"v":2,"entries":["x"]}', 422],
      ] as [string, number][]),
      [JSON.stringify({ v: 1, entries: [] }), 422],
      [JSON.stringify({ v: 1, entries: Array.from({ length: 17 }, (_, i) => `x${i}`) }), 422],
      [JSON.stringify({ v: 1, entries: ['x'.repeat(301)] }), 422],
      [JSON.stringify({ v: 1, entries: ['x'], more: 'x'.repeat(9000) }), 413],
    ];
    for (const [payload, status] of wrongs) {
      expect((await ask([], { payload })).statusCode, payload.slice(0, 40)).toBe(status);
    }
  });

  it('bounds one worker, and not the others', async () => {
    await start([]);
    const codes: number[] = [];
    for (let i = 0; i < 25; i++) codes.push((await ask(['x'])).statusCode);
    expect(codes.filter((code) => code === 200)).toHaveLength(20);
    expect(codes.filter((code) => code === 429)).toHaveLength(5);
    expect((await ask(['x'])).headers['retry-after']).toMatch(/^[1-9][0-9]*$/);
    expect((await ask(['x'], { worker: 'rig-2' })).statusCode).toBe(200);
  });
});
