import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions as ServerTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { realClock } from '../platform/clock.ts';
import { makeCertificate, type Certificate } from '../test/fakes/certificate.ts';
import { startSocksProxy, type SocksRules } from '../test/fakes/socks-proxy.ts';
import { dialPool, type Dialled } from './dial.ts';
import { VolatileKeys } from './pool-key.ts';
import { parsePoolUrl, type PoolUrl } from './pool-url.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening<T extends Server>(server: T): Promise<{ server: T; port: number }> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

function pool(text: string): PoolUrl {
  const parsed = parsePoolUrl(text);
  if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
  return parsed.pool;
}

async function dial(text: string, more: Partial<Parameters<typeof dialPool>[1]> = {}): Promise<Dialled> {
  const dialled = await dialPool(pool(text), { clock: realClock, keys: new VolatileKeys(), ...more });
  if ('socket' in dialled) sockets.push(dialled.socket.on('error', () => undefined));
  return dialled;
}

/** What the other end says first through the connection. */
async function firstWord(dialled: Dialled): Promise<string> {
  if (!('socket' in dialled)) throw new Error(`${dialled.failure} ${dialled.detail ?? ''}`);
  dialled.socket.write('hello\n');
  const [word] = (await once(dialled.socket, 'data')) as [Buffer];
  return word.toString();
}

function echo(socket: Socket): void {
  socket.on('data', (chunk: Buffer) => socket.write(chunk));
}

describe('dialPool', () => {
  it('gives a connection and the time it took', async () => {
    const { server, port } = await listening(createServer(echo));
    const dialled = await dial(`tcp://127.0.0.1:${String(port)}`);
    expect(dialled).toMatchObject({ connect_ms: expect.any(Number) as number });
    expect(await firstWord(dialled)).toBe('hello\n');
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
    expect(await dial(`tcp://127.0.0.1:${String(port)}`)).toEqual({ failure: 'connection_refused', detail: null });
  });

  it('takes a connection to a visitor for one only when it stays', async () => {
    const { port } = await listening(createServer((socket) => setTimeout(() => socket.end(), 30)));
    const through = (at: number) => dialPool({ ...pool('frp+stcp://pool-a'), port: at }, { clock: realClock, keys: new VolatileKeys() }); // prettier-ignore
    expect(await through(port)).toEqual({ failure: 'eof_error', detail: null });
    const good = await listening(createServer(echo));
    const dialled = await through(good.port);
    if ('socket' in dialled) sockets.push(dialled.socket);
    expect(dialled).toMatchObject({ connect_ms: expect.any(Number) as number });
    expect('connect_ms' in dialled && dialled.connect_ms).toBeLessThan(1000);
    expect(await firstWord(dialled)).toBe('hello\n');
  });

  it('gives up after 10 s', async () => {
    const asked: number[] = [];
    const hasty = {
      ...realClock,
      monoMs: () => 0,
      setTimer: (ms: number, fn: () => void) => {
        asked.push(ms);
        queueMicrotask(fn);
        return () => undefined;
      },
    };
    expect(await dial('tcp://127.0.0.1:9', { clock: hasty })).toEqual({
      failure: 'generic_timeout_error',
      detail: null,
    });
    expect(asked).toEqual([10_000]);
  });

  it('ends when nobody waits any more', async () => {
    const { port } = await listening(createServer());
    const gone = new AbortController();
    const dialled = dial(`ssl://127.0.0.1:${String(port)}`, { signal: gone.signal });
    setTimeout(() => gone.abort(), 20);
    expect(await dialled).toEqual({ failure: 'interrupted', detail: null });
  });

  it('takes pinned addresses in their order, and never asks for the name', async () => {
    const { port } = await listening(createServer(echo));
    const addresses = ['127.0.0.2', '127.0.0.1'];
    const dialled = await dial(`tcp://no-such-name.invalid:${String(port)}`, { addresses });
    expect(await firstWord(dialled)).toBe('hello\n');
    const failed = await dial(`tcp://no-such-name.invalid:${String(port)}`, { addresses: ['127.0.0.2'] });
    expect(failed).toMatchObject({ failure: 'connection_refused' });
  });
});

