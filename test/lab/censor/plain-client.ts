// Plain sockets in the worker's namespace, to see that the box does what it says: it knows nothing of our prober. argv[2] is a list
// of PlainOp in JSON, done one after the other; prints a list of what came of each.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A question over UDP: all answers that come in the time. */
interface AskOp {
  op: 'ask';
  server: string;
  name: string;
  for_ms: number;
}
/** A connection: what it says after the handshakes, once more after a pause where it has one, and what comes in the time. */
interface TalkOp {
  op: 'talk';
  host: string;
  port: number;
  tls?: { sni?: string; max?: 'TLSv1.2' };
  send?: string;
  again?: { after_ms: number; send: string };
  for_ms: number;
  /** So many at once. */
  times?: number;
}
export type PlainOp = AskOp | TalkOp;

export interface Asked {
  answers: { rcode: number; addresses: string[] }[];
}
export interface Talked {
  /** null: there was none in the time. */
  connected_ms: number | null;
  /** The handshake came to its end. */
  secure: boolean;
  /** Names in the peer's certificate, to tell one server from another. */
  names: number | null;
  bytes: number;
  /** When the last of them came, from the start. */
  last_byte_ms: number | null;
  text: string;
  /** How it ended: an error's code, `FIN`, or null when it was open to the last. */
  end: string | null;
  end_ms: number | null;
}
export type PlainResult = Asked | Talked[];

const TEXT_MAX = 400;

async function ask(o: AskOp): Promise<Asked> {
  const socket = createSocket('udp4');
  const answers: Asked['answers'] = [];
  socket.on('message', (message) => {
    const count = message.readUInt16BE(6);
    // Our answers and the forged ones end in their A records, 16 bytes each.
    const records = message.subarray(message.length - 16 * count);
    const addresses = Array.from({ length: count }, (_, i) => records.subarray(16 * i + 12, 16 * i + 16).join('.'));
    answers.push({ rcode: message.readUInt8(3) & 15, addresses });
  });
  // An ICMP error, where the port is closed.
  socket.on('error', () => undefined);
  const name = o.name.split('.').map((l) => Buffer.from([l.length, ...Buffer.from(l)]));
  const id = randomInt(65_536);
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  socket.send(Buffer.concat([head, ...name, Buffer.from([0, 0, 1, 0, 1])]), 53, o.server);
  await pause(o.for_ms);
  socket.close();
  return { answers };
}

function talk(o: TalkOp): Promise<Talked> {
  const started = performance.now();
  const since = (): number => Math.round(performance.now() - started);
  const { promise, resolve } = Promise.withResolvers<Talked>();
  const t: Talked = {
    ...{ connected_ms: null, secure: false, names: null, bytes: 0, last_byte_ms: null, text: '' },
    ...{ end: null, end_ms: null },
  };
  const raw = connect({ host: o.host, port: o.port });
  let wire: Socket = raw;
  const timers = [setTimeout(finish, o.for_ms)];
  function finish(): void {
    for (const timer of timers) clearTimeout(timer);
    wire.destroy();
    raw.destroy();
    resolve(t);
  }
  const ended = (how: string): void => {
    t.end ??= how;
    t.end_ms ??= since();
    finish();
  };
  const ready = (): void => {
    if (o.send !== undefined) wire.write(o.send);
    const { again } = o;
    if (again !== undefined) timers.push(setTimeout(() => wire.write(again.send), again.after_ms));
    wire.on('data', (chunk: Buffer) => {
      t.bytes += chunk.length;
      t.last_byte_ms = since();
      if (t.text.length < TEXT_MAX) t.text = (t.text + chunk.toString('latin1')).slice(0, TEXT_MAX);
    });
    wire.on('end', () => ended('FIN'));
  };
  const onError = (error: NodeJS.ErrnoException): void => ended(error.code ?? error.message);
  raw.on('error', onError);
  raw.on('connect', () => {
    t.connected_ms = since();
    if (o.tls === undefined) {
      ready();
      return;
    }
    const { sni, max } = o.tls;
    const secure = connectTls({
      ...{ socket: raw, rejectUnauthorized: false },
      ...(sni === undefined ? {} : { servername: sni }),
      ...(max === undefined ? {} : { maxVersion: max }),
    });
    wire = secure;
    secure.on('error', onError);
    secure.on('secureConnect', () => {
      t.secure = true;
      t.names = secure.getPeerCertificate().subjectaltname?.split(',').length ?? 0;
      ready();
    });
  });
  return promise;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

const results: PlainResult[] = [];
for (const o of JSON.parse(process.argv[2] ?? '[]') as PlainOp[]) {
  results.push(o.op === 'ask' ? await ask(o) : await Promise.all(Array.from({ length: o.times ?? 1 }, () => talk(o))));
}
process.stdout.write(JSON.stringify(results));
