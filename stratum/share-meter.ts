// Counts what the relay sees: shares handed in, how the pool answered, and the work that accepted shares prove.
import type { Clock } from '../platform/clock.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { SharesRecord } from '../wire/records.ts';
import { deliveredRate, type DeliveredRate } from './interval.ts';
import type { ShareOutcome } from './dialects/message.ts';
import { addShare, RateRing } from './rate-ring.ts';

/** A submit without an answer for so long counts as unanswered. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Submits of one connection that wait for an answer; beyond it the oldest counts as unanswered. */
const WAITING_MAX = 1024;
/** Answer times of one window that the median is taken from. */
const RTTS_MAX = 1024;

/** Counts since the boot began; saved and restored, so that they go on when Node is started again. */
export type ShareTotals = Pick<SharesRecord, 'accepted_total' | 'rejected_total' | 'stale_total' | 'unanswered_total'>;

/** All that a killed Node must not forget: the totals, the window so far, and how many submits wait for an answer. */
export interface MeterState {
  totals: ShareTotals;
  window: Omit<Window, 'startMs' | 'rtts'> & { age_ms: number };
  waiting: number;
}

interface Waiting {
  id: string | null;
  work_hashes: number | null;
  atMs: number;
  /** Counted as unanswered already; kept, so that a late answer is not taken for the next submit of the same id. */
  isGivenUp: boolean;
}

interface Connection {
  waiting: Waiting[];
  isLoggedIn: boolean;
}

interface Window {
  startMs: number;
  connected_ms: number;
  accepted: number;
  rejected: number;
  stale: number;
  unanswered: number;
  unmeasured: number;
  work_hashes: number;
  work_sq_hashes2: number;
  work_max_hashes: number;
  rtts: number[];
}

/**
 * The share meter of one worker. Connections are known by numbers that the caller chooses. An answer belongs to the oldest
 * submit of its connection with the same id, since some miners give all their submits one id; other answers are ignored.
 */
export class ShareMeter {
  readonly #clock: Pick<Clock, 'nowMs' | 'monoMs'>;
  readonly #onChange: () => void;
  readonly #connections = new Map<number, Connection>();
  readonly #ring = new RateRing();
  #window: Window;
  #totals: ShareTotals = { accepted_total: 0, rejected_total: 0, stale_total: 0, unanswered_total: 0 };
  #pool: string | null = null;
  #dialect: Dialect = 'unknown';
  #shareWork: number | null = null;
  /** Since when at least one connection is logged in, or since the window began. */
  #connectedSinceMs: number | null = null;
  /** The same, whatever the window. */
  #loggedInSinceMs: number | null = null;
  #lastAcceptedMs: number | null = null;

