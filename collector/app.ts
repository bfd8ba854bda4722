// Builds the collector's web server from its dependencies; main.ts listens, tests inject.
import cookie from '@fastify/cookie';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
} from 'fastify';
import { SpotrigError, messageOf } from '../platform/errors.ts';
import { requireReader, workerOf } from './access.ts';
import type { CollectorDeps } from './deps.ts';
import { Refusal } from './refusal.ts';
import { bulkRoutes } from './routes/bulk.ts';
import { controlRoute } from './routes/control.ts';
import { helloRoute } from './routes/hello.ts';
import { loginRoutes } from './routes/login.ts';
import { machineRoutes } from './routes/machines.ts';
import { metricsRoute } from './routes/metrics.ts';
import { orderRoutes } from './routes/orders.ts';
import { pageRoutes } from './routes/page.ts';
import { reachabilityRoutes } from './routes/reachability.ts';
import { readerRoutes } from './routes/reader.ts';
import { releaseRoutes } from './routes/release.ts';
import { reportsRoute } from './routes/reports.ts';

/** A whole request must have arrived by then: a worker's slow link sends 128 KB well within it, a slow-loris does not stay. */
const REQUEST_TIMEOUT_MS = 60_000;
/** What a worker should wait when the store failed. */
const STORE_RETRY_S = 10;

/** On every answer that does not set its own. */
const DEFAULT_HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['cache-control', 'no-store'],
] as const;

/** On the answers that a browser may show. */
const BROWSER_HEADERS = [
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  ],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
] as const;

/** The app, ready to listen or to be injected. Closing it does not close the store. */
export function buildApp(deps: CollectorDeps): FastifyInstance {
  const { tls, trust_proxy } = deps.settings;
  const options = {
    logger: false,
    bodyLimit: 4096,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: trust_proxy.length > 0 ? [...trust_proxy] : false,
    routerOptions: { maxParamLength: 128 },
    // A close waits for running answers, but not for idle keep-alive connections.
    forceCloseConnections: 'idle',
    ...(tls === null ? {} : { https: { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' } }),
  };
  const app = fastify(options as FastifyServerOptions);

  defaultHeaders(app, DEFAULT_HEADERS);
  app.setErrorHandler<FastifyError | Error>((error, _request, reply) => refuse(reply, refusalOf(error, deps), deps));
  app.setNotFoundHandler((_request, reply) => refuse(reply, new Refusal('not_found', 'there is nothing here'), deps));

  app.get('/healthz', async () => ({ ok: true }));
  app.register(async (scope) => releaseRoutes(scope, deps));
  app.register(async (worker) => {
    worker.decorateRequest('worker');
    // Before the body is read: a stranger costs no parsing.
    worker.addHook('onRequest', async (request) => {
      request.worker = await workerOf(request, deps);
    });
    worker.register(async (scope) => reportsRoute(scope, deps));
    worker.register(async (scope) => helloRoute(scope, deps));
    worker.register(async (scope) => controlRoute(scope, deps));
    worker.register(async (scope) => bulkRoutes(scope, deps));
  });
  app.register(async (browser) => {
    defaultHeaders(browser, BROWSER_HEADERS);
    browser.register(cookie);
    browser.register(async (scope) => loginRoutes(scope, deps));
    browser.register(async (scope) => pageRoutes(scope, deps));
    browser.register(async (reader) => {
      reader.addHook('onRequest', async (request) => requireReader(request, deps));
      readerRoutes(reader, deps);
      orderRoutes(reader, deps);
      machineRoutes(reader, deps);
      reachabilityRoutes(reader, deps);
      metricsRoute(reader, deps);
    });
  });
  return app;
}

function defaultHeaders(app: FastifyInstance, headers: readonly (readonly [name: string, value: string])[]): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    for (const [name, value] of headers) {
      if (!reply.hasHeader(name)) reply.header(name, value);
    }
    done(null, payload);
  });
}

function refuse(reply: FastifyReply, refusal: Refusal, deps: CollectorDeps): FastifyReply {
  deps.counters.add(`refused_${refusal.code}`);
  return reply.code(refusal.status).headers(refusal.headers).type('application/json').send(refusal.body());
}

function refusalOf(error: FastifyError | Error, deps: CollectorDeps): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof SpotrigError && error.code === 'store_failed') {
    deps.logger.error({ error: messageOf(error) }, 'the store failed');
    return new Refusal('store_unavailable', 'the report was not stored: send it again', {
      headers: { 'retry-after': String(STORE_RETRY_S) },
    });
  }
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413) return new Refusal('too_large', 'the body is too large');
  if (status === 415) return new Refusal('unsupported_media_type', 'this content type is not taken here');
  if (status !== undefined && status >= 400 && status < 500) return new Refusal('bad_request', messageOf(error));
  deps.logger.error({ error: messageOf(error), stack: error.stack }, 'a request failed');
  return new Refusal('internal_error', 'the collector failed; its log says why');
}
