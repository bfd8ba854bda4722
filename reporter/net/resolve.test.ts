// The resolvers against real sockets on loopback.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import * as https from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { probeDeps } from '../../stratum/probe/connection.ts';
import { makeCertificate } from '../../test/fakes/certificate.ts';
import { askUdp } from './dns-udp.ts';
import { DohClient } from './dns-stream.ts';
import { profileWith } from './profile.ts';
import { Resolvers, type Lookup } from './resolve.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An answer of one A record each. */
function reply(query: Buffer, addresses: readonly string[], change: { id?: number; rcode?: number } = {}): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  if (change.id !== undefined) header.writeUInt16BE(change.id, 0);
  header.writeUInt16BE(0x8180 | (change.rcode ?? 0), 2);
  header.writeUInt16BE(addresses.length, 6);
  const records = addresses.map((address) =>
    Buffer.concat([Buffer.from('c00c00010001000000000004', 'hex'), Buffer.from(address.split('.').map(Number))]),
  );
  return Buffer.concat([header, query.subarray(12), ...records]);
}

const isA = (query: Buffer): boolean => query.readUInt16BE(query.length - 4) === 1;

/** A resolver that does this with a query. */
async function resolver(act: (socket: Socket, query: Buffer, peer: RemoteInfo) => void) {
  const socket = createSocket('udp4');
  closing.push(() => socket.close());
  socket.on('message', (query, peer) => act(socket, query, peer));
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  return { name: 'fake', address: '127.0.0.1', port: socket.address().port };
}

const udp = (type: 'udp4' | 'udp6'): Socket => createSocket(type);
const ask = (at: { address: string; port: number }, lateMs = 60) =>
  askUdp(at, { name: 'pool.example', family: 'A' }, { timeoutMs: 200, lateMs }, { clock: realClock, udp });

describe('a question by UDP', () => {
  it('is answered, and the same answer twice is no lie', async () => {
    const at = await resolver((socket, query, peer) => {
      for (let i = 0; i < 2; i++) socket.send(reply(query, ['192.0.2.1']), peer.port, peer.address);
    });
    expect(await ask(at)).toMatchObject({ addresses: ['192.0.2.1'], late: [], failure: null });
  });

  it('hears a second answer that differs', async () => {
    const at = await resolver((socket, query, peer) => {
      socket.send(reply(query, ['192.0.2.66']), peer.port, peer.address);
      setTimeout(() => socket.send(reply(query, ['192.0.2.1']), peer.port, peer.address), 10);
    });
    expect(await ask(at)).toMatchObject({ addresses: ['192.0.2.66'], late: ['192.0.2.1'], failure: null });
  });

  it('names every way to fail', async () => {
    const with_ = (change: { id?: number; rcode?: number }) =>
      resolver((socket, query, peer) => socket.send(reply(query, [], change), peer.port, peer.address));
    expect(await ask(await with_({ rcode: 3 }))).toMatchObject({ failure: 'dns_nxdomain_error', addresses: [] });
    expect(await ask(await with_({ rcode: 5 }))).toMatchObject({ failure: 'dns_refused_error' });
    const wrongId = await resolver((socket, query, peer) =>
      socket.send(reply(query, ['192.0.2.9'], { id: query.readUInt16BE(0) ^ 1 }), peer.port, peer.address),
    );
    expect(await ask(wrongId)).toMatchObject({ failure: 'dns_reply_with_wrong_query_id', addresses: [] });
    const junk = await resolver((socket, _, peer) => socket.send('junk', peer.port, peer.address));
    expect(await ask(junk)).toMatchObject({ failure: 'dns_server_misbehaving' });
    expect(await ask(await resolver(() => undefined))).toMatchObject({ failure: 'generic_timeout_error' });
    const gone = createSocket('udp4');
    await new Promise<void>((resolve) => void gone.bind(0, '127.0.0.1', resolve));
    const { port } = gone.address();
    gone.close();
    expect(await ask({ address: '127.0.0.1', port })).toMatchObject({ failure: 'connection_refused' });
  });
});

