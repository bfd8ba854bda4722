// Many bytes, or many small messages, against the owner's collector and never against a pool: a filter that freezes connections by
// count shows here. Counted on the raw connection, because a TLS record that is cut delivers nothing. Where the collector is slow,
// one front page of a Russian site tells whether the whole line is.
import type { Duplex } from 'node:stream';
import { connectTo, type ProbeConnection } from '../../stratum/probe/connection.ts';
import { hasWholeHead, parsePage } from '../../stratum/probe/page.ts';
import { tlsStep } from '../../stratum/probe/tls.ts';
import { THRESHOLDS } from '../../wire/judge/thresholds.ts';
import type { Failure } from '../../wire/failure.ts';
import type { Bulk } from '../../wire/reachability.ts';
import { collectorTarget, type CollectorAccess, type Peer, type RunContext } from './context.ts';

const CHUNK_BYTES = 4096;
const HEAD_MAX_BYTES = 16_384;
const HOME_SITES_MAX = 2;

/** Pull, push and messages, one after the other. Without a token only messages, which ask for a public page. Never rejects. */
export async function measureBulk(access: CollectorAccess, peer: Peer, c: RunContext): Promise<Bulk[]> {
  const { bulk_bytes, bulk_messages } = c.profile;
  const { target, path } = collectorTarget(access.url);
  const base = path.replace(/\/healthz$/, '');
  const auth = `Authorization: Bearer ${access.token ?? ''}`;
  const head = (line: string, ...more: string[]): string =>
    [line, `Host: ${target.host}`, `User-Agent: ${c.agent}`, ...more, '', ''].join('\r\n');
  const moves: [Bulk['form'], number, Move][] = [['messages', bulk_messages, messages(head(`GET ${path} HTTP/1.1`))]];
  if (access.token !== null) {
    moves.push(
      ['pull', bulk_bytes, pull(head(`GET ${base}/v1/bulk?bytes=${bulk_bytes} HTTP/1.1`, auth, 'Connection: close'))],
      [
        'push',
        bulk_bytes,
        push(
          head(
            `POST ${base}/v1/bulk HTTP/1.1`,
            auth,
            `Content-Length: ${bulk_bytes}`,
            'Content-Type: application/octet-stream',
            'Connection: close',
          ),
        ),
      ],
    );
  }
  // The token goes over this connection: to nobody but the collector.
  const isTrusted = ({ step, isTrusted: isSigned }: SecuredStep): boolean =>
    access.pins.length > 0 ? access.pins.includes(step.spki_sha256 ?? '') : isSigned;
  const done: Bulk[] = [];
  for (const [form, wanted, move] of moves) {
    const moved = await moveOnce(move, wanted, { peer, tls: target.tls, sni: target.sni, isTrusted }, c);
    done.push({ peer: 'collector', form, wanted, ...moved });
    const note = `${moved.moved} of ${wanted}`;
    c.trace({ target: null, what: `bulk ${form} ${target.host}`, ms: moved.ms, failure: moved.failure, note });
  }
  const isSlow = done.some(
    ({ form, moved, ms }) => form === 'pull' && moved > 0 && (moved * 8000) / ms <= THRESHOLDS.slow_bits_per_s,
  );
  return isSlow ? [...done, ...(await pullAtHome(c))] : done;
}

/** The front page of the first Russian site of the baseline that gives one, as far as the bulk goes. */
async function pullAtHome(c: RunContext): Promise<Bulk[]> {
  const wanted = c.profile.bulk_bytes;
  for (const site of c.profile.baseline.filter(({ kind }) => kind !== 'foreign_ordinary').slice(0, HOME_SITES_MAX)) {
    const { host, port } = site;
    const [address] = site.address === null ? (await c.resolvers.resolveAny(host)).addresses : [site.address];
    if (address === undefined) continue;
    const lines = ['GET / HTTP/1.1', `Host: ${host}`, `User-Agent: ${c.agent}`, 'Connection: close', '', ''];
    const to = { peer: { address, port, host }, tls: true, sni: host, isTrusted: () => true };
    const { moved, ms } = await moveOnce(pull(lines.join('\r\n')), wanted, to, c);
    c.trace({ target: null, what: `bulk pull ${host}`, ms, failure: null, note: `${moved} bytes` });
    // A page ends where it ends.
    if (moved > 0) return [{ peer: 'baseline', form: 'pull', wanted, moved, ms, failure: null }];
  }
  return [];
}

/** Moves until all is done or the connection ended; `moved` tells how far it came, at any time. */
type Move = (
  stream: Duplex,
  connection: ProbeConnection,
  wanted: number,
) => { moved: () => Promise<number>; end: Promise<Failure | null> };

type SecuredStep = Awaited<ReturnType<typeof tlsStep>>;

/** Where bulk is moved to. */
interface Mover {
  peer: Peer;
  tls: boolean;
  sni: string | null;
  isTrusted: (secured: SecuredStep) => boolean;
}

