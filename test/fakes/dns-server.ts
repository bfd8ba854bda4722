// A DNS server for tests: answers A and AAAA over UDP from a function, and counts what it was asked.
import { type Socket, createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { parseIp } from '../../platform/ip-ranges.ts';

export interface FakeDns extends AsyncDisposable {
  /** `127.0.0.1:port` */
  address: string;
  /** Names that were asked for, with the type: `pool.example A`. */
  asked: string[];
}

const TYPES = new Map([
  [1, 'A'],
  [28, 'AAAA'],
]);
const NXDOMAIN = 3;

/** `answer` gives a name's addresses at each question; null = there is no such name. */
export async function fakeDns(answer: (name: string) => readonly string[] | null): Promise<FakeDns> {
  const asked: string[] = [];
  const socket: Socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    const { name, end } = nameAt(query);
    const type = query.readUInt16BE(end);
    asked.push(`${name} ${TYPES.get(type) ?? type}`);
    const all = answer(name);
    const family = type === 28 ? 6 : 4;
    const records = (all ?? []).filter((address) => isIP(address) === family).map((address) => recordOf(address, type));
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | (all === null ? NXDOMAIN : 0), 2);
    for (const [at, count] of [1, records.length, 0, 0].entries()) header.writeUInt16BE(count, 4 + at * 2);
    socket.send(Buffer.concat([header, query.subarray(12, end + 4), ...records]), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function nameAt(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function recordOf(address: string, type: number): Buffer {
  const bits = type === 28 ? 128 : 32;
  const hex = (parseIp(address)?.value ?? 0n).toString(16).padStart(bits / 4, '0');
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(bits / 8, 10);
  return Buffer.concat([head, Buffer.from(hex, 'hex')]);
}
