// Serves the built page under the collector's content policy, with an API that answers from a made-up fleet.
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readPage } from '../../collector/page-files.ts';
import type { PageFile } from '../../collector/page-files.ts';
import type { JudgedTarget } from '../../collector/analysis/reachability.ts';
import type { WorkersAnswer } from '../../wire/api.ts';
import { detailAnswer, eventsAnswer, seriesAnswer } from './fleet.ts';
import { machinesAnswer } from './machines.ts';
import { judgedSamples, reachabilityAnswer } from './matrix.ts';

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  'x-content-type-options': 'nosniff',
};

export interface PageServer {
  url: string;
  /** The workers that the API tells of; may be replaced at any time. */
  fleet: WorkersAnswer;
  /** What its workers have measured; may be replaced too. */
  samples: readonly JudgedTarget[];
  /** `up` answers, `broken` answers 503, `gone` cuts every API connection. */
  health: 'up' | 'broken' | 'gone';
  /** Number of requests to the API so far. */
  asked: number;
  close: () => Promise<void>;
}

function sendJson(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

function answerApi(server: PageServer, url: URL, response: ServerResponse) {
  const path = url.pathname;
  server.asked += 1;
  if (server.health === 'gone') return void response.destroy();
  if (server.health === 'broken') return sendJson(response, 503, { error: 'unavailable', message: 'try again' });
  if (path === '/api/v1/workers') return sendJson(response, 200, server.fleet);
  if (path.startsWith('/api/v1/reachability')) {
    return sendJson(response, 200, reachabilityAnswer(server.samples, url, Date.now()));
  }
  if (path === '/api/v1/machines') {
    const wanted = url.searchParams.get('worker');
    const { machines, hosts } = machinesAnswer(server.fleet.workers.map(({ id }) => id));
    return sendJson(response, 200, {
      machines: machines.filter((row) => row.worker === (wanted ?? row.worker)),
      hosts,
    });
  }
  if (path === '/api/v1/events') return sendJson(response, 200, eventsAnswer(server.fleet, Date.now()));
  const [, id, series] = /^\/api\/v1\/workers\/([^/]+)(\/series)?$/.exec(path) ?? [];
  const worker = server.fleet.workers.find((row) => row.id === id);
  if (worker === undefined) return sendJson(response, 404, { error: 'not_found', message: 'no such worker' });
  const now = Date.now();
  return sendJson(response, 200, series === undefined ? detailAnswer(worker, now) : seriesAnswer(worker, now));
}

/** Listens on loopback and serves the page that was built into `folder`. */
export async function startPageServer(folder: string, fleet: WorkersAnswer): Promise<PageServer> {
  const files = new Map<string, PageFile>((await readPage(folder)).map((file) => [file.path, file]));
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://page');
    if (url.pathname.startsWith('/api/')) return answerApi(server, url, response);
    const file = files.get(url.pathname);
    if (file === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { ...HEADERS, 'content-type': file.type }).end(file.bytes);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: PageServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    fleet,
    samples: judgedSamples(Date.now(), { targets: 7, networks: 8 }),
    health: 'up',
    asked: 0,
    close: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  return server;
}