it('asks by HTTPS on one connection, and only who has the pinned key', async () => {
  const { key, cert, spki_sha256: pin } = await makeCertificate('dns.example');
  let connections = 0;
  const server = https.createServer({ key, cert }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(reply(Buffer.concat(chunks), ['192.0.2.7'])));
  });
  server.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const url = `https://dns.example:${(server.address() as AddressInfo).port}/dns-query`;
  const client = (pinned: string | null) =>
    new DohClient({ name: 'fake', url, address: '127.0.0.1', pin: pinned }, { clock: realClock });
  const question = { name: 'pool.example', family: 'A' } as const;
  const good = client(pin);
  const answers = await Promise.all([good.ask(question, 2000), good.ask(question, 2000), good.ask(question, 2000)]);
  for (const answer of answers) expect(answer).toMatchObject({ addresses: ['192.0.2.7'], failure: null });
  expect(connections).toBe(1);
  good.close();
  for (const [pinned, failure] of [
    [Buffer.alloc(32).toString('base64'), 'ssl_unknown_authority'],
    [null, 'ssl_unknown_authority'],
  ] as const) {
    const other = client(pinned);
    expect(await other.ask(question, 2000)).toMatchObject({ failure, addresses: [] });
    other.close();
  }
});

describe('all resolvers', () => {
  const lookup: Lookup = (_, family) =>
    family === 4
      ? Promise.resolve([{ address: '10.10.10.10', family: 4 }])
      : Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }));

  it('are asked for both families, and bogons keep their addresses', async () => {
    const at = await resolver((socket, query, peer) =>
      socket.send(reply(query, isA(query) ? ['8.8.4.4'] : []), peer.port, peer.address),
    );
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        const answer = reply(data.subarray(2), isA(data) ? ['8.8.4.4'] : []);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // In pieces, as a stream may come.
        socket.write(Buffer.concat([length, answer.subarray(0, 5)]));
        setTimeout(() => socket.write(answer.subarray(5)), 5);
      });
    });
    await new Promise<void>((resolve) => void tcp.listen(0, '127.0.0.1', resolve));
    closing.push(() => tcp.close());
    const tcpAt = { name: 'stream', address: '127.0.0.1', port: (tcp.address() as AddressInfo).port };
    const profile = profileWith({ udp: [at], tcp: [tcpAt], doh: [], dns_ms: 1000, dns_late_ms: 20 });
    const isBogon = (address: string): boolean => address.startsWith('10.');
    const resolvers = new Resolvers(profile, { clock: realClock, udp, probe: probeDeps(realClock), lookup, isBogon });
    const answers = await resolvers.resolve('pool.example');
    resolvers.close();
    expect(answers.map(({ transport, family, addresses, failure }) => [transport, family, addresses, failure])).toEqual(
      [
        ['system', 'A', ['10.10.10.10'], 'dns_bogon_error'],
        ['system', 'AAAA', [], 'dns_no_answer'],
        ['udp', 'A', ['8.8.4.4'], null],
        ['udp', 'AAAA', [], 'dns_no_answer'],
        ['tcp', 'A', ['8.8.4.4'], null],
        ['tcp', 'AAAA', [], 'dns_no_answer'],
      ],
    );
    expect(await resolvers.resolve('127.0.0.1')).toEqual([]);
    expect((await resolvers.resolve('a..b')).map(({ transport }) => transport)).toEqual(['system', 'system']);
  });

  it('do not wait for a system that hangs, and do not ask it a second time meanwhile', async () => {
    let asked = 0;
    const hanging: Lookup = () => {
      asked++;
      return new Promise(() => undefined);
    };
    const profile = profileWith({ udp: [], tcp: [], doh: [], dns_ms: 50 });
    const resolvers = new Resolvers(profile, {
      ...{ clock: realClock, udp, probe: probeDeps(realClock), lookup: hanging, isBogon: () => false },
    });
    expect(await resolvers.resolve('pool.example')).toMatchObject([{ family: 'A', failure: 'generic_timeout_error' }]);
    expect(asked).toBe(1);
  });
});
