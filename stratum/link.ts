// One miner's connection through the relay to the pool.
import type { Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import type { Failure } from '../wire/failure.ts';
import type { Dialect } from '../wire/dialect.ts';
import type { Stall } from '../wire/reachability.ts';
import type { StratumEvent } from './dialects/dialect.ts';
import { failureOf } from './failure-of.ts';
import type { Leg } from './pool-choice.ts';
import type { ReadAlong } from './read-along.ts';
import type * as Reading from './reading.ts';
import type { ShareMeter } from './share-meter.ts';
import type { StallWatch } from './stall-watch.ts';

/** How long a side may take to read what is left after the other has ended. */
const LINGER_MS = 5000;
/** The same when the relay itself ends a link: the container grants a few seconds in all. */
const STOP_LINGER_MS = 1000;

export interface LinkTimers {
  /** From a miner's first line to the pool's first byte. */
  firstReplyMs: number;
  /** From a submit to the next byte of the pool, of whatever: silence for so long is a frozen connection. */
  silentMs: number;
  /** From a submit to the next answer, where the pool answered before and sends other things: what we send is swallowed. */
  unansweredMs: number;
  /** Either of them, while the kernel says that the pool's side did not even acknowledge our bytes. */
  unackedMs: number;
  /** A miner that leaves after so long a silence leaves because of it. */
  leftSilentMs: number;
  /** Between two looks at the silence. */
  lookMs: number;
}

export const LINK_TIMERS: LinkTimers = {
  firstReplyMs: 15_000,
  silentMs: 30_000,
  unansweredMs: 60_000,
  unackedMs: 12_000,
  leftSilentMs: 8_000,
  lookMs: 2_000,
};

export interface LinkOptions {
  /** Known to the meter by this number. */
  number: number;
  /** Not read yet, half-open allowed. */
  miner: Socket;
  /** Gives a connection to a pool, or null when there is none. */
  connect(signal: AbortSignal): Promise<Leg | null>;
  /** The password for a pool without a login of its own; null leaves the miner's. */
  password: string | null;
  clock: Clock;
  meter: ShareMeter;
  timers: LinkTimers;
  /** The miner's name of the algorithm, for what its pools mean; a Bitcoin pool by default. */
  algo?: string;
  /** The pool took the login. */
  onServed(): void;
  onLoginRefused(detail: string): void;
  /** One side ended it: told at once, because the miner may be back before both sides are closed. */
  onEnded(end: LinkEnd): void;
  onClosed(): void;
}

/** Who ended a link first, and by what failure where it was the pool or the relay. */
export interface LinkEnd {
  by: 'miner' | 'pool' | 'relay';
  failure: Failure | null;
  /** It was ended because the pool had not said a word for so long; null: for another reason. */
  silentMs: number | null;
}

/** Joins a miner with a pool: passes bytes both ways with back-pressure, reads along, ends both when one ends. */
export class Link {
  readonly #o: LinkOptions;
  readonly #dialling = new AbortController();
  #leg: Leg | null = null;
  #read: ReadAlong | null = null;
  #watch: StallWatch | null = null;
  #end: LinkEnd | null = null;
  #cancelLinger: (() => void) | null = null;
  #cancelLook: (() => void) | null = null;
  #isClosed = false;
  #servedAtMs: number | null = null;
  #endedAtMs = 0;
  /** When the miner first asked something since the pool's last byte; null while it waits for nothing. */
  #askedMs: number | null = null;
  /** When the miner first handed in a share since the pool's last answer; null while it waits for none. */
  #submittedMs: number | null = null;
  #hasAnswered = false;
  #hasPoolSpoken = false;
  /** null before the miner's first line. */
  dialect: Dialect | null = null;
  /** The pool refused a login: path and pool are well, the wallet or the account is not. */
  isRefused = false;

  constructor(options: LinkOptions) {
    this.#o = options;
    const { miner } = options;
    // 'close' follows an error and does the work.
    miner.on('error', () => this.#minerLeft());
    miner.on('close', () => this.#onMinerClosed());
  }

  /** The pool took the login; in a dialect that is not read: the pool said something. Also after the link's end. */
  get isServed(): boolean {
    return this.#servedAtMs !== null;
  }

  /** How long the pool served until the link's end; null when it never did. */
  get servedMs(): number | null {
    return this.#servedAtMs === null ? null : this.#endedAtMs - this.#servedAtMs;
  }

  /** The way to the pool; null before it stands. */
  get leg(): Leg | null {
    return this.#leg;
  }

  /** Why the link ended; null while it lives. */
  get end(): LinkEnd | null {
    return this.#end;
  }

  /** How the pool's connection died after it had served; null while it lives, and where that is no sign of anything. */
  get stall(): Stall | null {
    if (this.#leg === null || this.#end?.by !== 'pool' || !this.isServed) return null;
    const { failure } = this.#end;
    const askedMs = this.#askedMs ?? this.#submittedMs;
    const rawBytes = this.#leg.raw.bytesRead;
    return this.#watch?.end({ failure, rawBytes, askedMs, nowMs: this.#endedAtMs }) ?? null;
  }

  /** Gets a connection to a pool and lets the bytes flow. When there is none, the miner's connection is closed. */
  async open(): Promise<void> {
    // What reads is loaded with the first miner's connection: nothing of it may hold up the miner's start.
    // Before the pool is dialled: its socket must not wait without a listener.
    const reading = await import('./reading.ts');
    const leg = await this.#o.connect(this.#dialling.signal);
    const { miner } = this.#o;
    if (leg === null || miner.destroyed || this.#end !== null) {
      leg?.socket.on('error', () => undefined).destroy();
      this.#ended({ by: 'relay', failure: null, silentMs: null });
      miner.destroy();
      return;
    }
    this.#leg = leg;
    this.#watch = new reading.StallWatch(this.#o.clock.monoMs());
    const read = this.#readAlong(leg, reading);
    this.#read = read;
    const pool = leg.socket;
    pool.on('error', (error) => this.#ended({ by: 'pool', failure: failureOf(error), silentMs: null }));
    pool.on('close', () => this.#onPoolGone());
    pool.on('end', () => {
      this.#ended({ by: 'pool', failure: 'eof_error', silentMs: null });
      this.#onPoolGone();
    });
    pool.on('data', (chunk) => this.#onPoolData(pool, read, chunk));
    pool.on('drain', () => miner.resume());
    miner.on('drain', () => pool.resume());
    miner.on('data', (chunk) => this.#onMinerData(pool, read, chunk));
    miner.on('end', () => {
      this.#minerLeft();
      read.minerEnded((bytes) => pool.writable && pool.write(bytes));
      pool.end();
      this.#linger();
    });
    this.#lookLater();
    miner.resume();
  }

  /** Ends both sides after what is on its way. */
  close(): void {
    this.#ended({ by: 'relay', failure: null, silentMs: null });
    this.#dialling.abort();
    this.#leg?.socket.end();
    this.#o.miner.end();
    this.#linger(STOP_LINGER_MS);
  }

  #readAlong({ pool }: Leg, { ReadAlong, algoProfile }: typeof Reading): ReadAlong {
    const { meter, algo } = this.#o;
    const hint = algo === undefined ? undefined : algoProfile(algo);
    const password = pool.login === null ? this.#o.password : pool.password;
    const ofPool = pool.dialect === null ? hint : { difficultyOne: null, ...hint, dialect: pool.dialect };
    return new ReadAlong({
      login: pool.login === null && password === null ? null : { login: pool.login, password },
      ...(ofPool === undefined ? {} : { hint: ofPool }),
      onDialect: (dialect) => {
        this.dialect = dialect;
        meter.onDialect(pool.url, dialect);
      },
      onEvent: (event) => this.#onEvent(event),
    });
  }

  #onMinerData(pool: Socket, read: ReadAlong, chunk: Buffer): void {
    const isWhole = read.fromMiner(chunk, (bytes) => {
      if (pool.writable && !pool.write(bytes)) this.#o.miner.pause();
    });
    // Before a login every line wants an answer, and where lines are not read they are taken to want one.
    if (!this.isServed || this.dialect === 'unknown') this.#askedMs ??= this.#o.clock.monoMs();
    if (!isWhole) this.#cut();
  }

  #onPoolData(pool: Socket, read: ReadAlong, chunk: Buffer): void {
    const { miner } = this.#o;
    if (miner.writable && !miner.write(chunk)) pool.pause();
    this.#askedMs = null;
    this.#hasPoolSpoken = true;
    this.#watch?.heard(this.#o.clock.monoMs());
    if (!read.fromPool(chunk)) this.#cut();
    if (this.dialect === 'unknown') this.#served();
  }

  #onEvent(event: StratumEvent): void {
    const { meter, number } = this.#o;
    switch (event.kind) {
      case 'login':
        if (!event.isAccepted) {
          this.isRefused = true;
          this.#o.onLoginRefused(event.detail);
        } else {
          meter.onLogin(number);
          this.#served();
        }
        return;
      case 'target':
        meter.onTarget(event.work_hashes);
        return;
      case 'submit':
        this.#askedMs ??= this.#o.clock.monoMs();
        if (event.id !== null) this.#submittedMs ??= this.#o.clock.monoMs();
        meter.onSubmit(number, event.id, event.work_hashes);
        return;
      case 'answer':
        this.#submittedMs = null;
        this.#hasAnswered = true;
        meter.onAnswer(number, event.id, event.outcome);
        return;
      case 'reconnect':
        // The line has passed already; what it does shows in the next connection.
        return;
    }
  }

  #lookLater(): void {
    this.#cancelLook = this.#o.clock.setTimer(this.#o.timers.lookMs, () => void this.#look());
  }

  /** Ends a link whose pool has been silent for too long, or answers nothing any more. */
  async #look(): Promise<void> {
    const { timers } = this.#o;
    const silentMs = this.#sinceMs(this.#askedMs);
    const unansweredMs = this.#sinceMs(this.#submittedMs);
    const waitedMs = Math.max(silentMs, unansweredMs);
    const isUnacked = waitedMs >= timers.unackedMs && (await this.#isUnacked());
    const isFrozen =
      isUnacked ||
      silentMs >= (this.isServed ? timers.silentMs : timers.firstReplyMs) ||
      (this.#hasAnswered && unansweredMs >= timers.unansweredMs);
    if (this.#end !== null) return;
    if (!isFrozen) {
      this.#lookLater();
      return;
    }
    this.#ended({ by: 'pool', failure: 'generic_timeout_error', silentMs: waitedMs });
    this.#leg?.socket.destroy();
  }

  /** The kernel's word on it: bytes that went out several times and were never acknowledged. */
  async #isUnacked(): Promise<boolean> {
    const { localPort, remoteAddress: address, remotePort: port } = this.#leg?.socket ?? {};
    if (localPort === undefined || address === undefined || port === undefined) return false;
    const { readAck } = await import('./probe/ack.ts');
    const { tx_unacked_bytes, retransmits } = await readAck({ localPort, address, port });
    this.#watch?.acked({ tx_unacked_bytes, retransmits });
    return (tx_unacked_bytes ?? 0) > 0 && (retransmits ?? 0) >= 3;
  }

  #sinceMs(ms: number | null): number {
    return ms === null ? 0 : this.#o.clock.monoMs() - ms;
  }

  /** The pool's side spoke, and no word of it was stratum: a block page, a login page. */
  #isGibberish(): boolean {
    const read = this.#read;
    const isRead = this.dialect !== null && this.dialect !== 'unknown';
    return isRead && this.#hasPoolSpoken && read !== null && !read.isPoolUnderstood;
  }

  /** The miner ended the link, unless it was the pool's silence or gibberish that drove it away. */
  #minerLeft(): void {
    const silentMs = this.#sinceMs(this.#askedMs);
    if (silentMs >= this.#o.timers.leftSilentMs)
      this.#ended({ by: 'pool', failure: 'generic_timeout_error', silentMs });
    else if (this.#isGibberish()) this.#ended({ by: 'pool', failure: 'json_parse_error', silentMs: null });
    else this.#ended({ by: 'miner', failure: null, silentMs: null });
    this.#dialling.abort();
  }

  /** The pool ended or its connection broke: no answer comes any more. What it sent still goes to the miner. */
  #onPoolGone(): void {
    this.#o.meter.onDisconnect(this.#o.number);
    const { miner } = this.#o;
    if (!miner.destroyed) {
      miner.end();
      miner.resume();
    }
    this.#linger();
    this.#closeWhenDone();
  }

  #onMinerClosed(): void {
    this.#minerLeft();
    const pool = this.#leg?.socket;
    if (pool !== undefined && !pool.destroyed) {
      pool.end();
      // It may have waited for a miner that will never drain.
      pool.resume();
      this.#linger();
    }
    this.#closeWhenDone();
  }

  /** A line without end is no stratum: nothing after it can be read, so nothing more passes. */
  #cut(): void {
    this.#ended({ by: 'relay', failure: 'unknown_failure: line too long', silentMs: null });
    this.#o.miner.destroy();
    this.#leg?.socket.destroy();
  }

  #served(): void {
    if (this.isServed) return;
    this.#servedAtMs = this.#o.clock.monoMs();
    this.#o.onServed();
  }

  #ended(end: LinkEnd): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#endedAtMs = this.#o.clock.monoMs();
    this.#cancelLook?.();
    this.#o.onEnded(end);
  }

  #linger(ms = LINGER_MS): void {
    if (this.#isClosed) return;
    this.#cancelLinger ??= this.#o.clock.setTimer(ms, () => {
      this.#o.miner.destroy();
      this.#leg?.socket.destroy();
    });
  }

  #closeWhenDone(): void {
    if (this.#isClosed || !this.#o.miner.destroyed || this.#leg?.socket.destroyed === false) return;
    this.#isClosed = true;
    this.#cancelLinger?.();
    // Submits that were read after the pool had gone are counted here.
    this.#o.meter.onDisconnect(this.#o.number);
    this.#o.onClosed();
  }
}