  /** `onChange` is called after every submit, answer and window: the moments after which `state` is another. */
  constructor(clock: Pick<Clock, 'nowMs' | 'monoMs'>, onChange: () => void = () => undefined) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#window = freshWindow(clock.monoMs());
  }

  /** A connection has begun: which pool and dialect the numbers are of; `pool` without a login. */
  onDialect(pool: string, dialect: Dialect): void {
    this.#pool = pool;
    this.#dialect = dialect;
    // A target is of its connection; until this one names its own, or in a dialect that is not read, none is known.
    this.#shareWork = null;
  }

  onLogin(connection: number): void {
    this.#connection(connection).isLoggedIn = true;
    const nowMs = this.#clock.monoMs();
    this.#connectedSinceMs ??= nowMs;
    this.#loggedInSinceMs ??= nowMs;
    this.#ring.start(nowMs);
  }

  /** Expected hashes per share that the pool asks for now. */
  onTarget(work_hashes: number | null): void {
    this.#shareWork = work_hashes;
  }

  onSubmit(connection: number, id: string | null, work_hashes: number | null): void {
    const { waiting } = this.#connection(connection);
    waiting.push({ id, work_hashes, atMs: this.#clock.monoMs(), isGivenUp: false });
    if (waiting.length > WAITING_MAX) this.#giveUp(waiting.shift());
    this.#onChange();
  }

  onAnswer(connection: number, id: string, outcome: ShareOutcome): void {
    this.#count(connection, id, outcome);
    this.#onChange();
  }

  #count(connection: number, id: string, outcome: ShareOutcome): void {
    const waiting = this.#connections.get(connection)?.waiting ?? [];
    const at = waiting.findIndex((w) => w.id === id);
    const [submit] = at === -1 ? [] : waiting.splice(at, 1);
    const nowMs = this.#clock.monoMs();
    if (submit === undefined || submit.isGivenUp) return;
    if (nowMs - submit.atMs >= ANSWER_TIMEOUT_MS) {
      this.#giveUp(submit);
      return;
    }
    if (this.#window.rtts.length < RTTS_MAX) this.#window.rtts.push(nowMs - submit.atMs);
    this.#window[outcome] += 1;
    this.#totals[`${outcome}_total`] += 1;
    if (outcome !== 'accepted') return;
    this.#lastAcceptedMs = nowMs;
    addShare(this.#window, submit.work_hashes);
    this.#ring.add(submit.work_hashes, nowMs);
  }

  /** No answer can come any more on this connection. May be called again for the same one. */
  onDisconnect(connection: number): void {
    for (const submit of this.#connections.get(connection)?.waiting ?? []) this.#giveUp(submit);
    this.#connections.delete(connection);
    if (this.#connectedSinceMs === null || [...this.#connections.values()].some((c) => c.isLoggedIn)) return;
    this.#window.connected_ms += this.#clock.monoMs() - this.#connectedSinceMs;
    this.#connectedSinceMs = null;
    this.#loggedInSinceMs = null;
  }

  /** Counts submits whose time is over. To be called now and then; reading the meter does it too. */
  tick(): void {
    const oldestMs = this.#clock.monoMs() - ANSWER_TIMEOUT_MS;
    for (const { waiting } of this.#connections.values()) {
      for (const submit of waiting) if (submit.atMs <= oldestMs) this.#giveUp(submit);
    }
  }

  /** The window since the last call (or the start) as a record, and begins the next. */
  takeWindow(): SharesRecord {
    this.tick();
    const nowMs = this.#clock.monoMs();
    const { startMs, rtts, connected_ms, ...counts } = this.#window;
    const running_ms = this.#connectedSinceMs === null ? 0 : nowMs - this.#connectedSinceMs;
    if (this.#connectedSinceMs !== null) this.#connectedSinceMs = nowMs;
    this.#window = freshWindow(nowMs);
    this.#onChange();
    return {
      kind: 'shares',
      at_ms: this.#clock.nowMs(),
      window_ms: nowMs - startMs,
      connected_ms: connected_ms + running_ms,
      pool: this.#pool,
      dialect: this.#dialect,
      ...counts,
      share_work_hashes: this.#shareWork,
      pool_rtt_ms: median(rtts),
      ...this.#totals,
    };
  }

  /**
   * What a watchdog needs: since when a miner is logged in, the last accepted share, and the work asked. Monotonic ms. Null in a
   * dialect that is not read.
   */
  facts(): {
    logged_in_since_ms: number | null;
    last_accepted_ms: number | null;
    share_work_hashes: number | null;
  } | null {
    if (this.#pool !== null && this.#dialect === 'unknown') return null;
    return {
      logged_in_since_ms: this.#loggedInSinceMs,
      last_accepted_ms: this.#lastAcceptedMs,
      share_work_hashes: this.#shareWork,
    };
  }

  totals(): ShareTotals {
    this.tick();
    return { ...this.#totals };
  }

  /** What `restore` takes. */
  state(): MeterState {
    const { startMs, rtts: _, ...window } = this.#window;
    const submits = [...this.#connections.values()].flatMap(({ waiting }) => waiting);
    return {
      totals: { ...this.#totals },
      window: { ...window, age_ms: this.#clock.monoMs() - startMs },
      waiting: submits.filter((s) => !s.isGivenUp).length,
    };
  }

  /**
   * Goes on where a killed Node's meter was; for a new meter only. `since_ms` is how long ago that state was. Submits that
   * waited for an answer then went down with their connection: unanswered.
   */
  restore(saved: MeterState, since_ms: number): void {
    const { age_ms, ...window } = saved.window;
    this.#window = { ...window, startMs: this.#clock.monoMs() - age_ms - since_ms, rtts: [] };
    this.#totals = { ...saved.totals };
    this.#window.unanswered += saved.waiting;
    this.#totals.unanswered_total += saved.waiting;
  }

  /**
   * Hashrate by the accepted shares of about the last `windowMs`, with its 99.9 % interval, and the time that it covers:
   * from the first login on, whether or not the pool was reached since. All null before the first login.
   */
  delivered(windowMs: number): DeliveredRate & { window_ms: number | null } {
    const sums = this.#ring.last(windowMs, this.#clock.monoMs());
    if (sums === null) return { rate_hs: null, low_hs: null, high_hs: null, window_ms: null };
    return { ...deliveredRate({ ...sums, next_share_work_hashes: this.#shareWork }), window_ms: sums.window_ms };
  }

  #connection(number: number): Connection {
    const known = this.#connections.get(number);
    if (known !== undefined) return known;
    const connection = { waiting: [], isLoggedIn: false };
    this.#connections.set(number, connection);
    return connection;
  }

  #giveUp(submit: Waiting | undefined): void {
    if (submit === undefined || submit.isGivenUp) return;
    submit.isGivenUp = true;
    this.#window.unanswered += 1;
    this.#totals.unanswered_total += 1;
  }
}

function freshWindow(startMs: number): Window {
  return {
    startMs,
    connected_ms: 0,
    accepted: 0,
    rejected: 0,
    stale: 0,
    unanswered: 0,
    unmeasured: 0,
    work_hashes: 0,
    work_sq_hashes2: 0,
    work_max_hashes: 0,
    rtts: [],
  };
}

function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2;
}
