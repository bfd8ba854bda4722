// The pool relay: the miner connects here, on loopback, and the relay connects to one of the pool's endpoints. Lines pass
// unchanged and are read along for the share meter. When an endpoint fails, the miner's connection is closed and the miner, which
// knows nothing of this, logs in again through the relay at the next one. Retrying is the miner's job.
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { messageOf, SpotrigError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Failure } from '../wire/failure.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { Stall } from '../wire/reachability.ts';
import { LINK_SOCKET } from './dial.ts';
import { Link, LINK_TIMERS, type LinkEnd, type LinkTimers } from './link.ts';
import { CHOICE_TIMERS, PoolChoice, type ChoiceTimers, type EndpointState, type RelayEvent } from './pool-choice.ts';
import { VolatileKeys, type KeyMemory } from './pool-key.ts';
import type { PoolUrl } from './pool-url.ts';
import type { EndpointRank } from './route.ts';
import type { ShareMeter } from './share-meter.ts';

/** A miner has one connection, seldom two; more is a loop somewhere. */
const MINERS_MAX = 16;

/** All that the relay waits for, and how long. */
export type RelayTimers = ChoiceTimers & LinkTimers;

interface RelayState {
  /** The endpoint in use, without a login. */
  pool: string;
  /** Connections of miners now, and those of them that a pool serves. */
  connections: number;
  served: number;
  dialect: Dialect;
  /** Time of the last TCP connection to a pool; null before one stood. */
  connect_ms: number | null;
  /** Why no pool served last time; null when one does or did. */
  failure: Failure | null;
  /** In the setting's order. */
  endpoints: EndpointState[];
}

export interface RelayOptions {
  listenHost: '127.0.0.1';
  /** 0 takes a free one. A miner that outlives Node knows only the old port: keep it over restarts. */
  listenPort: number;
  /** At least one, in order of preference. */
  endpoints: readonly PoolUrl[];
  /** Where the machine stands: endpoints tagged with it come first. */
  country?: string | null;
  /** The password where the endpoint has no login of its own; the miner's stays when there is none here. */
  password?: string;
  clock: Clock;
  logger: Logger;
  meter: ShareMeter;
  /** Keys of pools that sign their own certificates; a memory that ends with the process by default. */
  keys?: KeyMemory;
  onEvent(event: RelayEvent): void;
  /** Whether a connection through this export of frp carried data. */
  onExport?(name: string, isWell: boolean): void;
  /** A connection died that had served: evidence about the endpoint of this url. */
  onStall?(url: string, stall: Stall): void;
  /** The miner's name of the algorithm, for what its pools mean; a Bitcoin pool by default. */
  algo?: string;
  timers?: Partial<RelayTimers>;
}

export interface Relay {
  readonly port: number;
  state(): RelayState;
  /**
   * Takes measurements of the endpoints, all of them at once; a better one is moved to when it is time. `sinceMs`: by the monotonic clock,
   * when the first of them began.
   */
  setRanking(ranks: readonly EndpointRank[], sinceMs: number): void;
  /** Ends all connections after what is on its way, and frees the port. */
  close(): Promise<void>;
}

/** Starts the relay. Rejects with SpotrigError `relay_listen_failed` when the port cannot be had. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const { clock, logger } = options;
  const timers: RelayTimers = { ...CHOICE_TIMERS, ...LINK_TIMERS, ...options.timers };
  const links = new Set<Link>();
  let count = 0;
  let last: Pick<RelayState, 'dialect' | 'connect_ms'> = { dialect: 'unknown', connect_ms: null };

  const choice = new PoolChoice({
    endpoints: options.endpoints,
    country: options.country ?? null,
    clock,
    keys: options.keys ?? new VolatileKeys(),
    timers,
    emit: (event) => {
      logger[event.level]({ event: event.event, detail: event.detail, failure: event.failure }, 'pool connection');
      options.onEvent(event);
    },
    onMove: (place) => {
      for (const link of links) if (link.leg !== null && link.leg.place !== place) link.close();
    },
    onExport: (name, isWell) => options.onExport?.(name, isWell),
  });
  const served = (): number => [...links].filter((link) => link.isServed && link.end === null).length;
  const latest = (link: Link | undefined): typeof last => ({
    dialect: link?.dialect ?? last.dialect,
    connect_ms: link?.leg?.connect_ms ?? last.connect_ms,
  });

  function onServed({ leg }: Link): void {
    if (leg === null) return;
    choice.served(leg.place);
    if (served() > 1) return;
    const detail = `${leg.pool.url}, connected in ${leg.connect_ms.toFixed(0)} ms`;
    choice.tell(leg.place, { event: 'pool_connected', level: 'info', detail, failure: null });
  }

  function onLoginRefused(link: Link, text: string): void {
    const { leg } = link;
    if (leg === null) return;
    const detail = `${leg.pool.url} refused the login: ${printable(text)}`;
    choice.tell(leg.place, { event: 'pool_login_refused', level: 'warn', detail, failure: null });
    if (choice.refused(leg.place) && !link.isServed) link.close();
  }

  function onEnded(link: Link, { by, failure, silentMs }: LinkEnd): void {
    const { leg, stall } = link;
    if (leg === null) return;
    if (stall !== null) options.onStall?.(leg.pool.url, stall);
    const isFault = by === 'pool' && failure !== null;
    const silence = silentMs === null ? '' : ` (no answer for ${(silentMs / 1000).toFixed(0)} s)`;
    const why = failure === null ? '' : `: ${failure}${silence}`;
    const level = by === 'pool' ? 'warn' : 'info';
    if (link.servedMs !== null) {
      if (isFault && silentMs === null) choice.ended(leg.place, link.servedMs, failure);
      else if (isFault) choice.failed(leg.place, failure);
      if (served() > 0) return;
      const detail = `${leg.pool.url}, ended by the ${by}${why}`;
      choice.tell(leg.place, { event: 'pool_disconnected', level, detail, failure });
    } else if (isFault && !link.isRefused) {
      choice.failed(leg.place, failure);
      const detail = `${leg.pool.url} left before a login${why}`;
      choice.tell(leg.place, { event: 'pool_unreachable', level, detail, failure });
    }
  }

  const server = createServer({ ...LINK_SOCKET, pauseOnConnect: true }, (miner) => {
    count += 1;
    const link: Link = new Link({
      number: count,
      miner,
      connect: (signal) => choice.connect(signal),
      password: options.password ?? null,
      clock,
      meter: options.meter,
      timers,
      ...(options.algo === undefined ? {} : { algo: options.algo }),
      onServed: () => onServed(link),
      onLoginRefused: (text) => onLoginRefused(link, text),
      onEnded: (end) => onEnded(link, end),
      onClosed: () => {
        links.delete(link);
        last = latest(link);
      },
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
      pool: choice.inUse.url,
      connections: links.size,
      served: served(),
      ...latest([...links].at(-1)),
      failure: choice.failure,
      endpoints: choice.state(),
    }),
    setRanking: (ranks, sinceMs) => choice.setRanking(ranks, sinceMs),
    close: () =>
      new Promise((resolve) => {
        choice.stop();
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
