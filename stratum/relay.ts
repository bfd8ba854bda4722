// The pool relay: the miner connects here, on loopback, and the relay connects to the pool. Lines pass unchanged and are
// read along for the share meter. Retrying is the miner's job: a pool that is not reached closes the miner's connection.
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { messageOf, SpotrigError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Failure } from '../wire/failure.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { LifecycleEvent } from '../wire/records.ts';
import { LINK_SOCKET } from './dial.ts';
import type { DialectHint } from './dialects/detect.ts';
import { Link } from './link.ts';
import type { PoolUrl } from './pool-url.ts';
import type { ShareMeter } from './share-meter.ts';

/** A miner has one connection, seldom two; more is a loop somewhere. */
const MINERS_MAX = 16;

/** What the owner should hear of. `detail` holds no login. */
export interface RelayEvent {
  event: Extract<LifecycleEvent, 'pool_connected' | 'pool_disconnected' | 'pool_unreachable' | 'pool_login_refused'>;
  level: 'info' | 'warn';
  detail: string;
  failure: Failure | null;
}

interface RelayState {
  /** Without a login. */
  pool: string;
  /** Connections of miners now, and those of them that the pool serves. */
  connections: number;
  served: number;
  dialect: Dialect;
  /** Time of the last TCP connection to the pool; null before one stood. */
  connect_ms: number | null;
  /** Why the pool did not serve last time; null when it does or did. */
  failure: Failure | null;
}

export interface RelayOptions {
  listenHost: '127.0.0.1';
  /** 0 takes a free one. A miner that outlives Node knows only the old port: keep it over restarts. */
  listenPort: number;
  endpoint: PoolUrl;
  /** The password where the endpoint has no login of its own; the miner's stays when there is none here. */
  password?: string;
  clock: Clock;
  logger: Logger;
  meter: ShareMeter;
  onEvent(event: RelayEvent): void;
  /** What is known of the algorithm's pools (see algoProfile); a Bitcoin pool by default. */
  hint?: DialectHint;
}

export interface Relay {
  readonly port: number;
  state(): RelayState;
  /** Ends all connections after what is on its way, and frees the port. */
  close(): Promise<void>;
}

/** Starts the relay. Rejects with SpotrigError `relay_listen_failed` when the port cannot be had. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { endpoint, logger } = options;
  const links = new Set<Link>();
  let count = 0;
  let dialect: Dialect = 'unknown';
  let connect_ms: number | null = null;
  let failure: Failure | null = null;
  let told: string | null = null;

  const emit = (event: RelayEvent): void => {
    // The same trouble is told once: the miner tries again every few seconds.
    if (event.detail === told) return;
    told = event.detail;
    logger[event.level]({ event: event.event, pool: endpoint.url, failure: event.failure }, 'pool connection');
    options.onEvent(event);
  };
  const served = (): number => [...links].filter((link) => link.isServed).length;

  const latest = (link: Link | undefined): Pick<RelayState, 'dialect' | 'connect_ms'> => ({
    dialect: link?.dialect ?? dialect,
    connect_ms: link?.connect_ms ?? connect_ms,
  });

  function onServed(link: Link): void {
    failure = null;
    if (served() > 1) return;
    const took = link.connect_ms === null ? '' : `, connected in ${link.connect_ms.toFixed(0)} ms`;
    emit({ event: 'pool_connected', level: 'info', detail: `${endpoint.url}${took}`, failure: null });
  }

  function onClosed(link: Link): void {
    links.delete(link);
    ({ dialect, connect_ms } = latest(link));
    const { by = 'relay', failure: reason = null } = link.end ?? {};
    if (link.isServed) {
      if (by === 'pool') failure = reason;
      if (served() > 0) return;
      const why = reason === null ? '' : `: ${reason}`;
      const level = by === 'pool' ? 'warn' : 'info';
      emit({ event: 'pool_disconnected', level, detail: `${endpoint.url}, ended by the ${by}${why}`, failure: reason });
    } else if (by === 'pool') {
      failure = reason;
      if (link.isRefused) return;
      const stage = link.connect_ms === null ? 'not reached' : 'left before a login';
      emit({ event: 'pool_unreachable', level: 'warn', detail: `${endpoint.url} ${stage}: ${reason ?? ''}`, failure });
    }
  }

  const server = createServer({ ...LINK_SOCKET, pauseOnConnect: true }, (miner) => {
    count += 1;
    const link: Link = new Link({
      number: count,
      miner,
      pool: endpoint,
      password: options.password ?? null,
      clock: options.clock,
      meter: options.meter,
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      onServed: () => onServed(link),
      onLoginRefused: (text) => {
        const detail = `${endpoint.url} refused the login: ${printable(text)}`;
        emit({ event: 'pool_login_refused', level: 'warn', detail, failure: null });
      },
      onClosed: () => onClosed(link),
    });
    links.add(link);
    void link.open();
  });
  server.maxConnections = MINERS_MAX;
  server.on('drop', () => logger.warn({ max: MINERS_MAX }, 'too many miner connections, one refused'));
  await listen(server, options);
  server.on('error', (error) => logger.error({ error: messageOf(error) }, 'relay server failed'));

  return {
    port: (server.address() as AddressInfo).port,
    state: () => ({
      pool: endpoint.url,
      connections: links.size,
      served: served(),
      ...latest([...links].at(-1)),
      failure,
    }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of links) link.close();
      }),
  };
}

function listen(server: Server, { listenHost, listenPort }: RelayOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      const message = `the relay cannot listen on ${listenHost}:${String(listenPort)}`;
      reject(new SpotrigError('relay_listen_failed', message, { cause, retryable: true }));
    };
    server.once('error', onError);
    server.listen(listenPort, listenHost, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/** A pool's words, fit for one line of a report. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ').slice(0, 200);
}
