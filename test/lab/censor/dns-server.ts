// The lab's true name server: answers for its zone over UDP, TCP and DoH (RFC 8484), and NXDOMAIN for all else.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, isIPv4, type Socket } from 'node:net';

type Zone = Readonly<Record<string, readonly string[]>>;

const NXDOMAIN = 3;
const TYPE_A = 1;
const TTL_S = 60;
const QUERY_MAX_BYTES = 512;

/** The answer to a query; null for what is none. */
function answerOf(query: Buffer, zone: Zone): Buffer | null {
  if (query.length < 17 || query.length > QUERY_MAX_BYTES || (query.readUInt8(2) & 0x80) !== 0) return null;
  const labels: string[] = [];
  let at = 12;
  while (at < query.length && query[at] !== 0) {
    const size = query[at] ?? 0;
    if (size > 63) return null;
    labels.push(query.toString('latin1', at + 1, at + 1 + size));
    at += 1 + size;
  }
  if (at + 5 > query.length) return null;
  const addresses = zone[labels.join('.').toLowerCase()];
  const found = query.readUInt16BE(at + 1) === TYPE_A ? (addresses ?? []).filter(isIPv4) : [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | (addresses === undefined ? NXDOMAIN : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(found.length, 6);
  const records = found.map((address) => {
    const record = Buffer.alloc(16);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(TYPE_A, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(TTL_S, 6);
    record.writeUInt16BE(4, 10);
    Buffer.from(address.split('.').map(Number)).copy(record, 12);
    return record;
  });
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

function serveStream(socket: Socket, zone: Zone): void {
  let bytes = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      const answer = answerOf(bytes.subarray(2, end), zone);
      bytes = bytes.subarray(end);
      if (answer === null) {
        socket.destroy();
        return;
      }
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
    if (bytes.length > QUERY_MAX_BYTES) socket.destroy();
  });
}

/** Port 53 of this address, UDP and TCP. */
export async function startDns(address: string, zone: Zone): Promise<void> {
  const udp = createSocket('udp4');
  udp.on('message', (query, from) => {
    const answer = answerOf(query, zone);
    if (answer !== null) udp.send(answer, from.port, from.address);
  });
  udp.bind(53, address);
  const tcp = createServer((socket) => serveStream(socket, zone)).listen(53, address);
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
}

/** `https://<address>/dns-query`, GET and POST. */
export async function startDoh(address: string, zone: Zone, tls: { key: Buffer; cert: Buffer }): Promise<void> {
  const server = createHttpsServer(tls, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://doh.example');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const query =
        request.method === 'POST' ? Buffer.concat(chunks) : Buffer.from(url.searchParams.get('dns') ?? '', 'base64url');
      const answer = url.pathname === '/dns-query' ? answerOf(query, zone) : null;
      if (answer === null) response.writeHead(400).end();
      else response.writeHead(200, { 'content-type': 'application/dns-message' }).end(answer);
    });
  });
  server.listen(443, address);
  await once(server, 'listening');
}