/** `ms` is without the handshakes. */
async function moveOnce(
  move: Move,
  wanted: number,
  to: Mover,
  c: RunContext,
): Promise<Pick<Bulk, 'moved' | 'ms' | 'failure'>> {
  let begun = c.clock.monoMs();
  const result = (moved: number, failure: Failure | null) => ({ moved, ms: c.clock.monoMs() - begun, failure });
  const { step, connection } = await connectTo(to.peer, c.limits.tcp_ms, c.deps.probe);
  if (connection === null) return result(0, step.failure);
  try {
    let stream: Duplex | null = null;
    if (to.tls) {
      const limits = { ack_ms: c.limits.ack_ms, timeout_ms: c.limits.tls_ms };
      const secured = await tlsStep(connection, { sni: to.sni }, limits);
      if (secured.stream === null) return result(0, secured.step.failure);
      if (!to.isTrusted(secured)) return result(0, 'ssl_unknown_authority');
      stream = secured.stream;
    }
    begun = c.clock.monoMs();
    const { moved, end } = move(stream ?? connection.stream(), connection, wanted);
    const limits = { ack_ms: c.profile.bulk_ms, timeout_ms: c.profile.bulk_ms };
    const ended = end.then((failure) => ({ failure }));
    const { value } = await connection.wait(ended, limits);
    const failure = value === null ? 'generic_timeout_error' : value.failure;
    return result(failure === null ? wanted : Math.min(wanted, await moved()), failure);
  } finally {
    await connection.close(c.limits.close_ms);
  }
}

/** Reads a body of so many bytes. */
function pull(head: string): Move {
  return (stream, connection, wanted) => {
    const before = connection.rx_bytes;
    const end = new Promise<Failure | null>((resolve) => {
      let text = '';
      let bodyBytes = -1;
      stream.on('data', (chunk: Buffer) => {
        if (bodyBytes >= 0) bodyBytes += chunk.length;
        else {
          text += chunk.toString('latin1');
          const at = text.indexOf('\r\n\r\n');
          if (at !== -1) bodyBytes = text.length - at - 4;
          else if (text.length > HEAD_MAX_BYTES) resolve('http_unexpected_status_code');
        }
        if (bodyBytes >= 0 && parsePage(text)?.status !== 200) resolve('http_unexpected_status_code');
        if (bodyBytes >= wanted) resolve(null);
      });
      void connection.ended.then((failure) => setImmediate(() => resolve(failure)));
    });
    stream.on('error', () => undefined);
    stream.write(head);
    return { moved: () => Promise.resolve(connection.rx_bytes - before), end };
  };
}

/** Sends a body of so many bytes and waits for the answer to it. */
function push(head: string): Move {
  return (stream, connection, wanted) => {
    const before = connection.tx_bytes;
    let text = '';
    const end = new Promise<Failure | null>((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString('latin1')).slice(0, HEAD_MAX_BYTES);
        if (!hasWholeHead(text)) return;
        const status = parsePage(text)?.status ?? 0;
        resolve(status >= 200 && status < 300 ? null : 'http_unexpected_status_code');
      });
      void connection.ended.then((failure) => setImmediate(() => resolve(failure)));
    });
    stream.on('error', () => undefined);
    stream.write(head);
    void pump(stream, wanted);
    const moved = async (): Promise<number> => {
      // What the kernel took and the peer did not acknowledge never arrived, as far as we know.
      const { tx_unacked_bytes } = await connection.ack();
      return Math.max(0, connection.tx_bytes - before - stream.writableLength - (tx_unacked_bytes ?? 0));
    };
    return { moved, end };
  };
}

async function pump(stream: Duplex, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !stream.destroyed; left -= CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, left), 0x5a);
    await new Promise<void>((resolve) => {
      stream.write(chunk, () => resolve());
    });
  }
}

/** Small questions on one connection, each after the answer to the one before. */
function messages(question: string): Move {
  return (stream, connection, wanted) => {
    let answered = 0;
    const end = new Promise<Failure | null>((resolve) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString('latin1')).slice(-HEAD_MAX_BYTES);
        const whole = wholeAnswer(text);
        if (whole === null) return;
        text = '';
        if (whole !== 'answered') resolve('http_unexpected_status_code');
        else if (++answered >= wanted) resolve(null);
        else stream.write(question);
      });
      void connection.ended.then((failure) => setImmediate(() => resolve(failure)));
    });
    stream.on('error', () => undefined);
    stream.write(question);
    return { moved: () => Promise.resolve(answered), end };
  };
}

/** Whether an answer with a Content-Length is there as a whole; null while it is not. */
function wholeAnswer(text: string): 'answered' | 'refused' | null {
  const at = text.indexOf('\r\n\r\n');
  if (at === -1) return null;
  const length = Number(/\r\ncontent-length:\s*(\d{1,6})/i.exec(text.slice(0, at))?.[1] ?? NaN);
  if (Number.isNaN(length)) return 'refused';
  if (text.length < at + 4 + length) return null;
  return (parsePage(text)?.status ?? 0) < 400 ? 'answered' : 'refused';
}
