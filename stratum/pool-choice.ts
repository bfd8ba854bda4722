// Which of the endpoints the miners are on: dials them in the order of route.ts until one stands, remembers how each behaves, and
// says when a better one is well again.
import type { Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import type { Failure } from '../wire/failure.ts';
import type { LifecycleEvent } from '../wire/records.ts';
import { standing } from '../wire/standing.ts';
import { DIAL_LIMIT_MS, dialPool } from './dial.ts';
import { EndpointHealth, HEALTH_TIMERS, type HealthTimers, type Trouble } from './health.ts';
import type { KeyMemory } from './pool-key.ts';
import type { PoolUrl } from './pool-url.ts';
import { betterThanCurrent, route, type EndpointRank, type RouteInput } from './route.ts';

/** What the owner should hear of. `detail` holds no login. */
export interface RelayEvent {
  event: Extract<
    LifecycleEvent,
    | 'pool_connected'
    | 'pool_disconnected'
    | 'pool_unreachable'
    | 'pool_login_refused'
    | 'pool_switched'
    | 'pool_key_changed'
    | 'frp_egress_used'
    | 'frp_egress_left'
  >;
  level: 'info' | 'warn';
  detail: string;
  failure: Failure | null;
}

export interface ChoiceTimers extends HealthTimers {
  /** For one endpoint to be dialled, and the same while another one could be tried. */
  dialMs: number;
  dialHurriedMs: number;
  /** So long a miner's connection is held when no endpoint may be dialled yet. */
  holdMs: number;
  /** Between two looks at whether a better endpoint is well again. */
  reconsiderMs: number;
  /** From one move to the next by a better verdict; by mere preference it is `calmMs`. */
  moveMs: number;
}

export const CHOICE_TIMERS: ChoiceTimers = {
  ...HEALTH_TIMERS,
  dialMs: DIAL_LIMIT_MS,
  dialHurriedMs: 5_000,
  holdMs: 5_000,
  reconsiderMs: 30_000,
  moveMs: 60_000,
};

/** A connection to one of the endpoints. */
export interface Leg {
  /** Of the endpoint in the setting. */
  place: number;
  pool: PoolUrl;
  socket: Socket;
  /** The connection under TLS, where the bytes of the wire are counted; without TLS the same. */
  raw: Socket;
  connect_ms: number;
}

/** How an endpoint is, as the relay saw it. */
export interface EndpointState {
  url: string;
  /** Why it did not serve last time; null when it did, or was not tried. */
  trouble: Trouble | null;
  connect_ms: number | null;
  /** How long it is so; null where it was not tried. */
  since_ms: number | null;
}

export interface ChoiceOptions {
  endpoints: readonly PoolUrl[];
  country: string | null;
  clock: Clock;
  keys: KeyMemory;
  timers: ChoiceTimers;
  emit(event: RelayEvent): void;
  /** The miners shall leave every endpoint but this one. */
  onMove(place: number): void;
  /** Whether a connection through this export of frp carried data. */
  onExport?(name: string, isWell: boolean): void;
}

export class PoolChoice {
  readonly #o: ChoiceOptions;
  readonly #health: readonly EndpointHealth[];
  #ranks: ReadonlyMap<string, EndpointRank> = new Map();
  #current: number | null = null;
  /** Endpoint that served last, for telling a switch. */
  #lastServed: number | null = null;
  #lastSwitchMs = -Infinity;
  /** Why the present move is made; null when the endpoint's trouble says it. */
  #moveReason: string | null = null;
  /** By place: the last thing that was told of it. The same trouble is told once: miners try again every few seconds. */
  readonly #told = new Map<number, string>();
  readonly #stopped = new AbortController();
  #isMoving = false;
  /** Why no pool served last time; null when one does or did. */
  failure: Failure | null = null;

  constructor(options: ChoiceOptions) {
    this.#o = options;
    this.#health = options.endpoints.map(() => new EndpointHealth(options.timers));
    if (options.endpoints.length > 1) void this.#reconsiderNowAndThen();
  }

  /** The endpoint in use: the one that serves or served last, else the one that is tried first. */
  get inUse(): PoolUrl {
    const place = this.#current ?? route(this.#input())[0] ?? 0;
    return this.#endpoint(place);
  }

  /** Dials one endpoint after the other. Null when none stands, or the signal came: nothing went to any pool then. */
  async connect(signal: AbortSignal): Promise<Leg | null> {
    const tried = new Set<number>();
    for (;;) {
      const place = await this.#nextToDial(tried, signal);
      if (place === null) return null;
      tried.add(place);
      const leg = await this.#dial(place, tried, signal);
      if (leg !== null) return leg;
    }
  }

  /** The pool took a miner's login. */
  served(place: number): void {
    const nowMs = this.#o.clock.monoMs();
    const from = this.#lastServed;
    this.failure = null;
    this.#current = place;
    this.#lastServed = place;
    this.#health[place]?.served(nowMs);
    this.#tellExport(place, true);
    if (from === place) return;
    this.#tellEgress(from, place);
    if (from === null) return;
    this.#lastSwitchMs = nowMs;
    const why = this.#moveReason ?? this.#health[from]?.trouble ?? 'unknown';
    this.#moveReason = null;
    const detail = `from ${this.#endpoint(from).url} to ${this.#endpoint(place).url}: ${why}`;
    this.#o.emit({ event: 'pool_switched', level: 'warn', detail, failure: null });
  }

  /** Says when the miners begin to need the operator's line, and when they no longer do. */
  #tellEgress(from: number | null, to: number): void {
    const wasThrough = from !== null && this.#endpoint(from).frp !== null;
    const pool = this.#endpoint(to);
    if (wasThrough === (pool.frp !== null)) return;
    const event = wasThrough ? 'frp_egress_left' : 'frp_egress_used';
    const detail = wasThrough ? `the miner is at ${pool.url} again` : `the miner reaches its pool by ${pool.url}`;
    this.#o.emit({ event, level: wasThrough ? 'info' : 'warn', detail, failure: null });
  }

  /** It did not come to a login, or went silent. */
  failed(place: number, failure: Failure): void {
    this.failure = failure;
    this.#health[place]?.failed(this.#o.clock.monoMs(), failure);
    this.#tellExport(place, false);
  }

  /** It ended a session that had served for so long. */
  ended(place: number, servedMs: number, failure: Failure): void {
    this.failure = failure;
    this.#health[place]?.ended(this.#o.clock.monoMs(), servedMs, failure);
  }

  /** It refused a login. True when there is another endpoint that the miner may go to. */
  refused(place: number): boolean {
    const nowMs = this.#o.clock.monoMs();
    this.#health[place]?.failed(nowMs, 'login_refused');
    this.#tellExport(place, true);
    return this.#health.some((health, other) => other !== place && !health.isIll(nowMs));
  }

  /** Tells something of an endpoint, once. */
  tell(place: number, event: RelayEvent): void {
    if (this.#told.get(place) === event.detail) return;
    this.#told.set(place, event.detail);
    this.#o.emit(event);
  }

  /** Takes measurements that began at `sinceMs`; an endpoint that is not among them is one that nothing is known of. */
  setRanking(ranks: readonly EndpointRank[], sinceMs: number): void {
    this.#ranks = new Map(ranks.map((rank) => [rank.url, rank]));
    for (const [place, health] of this.#health.entries()) {
      const { verdict } = this.#ranks.get(this.#endpoint(place).url) ?? { verdict: null };
      // A refused login is nothing that is measured.
      if (standing(verdict) === 0 && health.trouble !== 'login_refused')
        health.measuredWell(this.#o.clock.monoMs(), sinceMs);
    }
    void this.#reconsider();
  }

  state(): EndpointState[] {
    const nowMs = this.#o.clock.monoMs();
    return this.#health.map(({ trouble, connect_ms, sinceMs }, place) => ({
      url: this.#endpoint(place).url,
      trouble,
      connect_ms,
      since_ms: sinceMs === null ? null : nowMs - sinceMs,
    }));
  }

  stop(): void {
    this.#stopped.abort(new Error('relay stops'));
  }

  /** The first in the order that may be dialled now; where none may, the miner is held for a moment. */
  async #nextToDial(tried: ReadonlySet<number>, signal: AbortSignal): Promise<number | null> {
    const { clock, timers } = this.#o;
    for (let isHeld = false; !signal.aborted; isHeld = true) {
      const nowMs = clock.monoMs();
      const left = route(this.#input()).filter((place) => !tried.has(place));
      const due = left.find((place) => this.#retryAtMs(place) <= nowMs);
      if (due !== undefined) return due;
      if (isHeld || tried.size > 0 || left.length === 0) return null;
      const earliestMs = Math.min(...left.map((place) => this.#retryAtMs(place)));
      await clock.sleep(Math.min(earliestMs - nowMs, timers.holdMs), signal).catch(() => undefined);
    }
    return null;
  }

  async #dial(place: number, tried: ReadonlySet<number>, signal: AbortSignal): Promise<Leg | null> {
    const { clock, keys, timers, endpoints } = this.#o;
    const pool = this.#endpoint(place);
    const dialled = await dialPool(pool, {
      clock,
      keys,
      limitMs: tried.size < endpoints.length ? timers.dialHurriedMs : timers.dialMs,
      addresses: this.#ranks.get(pool.url)?.addresses ?? [],
      signal,
    });
    const health = this.#health[place];
    if ('socket' in dialled) {
      if (health !== undefined) health.connect_ms = dialled.connect_ms;
      return { place, pool, ...dialled };
    }
    const { failure, detail } = dialled;
    if (failure === 'interrupted') return null;
    this.failed(place, failure);
    const event = detail === null ? 'pool_unreachable' : 'pool_key_changed';
    const why = detail === null ? failure : `${failure}, ${detail}`;
    this.tell(place, { event, level: 'warn', detail: `${pool.url} not reached: ${why}`, failure });
    return null;
  }

  async #reconsiderNowAndThen(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#o.clock.sleep(this.#o.timers.reconsiderMs, signal).catch(() => undefined);
      await this.#reconsider();
    }
  }

  /** Moves the miners to a better endpoint, if there is one, it is time, and it can be dialled. */
  async #reconsider(): Promise<void> {
    const { clock, timers } = this.#o;
    const { signal } = this.#stopped;
    const better = betterThanCurrent(this.#input());
    if (better === null || this.#isMoving || signal.aborted || this.#current === null) return;
    const restMs = better.by === 'verdict' ? timers.moveMs : timers.calmMs;
    if (clock.monoMs() - this.#lastSwitchMs < restMs) return;
    this.#isMoving = true;
    const leg = await this.#dial(better.place, new Set(), signal);
    this.#isMoving = false;
    leg?.socket.destroy();
    if (leg === null || signal.aborted) return;
    this.#moveReason = this.#reasonToLeave(this.#endpoint(this.#current), better.by);
    this.#current = better.place;
    this.#lastSwitchMs = clock.monoMs();
    this.#o.onMove(better.place);
  }

  #reasonToLeave({ url, frp }: PoolUrl, by: 'verdict' | 'preference'): string {
    if (by === 'preference') return 'the preferred one is well again';
    return frp === null ? `verdict ${this.#ranks.get(url)?.verdict ?? 'unknown'}` : 'a direct one is well again';
  }

  #input(): RouteInput {
    const { endpoints, country, clock } = this.#o;
    const ranks = this.#ranks;
    return { endpoints, country, ranks, health: this.#health, current: this.#current, nowMs: clock.monoMs() };
  }

  #retryAtMs(place: number): number {
    return this.#health[place]?.retryAtMs ?? -Infinity;
  }

  #tellExport(place: number, isWell: boolean): void {
    const { frp } = this.#endpoint(place);
    if (frp !== null) this.#o.onExport?.(frp, isWell);
  }

  #endpoint(place: number): PoolUrl {
    const pool = this.#o.endpoints[place];
    if (pool === undefined) throw new RangeError(`no endpoint ${String(place)}`);
    return pool;
  }
}
