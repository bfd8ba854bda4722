// HTTP for the worker on node:http(s): small enough for rented rigs with 4 GB (facts: undici from npm costs 23 MB there).
import { createHash, timingSafeEqual } from 'node:crypto';
import type * as http from 'node:http';
import type * as https from 'node:https';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SpotrigError } from './errors.ts';

export interface HttpRequest {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  /** Whole exchange, from the look-up of the name to the last byte. */
  timeoutMs: number;
  /** A longer answer is an error: nothing that we ask for is larger. */
  maxBytes: number;
  /** Base64 SHA-256 of the server's public key (SPKI); one must match. Replaces the check of the certificate's chain. */
  pinSha256?: readonly string[];
  signal?: AbortSignal;
  /** Where the connection goes instead: what is asked for stays the URL's (Host, the name in TLS, the certificate's name). */
  connectTo?: { host: string; port: number };
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/**
 * One request, no redirects, no connection kept (connections that live long are what filters freeze). Node's family
 * auto-selection is off: it gives each address 250 ms, and far hosts then fail falsely.
 * Throws SpotrigError: http_timeout, http_too_large, http_pin_mismatch, http_failed (with the cause), http_bad_url.
 */
export function httpRequest(r: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const url = URL.parse(r.url);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      reject(new SpotrigError('http_bad_url', `not an http or https address: ${r.url}`));
      return;
    }
    const timeout = AbortSignal.timeout(r.timeoutMs);
    const signal = r.signal === undefined ? timeout : AbortSignal.any([r.signal, timeout]);
    const body = typeof r.body === 'string' ? Buffer.from(r.body) : r.body;
    // Loaded at the first request: the two cost some milliseconds, and the miner's start comes first.
    const module = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http') as typeof http &
      typeof https;
    const { connectTo } = r;
    const pinned = r.pinSha256 !== undefined && r.pinSha256.length > 0;
    const options: https.RequestOptions = {
      method: r.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(connectTo === undefined ? {} : { host: url.host }),
        ...r.headers,
        ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
      },
      agent: new module.Agent({ keepAlive: false, autoSelectFamily: false }),
      signal,
      ...(pinned ? { rejectUnauthorized: false } : {}),
      ...(connectTo === undefined ? {} : elsewhere(url, connectTo)),
    };
    const fail = (error: unknown): void => {
      if (error instanceof SpotrigError) reject(error);
      else if (timeout.aborted) {
        reject(new SpotrigError('http_timeout', `no whole answer within ${r.timeoutMs} ms`, { retryable: true }));
      } else reject(new SpotrigError('http_failed', 'request failed', { cause: error, retryable: true }));
    };
    const request = module.request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > r.maxBytes) {
          fail(new SpotrigError('http_too_large', `answer has more than ${r.maxBytes} bytes`));
          request.destroy();
        } else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('aborted', () => fail(new Error('the answer was cut off')));
      response.once('end', () => {
        const headers: Record<string, string> = {};
        for (const [k, v] of Object.entries(response.headers)) if (v !== undefined) headers[k] = String(v);
        resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) });
      });
    });
    request.on('error', fail);
    // Comes last, whatever came before: an answer that changes the protocol (101) has no other event.
    request.once('close', () => fail(new Error('the connection ended without a whole answer')));
    const pins = r.pinSha256;
    if (pinned && pins !== undefined && url.protocol === 'https:') {
      // Nothing of the request leaves before the key is known to be the right one.
      request.once('socket', (socket) => {
        socket.once('secureConnect', () => {
          if (!pinMatches(socket as TLSSocket, pins)) {
            request.destroy(
              new SpotrigError('http_pin_mismatch', 'the server has another public key than the one pinned'),
            );
          } else request.end(body);
        });
      });
    } else request.end(body);
  });
}

/** Options for the URL's server at another address. An address has no name to send in TLS, but a certificate may carry it. */
function elsewhere(url: URL, { host, port }: { host: string; port: number }): https.RequestOptions {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return {
    ...{ hostname: host, port, servername: isIP(name) === 0 ? name : '' },
    checkServerIdentity: (_name, certificate) =>
      process.getBuiltinModule('node:tls').checkServerIdentity(name, certificate),
  };
}

/** Whether the server's public key is one of these (base64 SHA-256 of the SPKI). */
export function pinMatches(socket: TLSSocket, pins: readonly string[]): boolean {
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  if (key === undefined) return false;
  const seen = createHash('sha256').update(key).digest();
  return pins.some((pin) => {
    const wanted = Buffer.from(pin, 'base64');
    return wanted.length === seen.length && timingSafeEqual(wanted, seen);
  });
}
