// Step 1 spoken on an open connection (plain, or inside TLS), the HTTP request of a collector or baseline site, and the watch over
// a connection that works.
import type { Duplex } from 'node:stream';
import type { Failure } from '../../wire/failure.ts';
import type { AddressTrial, Stall, StratumStep } from '../../wire/reachability.ts';
import type { Clock } from '../../platform/clock.ts';
import type { AckReading } from './ack.ts';
import type { ProbeConnection, WaitLimits } from './connection.ts';
import type { FirstRequest } from './first-request.ts';
import { hasWholeHead, parsePage, type Page } from './page.ts';
import { classifyReply, isWholeReply, REPLY_MAX_BYTES } from './reply.ts';

/** Bytes that came, and how it ended where it ended before enough had come. */
interface Heard {
  bytes: Buffer;
  end: Failure | null;
}

/** Sends the request and names what came back. Never rejects. */
export async function stratumStep(
  connection: ProbeConnection,
  stream: Duplex,
  request: FirstRequest,
  limits: WaitLimits,
): Promise<StratumStep> {
  const before = connection.rx_bytes;
  const { heard, ms, ack } = await ask(connection, stream, request.line, isWholeReply, limits);
  return {
    ms,
    step: request.method,
    ...classifyReply(heard.bytes, heard.end, request.hasLogin),
    rx_raw_bytes: connection.rx_bytes - before,
    ...ack,
  };
}

/** `GET path` and the head of the answer; a status other than 2xx is a failure (a page that stands in the way). Never rejects. */
export async function httpStep(
  connection: ProbeConnection,
  stream: Duplex,
  request: { host: string; path: string; agent: string },
  limits: WaitLimits,
): Promise<NonNullable<AddressTrial['http']>> {
  const lines = [`GET ${request.path} HTTP/1.1`, `Host: ${request.host}`, `User-Agent: ${request.agent}`];
  const text = [...lines, 'Accept: */*', 'Connection: close', '', ''].join('\r\n');
  const isWhole = (bytes: Buffer): boolean => bytes.length >= REPLY_MAX_BYTES || hasWholeHead(bytes.toString('latin1'));
  const before = connection.rx_bytes;
  const { heard, ms, ack } = await ask(connection, stream, text, isWhole, limits);
  const page = parsePage(heard.bytes.toString('latin1'));
  return {
    failure: httpFailure(page, heard.end),
    ms,
    status: page?.status ?? null,
    location_host: page?.location_host ?? null,
    rx_raw_bytes: connection.rx_bytes - before,
    ...ack,
  };
}

function httpFailure(page: Page | null, end: Failure | null): Failure | null {
  if (page === null) return end ?? 'unknown_failure: no HTTP answer';
  if (page.status >= 300 && page.status < 400) return 'http_unexpected_redirect_url';
  return page.status >= 200 && page.status < 300 ? null : 'http_unexpected_status_code';
}

async function ask(
  connection: ProbeConnection,
  stream: Duplex,
  text: string,
  isWhole: (bytes: Buffer) => boolean,
  limits: WaitLimits,
): Promise<{ heard: Heard; ms: number; ack: AckReading }> {
  let bytes = Buffer.alloc(0);
  const heard = new Promise<Heard>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      if (bytes.length >= REPLY_MAX_BYTES) return;
      bytes = Buffer.concat([bytes, chunk]).subarray(0, REPLY_MAX_BYTES);
      if (isWhole(bytes)) resolve({ bytes, end: null });
    });
    stream.once('error', () => undefined);
    void connection.ended.then((end) => {
      // Bytes that came before the end are decrypted and read first.
      setImmediate(() => setImmediate(() => resolve({ bytes, end })));
    });
  });
  stream.write(text);
  const waited = await connection.wait(heard, limits);
  return { heard: waited.value ?? { bytes, end: 'generic_timeout_error' }, ms: waited.ms, ack: waited.ack };
}

export interface WatchLimits {
  /** How long the connection is watched. */
  watch_ms: number;
  /** It stood still only if nothing came for this long before the watch's end: a lossy path has short gaps (facts/censorship.md 3.3, row 4). */
  quiet_ms: number;
  /** After it, our FIN must be acknowledged or answered within this. */
  ack_ms: number;
}

/**
 * Watches a connection that answered, without a word of ours: early freezes and kills show there. A quiet pool is no frozen
 * one, so the watch ends with a FIN: a living path acknowledges it. The connection is then done. `begunMonoMs` is when it was
 * opened. Never rejects.
 */
export async function watch(
  connection: ProbeConnection,
  stream: Duplex,
  begunMonoMs: number,
  limits: WatchLimits,
  clock: Clock,
): Promise<Stall> {
  let messages = 1; // the answer to step 1
  let lastMs = clock.monoMs();
  stream.on('data', (chunk: Buffer) => {
    lastMs = clock.monoMs();
    for (const byte of chunk) if (byte === 0x0a) messages++;
  });
  const stall = (end: Stall['end'], atMs: number, ack: AckReading, idle_ms: number | null = null): Stall => {
    const raw_bytes = connection.rx_bytes;
    return { raw_bytes, packets: null, messages, age_ms: atMs - begunMonoMs, idle_ms, end, ...ack };
  };
  const ended = await within(clock, limits.watch_ms, connection.ended);
  const nowMs = clock.monoMs();
  if (ended !== null) return stall(ended === 'eof_error' ? 'fin' : 'rst', nowMs, await connection.ack());
  const frozenMs = lastMs;
  connection.finish();
  const answered = await within(clock, limits.ack_ms, connection.ended);
  const ack = await connection.ack();
  const idleMs = nowMs - frozenMs;
  const isSwallowed = answered === null && (ack.tx_unacked_bytes ?? 0) > 0 && idleMs >= limits.quiet_ms;
  return isSwallowed ? stall('silence', frozenMs, ack, idleMs) : stall('alive', nowMs, ack, idleMs);
}

/** What comes within the time; null when nothing does. */
async function within<T>(clock: Clock, ms: number, event: Promise<T>): Promise<T | null> {
  const over = new AbortController();
  const late = clock.sleep(ms, over.signal).then(
    () => null,
    () => null,
  );
  const first = await Promise.race([event, late]);
  over.abort();
  return first;
}
