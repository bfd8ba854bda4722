// A fake of a pool's HTTP API in miningcore's form, over real HTTP, that can also lag, lie, forget, and hang.
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How it answers from now on. */
export type PoolApiMode =
  'honest' | 'unknown_account' | 'empty_list' | 'not_json' | 'html' | 'busy' | 'hang' | 'endless';

export class FakePoolApi {
  mode: PoolApiMode = 'honest';
  /** What it credits, H/s by the pool's name of a worker. */
  rates: Record<string, unknown> = {};
  /** The moment of its figures; null: it leaves the moment out. */
  created_ms: number | null = null;
  asked = 0;
  /** Called before each answer, with the number of questions so far: a story of answers sets the fields above here. */
  beforeAnswer: (asked: number) => void = () => {};
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakePoolApi> {
    const server = createServer();
    const api = new FakePoolApi(server);
    server.on('request', (_request, response) => {
      api.asked += 1;
      api.beforeAnswer(api.asked);
      const send = (status: number, type: string, body: string): void => {
        response.writeHead(status, { 'content-type': type, ...(status === 429 ? { 'retry-after': '90' } : {}) });
        response.end(body);
      };
      switch (api.mode) {
        case 'honest':
          return send(200, 'application/json', JSON.stringify(api.#account()));
        case 'empty_list':
          return send(200, 'application/json', JSON.stringify({ pendingShares: 0, performance: null }));
        case 'unknown_account':
          return send(404, 'application/json', '{}');
        case 'not_json':
          return send(200, 'application/json', '{"performance":{"workers":');
        case 'html':
          return send(200, 'text/html', '<html>Checking your browser</html>');
        case 'busy':
          return send(429, 'text/plain', 'later');
        case 'endless': {
          response.writeHead(200, { 'content-type': 'application/json' });
          const more = (): void => {
            while (!response.destroyed && response.write(' '.repeat(65_536)));
          };
          response.on('drain', more);
          return more();
        }
        case 'hang':
          return undefined;
      }
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/pools/rvn1/miners/RWallet`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #account(): unknown {
    const workers = Object.fromEntries(
      Object.entries(this.rates).map(([name, hashrate]) => [name, { hashrate, sharesPerSecond: 0.1 }]),
    );
    const created = this.created_ms === null ? {} : { created: new Date(this.created_ms).toISOString() };
    return { pendingShares: 12.5, totalPaid: 1, performance: { ...created, workers } };
  }
}