describe('TLS', () => {
  let ours: Certificate;
  let theirs: Certificate;
  beforeAll(async () => {
    [ours, theirs] = await Promise.all([makeCertificate('pool.example'), makeCertificate('pool.example')]);
  });
  const seen: { sni: string | false | null; protocol: string | null }[] = [];
  const tlsServer = (o: ServerTls): ReturnType<typeof listening> =>
    listening(
      createTlsServer(o, (socket: TLSSocket) => {
        seen.push({ sni: socket.servername, protocol: socket.getProtocol() });
        echo(socket);
      }),
    );

  it('sends the name, another name, or none, within the versions', async () => {
    const { port } = await tlsServer(ours);
    const addresses = ['127.0.0.1'];
    for (const [options, sni, protocol] of [
      ['', 'pool.example', 'TLSv1.3'],
      ['?tls=1.2', 'pool.example', 'TLSv1.2'],
      ['?sni=ya.ru&tls=1.3', 'ya.ru', 'TLSv1.3'],
      ['?sni=none', false, 'TLSv1.3'],
    ] as const) {
      const dialled = await dial(`ssl://pool.example:${String(port)}${options}`, { addresses });
      expect(await firstWord(dialled)).toBe('hello\n');
      expect(seen.pop()).toEqual({ sni, protocol });
    }
    const old = await tlsServer({ ...ours, maxVersion: 'TLSv1.2' });
    const refused = await dial(`ssl://127.0.0.1:${String(old.port)}?tls=1.3`);
    expect(refused).toEqual({ failure: 'ssl_failed_handshake', detail: null });
  });

  it('takes a pinned key and no other', async () => {
    const { port } = await tlsServer(ours);
    const url = `ssl://127.0.0.1:${String(port)}?pin=`;
    expect(await firstWord(await dial(url + theirs.spki_sha256 + ',' + ours.spki_sha256))).toBe('hello\n');
    const wrong = await dial(url + theirs.spki_sha256);
    expect(wrong).toMatchObject({ failure: 'ssl_unknown_authority' });
    expect(wrong).toHaveProperty('detail', `its key is ${ours.spki_sha256}, none of its pins`);
  });

  it('remembers the first key, and refuses another one later', async () => {
    const { server, port } = await tlsServer(ours);
    const keys = new VolatileKeys();
    const url = `ssl://127.0.0.1:${String(port)}`;
    for (let i = 0; i < 2; i += 1) expect(await firstWord(await dial(url, { keys }))).toBe('hello\n');
    (server as ReturnType<typeof createTlsServer>).setSecureContext(theirs);
    const changed = await dial(url, { keys });
    expect(changed).toMatchObject({ failure: 'ssl_unknown_authority' });
    expect(JSON.stringify(changed)).toContain(theirs.spki_sha256);
    expect(await firstWord(await dial(url))).toBe('hello\n');
  });

  it('names plain text, an end and a silence in the handshake', async () => {
    const page = await listening(createServer((socket) => socket.end('HTTP/1.1 302 Found\r\n\r\n')));
    const ended = await listening(createServer((socket) => socket.resume().end()));
    const silent = await listening(createServer((socket) => socket.resume()));
    const urlOf = ({ port }: { port: number }): string => `ssl://127.0.0.1:${String(port)}`;
    expect(await dial(urlOf(page))).toMatchObject({ failure: 'non_tls_reply' });
    expect(await dial(urlOf(ended))).toMatchObject({ failure: 'eof_error' });
    expect(await dial(urlOf(silent), { limitMs: 50 })).toMatchObject({ failure: 'generic_timeout_error' });
  });
});

describe('SOCKS5', () => {
  const through = async (options: string, rules: SocksRules, more = {}): Promise<[Dialled, string[]]> => {
    const { port } = await listening(createServer(echo));
    const proxy = await startSocksProxy(rules);
    servers.push(proxy.server);
    const url = `tcp://pool.example:${String(port)}?socks5=${options}127.0.0.1:${String(proxy.port)}`;
    return [await dial(url, more), proxy.targets];
  };
  const login = { login: 'me', password: 'pä@ss' };

  it.each([
    ['', {}],
    ['', { oneByteAtATime: true }],
    ['me:p%C3%A4%40ss@', login],
    ['me:p%C3%A4%40ss@', { ...login, oneByteAtATime: true }],
    ['me:p%C3%A4%40ss@', {}],
  ] as const)('asks for the name with %j', async (options, rules) => {
    const [dialled, targets] = await through(options, rules);
    expect(await firstWord(dialled)).toBe('hello\n');
    expect(targets).toEqual([expect.stringMatching(/^pool\.example:/)]);
  });

  it('asks for a pinned address', async () => {
    const [dialled, targets] = await through('', {}, { addresses: ['127.0.0.1'] });
    expect(await firstWord(dialled)).toBe('hello\n');
    expect(targets).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
    const [, six] = await through('', { reply: 4 }, { addresses: ['2001:db8::5'] });
    expect(six).toEqual([expect.stringMatching(/^2001:db8:0:0:0:0:0:5:/)]);
  });

  it.each([
    ['', login, 'permission_denied'],
    ['me:wrong@', login, 'permission_denied'],
    ['', { reply: 2 }, 'permission_denied'],
    ['', { reply: 4 }, 'host_unreachable'],
    ['', { reply: 5 }, 'connection_refused'],
    ['', { reply: 1 }, 'unknown_failure: the proxy failed'],
    ['', { reply: 77 }, 'unknown_failure: the proxy answers 77'],
    ['', { says: 'HTTP/1.1 400 Bad Request\r\n' }, 'unknown_failure: the proxy does not speak SOCKS5'],
    ['', { says: '\x05' }, 'eof_error'],
    ['', { says: '' }, 'eof_error'],
  ] as const)('says why not: %j %j', async (options, rules, failure) => {
    expect((await through(options, rules))[0]).toEqual({ failure, detail: null });
  });

  it('is under the same limit', async () => {
    const proxy = await listening(createServer((socket) => socket.resume()));
    const dialled = await dial(`tcp://pool:1?socks5=127.0.0.1:${String(proxy.port)}`, { limitMs: 50 });
    expect(dialled).toMatchObject({ failure: 'generic_timeout_error' });
  });

  it('carries TLS with the pool’s name', async () => {
    const identity = await makeCertificate('pool.example');
    const names: (string | false | null)[] = [];
    const server = createTlsServer(identity, (socket: TLSSocket) => {
      names.push(socket.servername);
      echo(socket);
    });
    const { port } = await listening(server);
    const proxy = await startSocksProxy({});
    servers.push(proxy.server);
    const url = `ssl://pool.example:${String(port)}?socks5=127.0.0.1:${String(proxy.port)}&pin=${identity.spki_sha256}`;
    expect(await firstWord(await dial(url))).toBe('hello\n');
    expect(names).toEqual(['pool.example']);
  });
});
