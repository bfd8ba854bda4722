// A large body over HTTP, from a byte on: what downloads are made of.
import * as http from 'node:http';
import * as https from 'node:https';
import { SpotrigError } from './errors.ts';

export interface HttpBody {
  /** Every byte that arrived, also those before the connection broke, which is thrown after them as http_cut. */
  chunks: AsyncIterable<Buffer>;
  /** Ends the connection. Needed unless `chunks` was read to its end. */
  destroy(): void;
  /** Which byte of the file comes first: the offset that was asked for, or 0 where the server does not do ranges. */
  startsAt: number;
  /** The answer is a range (206), not the whole file. */
  isRange: boolean;
  /** Of the whole file; null where the server does not say. */
  totalBytes: number | null;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export interface BodyRequest {
  url: string;
  /** First byte that is wanted. */
  offset: number;
  /** Last byte that is wanted; to the end of the file where it is left out. */
  lastByte?: number;
  signal: AbortSignal;
  /** The far end has shown itself: TLS is up, or an answer began. What breaks after that is not a closed door. */
  onUp?: () => void;
}

/**
 * Asks for a file, or a range of it, and follows redirects (release pages send one on to a store), but never from https to http.
 * Throws SpotrigError: http_bad_url, http_redirect, http_status, http_bad_range (a range that was not asked for, or a file
 * that ends before `offset`), http_failed (with the cause); the signal's own reason when it is aborted.
 */
export async function openBody(o: BodyRequest): Promise<HttpBody> {
  let url = parseUrl(o.url);
  for (let redirects = 0; ; redirects++) {
    const response = await get(url, o);
    o.onUp?.();
    const status = response.statusCode ?? 0;
    if (!REDIRECTS.includes(status)) return checked(response, status, o);
    response.destroy();
    if (redirects === MAX_REDIRECTS) throw new SpotrigError('http_redirect', `more than ${MAX_REDIRECTS} redirects`);
    url = redirectTarget(url, response.headers.location);
  }
}

/** Where a redirect leads. Throws http_redirect for one that gives up TLS, http_bad_url for one that leads nowhere. */
export function redirectTarget(from: URL, location: string | undefined): URL {
  const to = parseUrl(URL.parse(location ?? '', from.href)?.href ?? '');
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new SpotrigError('http_redirect', `redirect from https to ${printableUrl(to.href)} refused`);
  }
  return to;
}

/** An address for a log or an error: no login, no query (signed addresses carry a key there). */
export function printableUrl(text: string): string {
  const url = URL.parse(text);
  return url === null ? 'not an address' : `${url.protocol}//${url.host}${url.pathname}`;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SpotrigError('http_bad_url', `not an http or https address: ${printableUrl(text)}`);
  }
  return url;
}

function get(url: URL, { offset, lastByte, signal, onUp }: BodyRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const module = url.protocol === 'https:' ? https : http;
    const range = offset > 0 || lastByte !== undefined ? { range: `bytes=${offset}-${lastByte ?? ''}` } : {};
    const headers = { 'accept-encoding': 'identity', ...range };
    // Family auto-selection gives each address 250 ms, and far hosts then fail falsely.
    const agent = new module.Agent({ keepAlive: false, autoSelectFamily: false });
    const request = module.get(url, { headers, agent, signal }, resolve);
    if (onUp !== undefined) request.once('socket', (socket) => socket.once('secureConnect', onUp));
    // Comes last, whatever came before: an answer that changes the protocol (101) has no other event.
    request.once('close', () => reject(new SpotrigError('http_failed', 'no answer came', { retryable: true })));
    // Stays: a connection may also break after the answer began, which the answer's stream reports by itself.
    request.on('error', (error) => {
      if (signal.aborted) reject(signal.reason as Error);
      else reject(new SpotrigError('http_failed', 'request failed', { cause: error, retryable: true }));
    });
  });
}

/** Chunks that wait to be read; above this the sender is held back. */
const WAITING_MAX_BYTES = 1024 * 1024;

/**
 * A stream's own iterator forgets what it holds when the connection breaks. On links that cut every connection after a few
 * kilobytes that would be all there is.
 */
function arriving(response: http.IncomingMessage): AsyncIterable<Buffer> {
  const waiting: Buffer[] = [];
  let bytes = 0;
  let broken: Error | null = null;
  let wake = (): void => undefined;
  response.on('data', (chunk: Buffer) => {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes > WAITING_MAX_BYTES) response.pause();
    wake();
  });
  response.once('error', (error) => {
    broken = error;
  });
  response.once('close', () => wake()); // always the last event, with or without an error

  return (async function* () {
    for (;;) {
      const chunk = waiting.shift();
      if (chunk !== undefined) {
        bytes -= chunk.length;
        if (response.isPaused()) response.resume();
        yield chunk;
      } else if (!response.closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (response.complete && broken === null) return;
      else throw new SpotrigError('http_cut', 'the connection broke', { cause: broken ?? undefined, retryable: true });
    }
  })();
}

function checked(response: http.IncomingMessage, status: number, { offset, lastByte }: BodyRequest): HttpBody {
  const refuse = (code: string, message: string): never => {
    response.destroy();
    throw new SpotrigError(code, message, { retryable: true, context: { status } });
  };
  const body = (startsAt: number, total: string | undefined): HttpBody => ({
    chunks: arriving(response),
    destroy: () => response.destroy(),
    startsAt,
    isRange: status === 206,
    totalBytes: wholeNumber(total),
  });
  if (status === 200) return body(0, response.headers['content-length']);
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
    if (range === null || Number(range[1]) !== offset || Number(range[2]) > (lastByte ?? Infinity)) {
      const got = response.headers['content-range'] ?? '';
      return refuse('http_bad_range', `asked for bytes ${offset}-${lastByte ?? ''}, got "${got}"`);
    }
    return body(offset, range[3]);
  }
  if (status === 416) return refuse('http_bad_range', `the file there ends before byte ${offset}`);
  return refuse('http_status', `answered ${status} ${response.statusMessage ?? ''}`.trimEnd());
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
