// All that a clean probe run meets, on loopback: twelve pools, half of them with TLS, baseline sites, resolvers of every kind, and a
// collector's control. Every raw byte and every connection of the prober is counted.
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import * as https from 'node:https';
import {
  connect as netConnect,
  createServer,
  type AddressInfo,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import * as tls from 'node:tls';
import type { Clock } from '../../platform/clock.ts';
import type { HttpAnswer, HttpRequest } from '../../platform/http.ts';
import type { CollectorAccess, NetDeps, RunTarget } from '../../reporter/net/context.ts';
import { prefixOf, poolKeyOf } from '../../reporter/net/plan.ts';
import { profileWith, type ProbeProfile } from '../../reporter/net/profile.ts';
import { poolTarget } from '../../reporter/net/targets.ts';
import { readAck } from '../../stratum/probe/ack.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { makeCertificate } from './certificate.ts';
import { wellTrial } from './reachability.ts';

export const POOLS = 12;
const ANSWER = '{"id":1,"result":[[["mining.set_difficulty","s"],["mining.notify","s"]],"08000002",4],"error":null}\n';
const COLLECTOR = 'http://127.0.0.200:1';

/** One connection of the prober, from its first packet to its end. */
interface Seen {
  /** Name of the pool; null for everything else. */
  pool: string | null;
  prefix: string;
  isTls: boolean;
}

export interface ProbeWorld extends AsyncDisposable {
  targets: RunTarget[];
  collectors: CollectorAccess[];
  profile: ProbeProfile;
  deps: NetDeps;
  /** Raw bytes so far, both ways: probes, baseline, DNS of all kinds, control. */
  bytes(): number;
  /** Connections to pools so far, and the most that were open at one moment: of one pool, to different pools, with TLS in one /24. */
  connections(): { all: number; perPool: number; pools: number; tlsPerPrefix: number };
}

/** `delayMs`: how long a pool thinks about its answer. `change` overrides the profile. */
export async function probeWorld(clock: Clock, delayMs: number, change: object = {}): Promise<ProbeWorld> {
  const identity = await makeCertificate('pool.example');
  const closing: (() => void)[] = [];
  const open = new Set<Seen>();
  const most = { all: 0, perPool: 0, pools: 0, tlsPerPrefix: 0 };
  let bytes = 0;

  const listening = async (server: Server, host: string): Promise<number> => {
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    });
    closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => void server.listen(0, host, resolve));
    return (server.address() as AddressInfo).port;
  };
  const talk = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.on('data', () => void setTimeout(() => socket.write(ANSWER), delayMs));
  };

  // Pools: each in a neighbourhood of its own, but for the last three with TLS, which share one.
  const addresses = new Map<string, string>();
  const poolAt = new Map<string, { pool: string; isTls: boolean }>();
  const targets: RunTarget[] = [];
  for (let i = 0; i < POOLS; i++) {
    const isTls = i % 2 === 1;
    const host = `eu.pool${i}.example`;
    const address = i >= 7 && isTls ? `127.9.9.${i}` : `127.9.${10 + i}.1`;
    const server = isTls ? (tls.createServer(identity, talk) as unknown as Server) : createServer(talk);
    const port = await listening(server, address);
    addresses.set(host, address);
    poolAt.set(`${address}:${port}`, { pool: poolKeyOf(host), isTls });
    const read = parsePoolUrl(`${isTls ? 'stratum+ssl' : 'stratum+tcp'}://${host}:${port}`);
    if ('complaints' in read) throw new Error(read.complaints.join());
    targets.push(poolTarget(read.pool, 'bitcoin'));
  }

  const sites: ProbeProfile['baseline'] = [];
  for (const [i, kind] of (['ru_allowlisted', 'ru_ordinary', 'foreign_ordinary'] as const).entries()) {
    for (const j of [1, 2]) {
      const address = `127.9.${100 + 2 * i + j}.1`;
      const port = await listening(tls.createServer(identity, talk) as unknown as Server, address);
      sites.push({ kind, host: `site${i}${j}.example`, port, address });
    }
  }

  const answer = (query: Buffer): Buffer => dnsAnswer(query, addresses);
  const udpServer = createSocket('udp4');
  udpServer.on('message', (query, peer) => udpServer.send(answer(query), peer.port, peer.address));
  await new Promise<void>((resolve) => void udpServer.bind(0, '127.0.0.1', resolve));
  closing.push(() => udpServer.close());
  const udpPort = udpServer.address().port;
  const tcpPort = await listening(
    createServer((socket) => {
      socket.on('data', (data) => {
        const reply = answer(data.subarray(2));
        socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
      });
    }),
    '127.0.0.1',
  );
  const doh: ProbeProfile['doh'] = [];
  const dohSockets: Socket[] = [];
  for (const name of ['one', 'two']) {
    const server = https.createServer(identity, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => response.end(answer(Buffer.concat(chunks))));
    });
    server.on('connection', (socket: Socket) => {
      dohSockets.push(socket);
    });
    const port = await listening(server, '127.0.0.1');
    doh.push({ name, url: `https://dns.example:${port}/dns-query`, address: '127.0.0.1', pin: identity.spki_sha256 });
  }

  const connect = ((options: NetConnectOpts & { host: string; port: number }) => {
    const { host, port } = options;
    const known = poolAt.get(`${host}:${port}`);
    const seen: Seen = { pool: known?.pool ?? null, prefix: prefixOf(host), isTls: known?.isTls ?? false };
    const socket = netConnect(options);
    socket.once('close', () => {
      bytes += socket.bytesRead + socket.bytesWritten;
      open.delete(seen);
    });
    open.add(seen);
    const now = [...open].filter((other) => other.pool !== null);
    if (known === undefined) return socket;
    most.all++;
    most.perPool = Math.max(most.perPool, now.filter((other) => other.pool === seen.pool).length);
    most.pools = Math.max(most.pools, new Set(now.map((other) => other.pool)).size);
    const beside = now.filter((other) => other.isTls && other.prefix === seen.prefix);
    most.tlsPerPrefix = Math.max(most.tlsPerPrefix, beside.length);
    return socket;
  }) as typeof netConnect;

  const udp = (type: 'udp4' | 'udp6'): UdpSocket => {
    const socket = createSocket(type);
    const send = socket.send.bind(socket) as (message: Buffer, done: (error: Error | null) => void) => void;
    socket.send = ((message: Buffer, done: (error: Error | null) => void) => {
      bytes += message.length;
      send(message, done);
    }) as typeof socket.send;
    socket.on('message', (message) => (bytes += message.length));
    return socket;
  };

  const control = async (request: HttpRequest): Promise<HttpAnswer> => {
    if (!request.url.startsWith(`${COLLECTOR}/v1/control`)) throw new Error('nothing there');
    const { entries } = JSON.parse(String(request.body)) as { entries: string[] };
    const samples = entries.map((entry) => {
      const address = addresses.get(new URL(entry).hostname) ?? '127.0.0.1';
      return {
        ...{ entry, by: 'control', at_ms: clock.nowMs(), operation: null, failure: null },
        ...{ addresses: [address], dns_failure: null, trials: [wellTrial(address)] },
      };
    });
    const network = { address: '127.0.0.1', asn: null, country: null, key: '127.0.0.0/24' };
    const body = Buffer.from(
      JSON.stringify({ v: 1, now_ms: clock.nowMs(), network, samples, unlisted: [], inside: [] }),
    );
    bytes += body.length + String(request.body).length + 600; // the heads of both
    return Promise.resolve({ status: 200, headers: {}, body });
  };

  const resolvers = ['first', 'second'].map((name) => ({ name, address: '127.0.0.1', port: udpPort }));
  return {
    targets,
    collectors: [{ url: COLLECTOR, pins: [], token: 'sr1.test' }],
    profile: profileWith({
      ...{ udp: resolvers, tcp: [{ name: 'first', address: '127.0.0.1', port: tcpPort }], doh, baseline: sites },
      ...{ captive: null, bogons: [], ...change },
    }),
    deps: {
      ...{ clock, random: Math.random, udp, http: control },
      probe: { clock, readAck, connect },
      lookup: (host, family) => {
        const address = addresses.get(host);
        if (family === 4 && address !== undefined) return Promise.resolve([{ address, family: 4 }]);
        return Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }));
      },
    },
    bytes: () => dohSockets.reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, bytes),
    connections: () => ({ ...most }),
    [Symbol.asyncDispose]: () => {
      for (const close of closing) close();
      return Promise.resolve();
    },
  };
}

/** One A record for a name of the table, none for all else. */
function dnsAnswer(query: Buffer, table: ReadonlyMap<string, string>): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const address = query.readUInt16BE(at + 1) === 1 ? table.get(labels.join('.')) : undefined;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(address === undefined ? 0 : 1, 6);
  const record = Buffer.from(
    `c00c00010001000000000004${Buffer.from((address ?? '').split('.').map(Number)).toString('hex')}`,
    'hex',
  );
  return Buffer.concat([header, query.subarray(12), ...(address === undefined ? [] : [record])]);
}
