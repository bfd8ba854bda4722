// A fake collector: it checks a report as the real one does, stores it in memory once, and fails on demand. In memory through
// `http`, or on a loopback port through `listen`.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { SpotrigError } from '../../platform/errors.ts';
import type { HttpAnswer, HttpRequest } from '../../platform/http.ts';
import { Envelope } from '../../wire/envelope.ts';
import { REPORT_BODY_MAX_BYTES } from '../../wire/limits.ts';

/** What happens to one request: `drop_before` loses it, `drop_after` stores it and loses the answer, else status and headers. */
export type Fate = 'ok' | 'drop_before' | 'drop_after' | (Pick<HttpAnswer, 'status'> & Partial<HttpAnswer>);

export class FakeCollector {
  /** Stored reports, oldest first: each (boot, seq) once. */
  readonly stored: Envelope[] = [];
  /** Every request that arrived, stored or not. */
  readonly seen: { url: string; headers: Record<string, string>; bytes: number }[] = [];
  /** Decides about each request; may be replaced at any time. */
  fate: (request: HttpRequest) => Fate = () => 'ok';

  /** Stands in for platform/http's httpRequest. */
  readonly http = (request: HttpRequest): Promise<HttpAnswer> => {
    const body = Buffer.from(request.body ?? '');
    this.seen.push({ url: request.url, headers: request.headers ?? {}, bytes: body.length });
    const fate = this.fate(request);
    if (fate === 'drop_before') return Promise.reject(lost());
    if (fate !== 'ok' && fate !== 'drop_after') return Promise.resolve({ headers: {}, body: Buffer.alloc(0), ...fate });
    const envelope = Envelope.parse(
      JSON.parse(gunzipSync(body, { maxOutputLength: REPORT_BODY_MAX_BYTES }).toString('utf8')),
    );
    const { boot, seq } = envelope;
    if (!this.stored.some((e) => e.boot === boot && e.seq === seq)) this.stored.push(envelope);
    if (fate === 'drop_after') return Promise.reject(lost());
    return Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ acked: seq })) });
  };

  /** Every record that arrived, in order. */
  get records(): Envelope['records'] {
    return this.stored.flatMap((e) => e.records);
  }

  /** Serves the same on 127.0.0.1; returns its base URL and what closes it. */
  async listen(): Promise<{ url: string; close: () => Promise<void> }> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
        this.http({ url: request.url ?? '', headers, body: Buffer.concat(chunks), timeoutMs: 0, maxBytes: 0 }).then(
          (answer) => response.writeHead(answer.status, answer.headers).end(answer.body),
          () => response.destroy(),
        );
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const close = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    return { url: `http://127.0.0.1:${port}`, close };
  }
}

function lost(): SpotrigError {
  return new SpotrigError('http_failed', 'request failed', { cause: new Error('socket hang up'), retryable: true });
}
