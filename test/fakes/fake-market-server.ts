// The fake market as a server on loopback, for commands that really run. Its clock is the fake's own: Date and the snapshot's name tell it.
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeMarket } from './fake-market.ts';

export interface FakeMarketServer {
  /** For --api. */
  url: string;
  /** Requests to the API (not to the snapshot) that came less than a second after the answer before. */
  readonly hasty: number[];
  /** Called when a request has come whole, and again when its answer is about to leave. */
  onMoment: (moment: 'asked' | 'processed', path: string) => void;
  close(): Promise<void>;
}

/** A little less than a second: timers end a moment early. */
const PACE_MS = 990;

export async function serveFakeMarket(market: FakeMarket): Promise<FakeMarketServer> {
  let answeredMs = -Infinity;
  const fake: FakeMarketServer = { url: '', hasty: [], onMoment: () => undefined, close };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  fake.url = `${base}/v1`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '' } = request;
    const [, taken] = /^\/snapshot_(\d+)\.json$/.exec(url) ?? [];
    if (taken !== undefined) {
      response.end(JSON.stringify(market.snapshot(Number(taken))));
      return;
    }
    if (performance.now() - answeredMs < PACE_MS) fake.hasty.push(performance.now() - answeredMs);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = url.replace(/^\/v1/, '');
    fake.onMoment('asked', path);
    const key = request.headers['auth'];
    const answer = market.handle(
      method,
      path,
      typeof key === 'string' ? key : undefined,
      Buffer.concat(chunks).toString(),
      base,
    );
    fake.onMoment('processed', path);
    answeredMs = performance.now();
    if (answer === null) request.socket.destroy();
    else response.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async function close(): Promise<void> {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  return fake;
}
