// One miner's connection through the relay to the pool.
import type { Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import type { Failure } from '../wire/failure.ts';
import type { Dialect } from '../wire/dialect.ts';
import { dialPool } from './dial.ts';
import type { DialectHint } from './dialects/detect.ts';
import type { StratumEvent } from './dialects/dialect.ts';
import { failureOf } from './failure-of.ts';
import type { PoolUrl } from './pool-url.ts';
import { ReadAlong } from './read-along.ts';
import type { ShareMeter } from './share-meter.ts';

/** How long a side may take to read what is left after the other has ended. */
const LINGER_MS = 5000;
/** The same when the relay itself stops: the container grants a few seconds in all. */
const STOP_LINGER_MS = 1000;

export interface LinkOptions {
  /** Known to the meter by this number. */
  number: number;
  /** Not read yet, half-open allowed. */
  miner: Socket;
  pool: PoolUrl;
  /** The password for a pool without a login of its own; null leaves the miner's. */
  password: string | null;
  clock: Clock;
  meter: ShareMeter;
  hint?: DialectHint;
  /** The pool took the login. */
  onServed(): void;
  onLoginRefused(detail: string): void;
  onClosed(): void;
}

/** Who ended a link first, and by what failure where it was the pool or the relay. */
export interface LinkEnd {
  by: 'miner' | 'pool' | 'relay';
  failure: Failure | null;
}

/** Joins a miner with the pool: dials, passes bytes both ways with back-pressure, reads along, ends both when one ends. */
export class Link {
  readonly #o: LinkOptions;
  readonly #read: ReadAlong;
  #pool: Socket | null = null;
  #end: LinkEnd | null = null;
  #cancelLinger: (() => void) | null = null;
  #isClosed = false;
  /** null before the miner's first line. */
  dialect: Dialect | null = null;
  /** The pool took the login; in a dialect that is not read: the pool said something. */
  isServed = false;
  /** The pool refused a login: path and pool are well, the wallet or the account is not. */
  isRefused = false;
  /** Time of the TCP connection to the pool; null before it stands. */
  connect_ms: number | null = null;

  constructor(options: LinkOptions) {
    this.#o = options;
    const { login, url } = options.pool;
    const password = login === null ? options.password : options.pool.password;
    this.#read = new ReadAlong({
      login: login === null && password === null ? null : { login, password },
      ...(options.hint === undefined ? {} : { hint: options.hint }),
      onDialect: (dialect) => {
        this.dialect = dialect;
        options.meter.onDialect(url, dialect);
      },
      onEvent: (event) => this.#onEvent(event),
    });
    const { miner } = options;
    // 'close' follows an error and does the work.
    miner.on('error', () => this.#ended({ by: 'miner', failure: null }));
    miner.on('close', () => this.#onMinerClosed());
  }

  /** Why the link ended; null while it lives. */
  get end(): LinkEnd | null {
    return this.#end;
  }

  /** Dials the pool and lets the bytes flow. When the pool is not reached, the miner's connection is closed. */
  async open(): Promise<void> {
    const dialled = await dialPool(this.#o.pool, this.#o.clock);
    const { miner } = this.#o;
    if ('failure' in dialled) {
      this.#ended({ by: 'pool', failure: dialled.failure });
      miner.destroy();
      return;
    }
    const pool = dialled.socket;
    this.connect_ms = dialled.connect_ms;
    pool.on('error', (error) => this.#ended({ by: 'pool', failure: failureOf(error) }));
    if (miner.destroyed || this.#end !== null) {
      pool.destroy();
      miner.destroy();
      return;
    }
    this.#pool = pool;
    pool.on('close', () => this.#onPoolGone());
    pool.on('end', () => {
      this.#ended({ by: 'pool', failure: 'eof_error' });
      this.#onPoolGone();
    });
    pool.on('data', (chunk) => this.#onPoolData(pool, chunk));
    pool.on('drain', () => miner.resume());
    miner.on('drain', () => pool.resume());
    miner.on('data', (chunk) => this.#onMinerData(pool, chunk));
    miner.on('end', () => {
      this.#ended({ by: 'miner', failure: null });
      this.#read.minerEnded((bytes) => pool.writable && pool.write(bytes));
      pool.end();
      this.#linger();
    });
    miner.resume();
  }

  /** Ends both sides after what is on its way. */
  close(): void {
    this.#ended({ by: 'relay', failure: null });
    this.#pool?.end();
    this.#o.miner.end();
    this.#linger(STOP_LINGER_MS);
  }

  #onMinerData(pool: Socket, chunk: Buffer): void {
    const isWhole = this.#read.fromMiner(chunk, (bytes) => {
      if (pool.writable && !pool.write(bytes)) this.#o.miner.pause();
    });
    if (!isWhole) this.#cut();
  }

  #onPoolData(pool: Socket, chunk: Buffer): void {
    const { miner } = this.#o;
    if (miner.writable && !miner.write(chunk)) pool.pause();
    if (!this.#read.fromPool(chunk)) this.#cut();
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
        meter.onSubmit(number, event.id, event.work_hashes);
        return;
      case 'answer':
        meter.onAnswer(number, event.id, event.outcome);
        return;
      case 'reconnect':
        // The line has passed already; what it does shows in the next connection.
        return;
    }
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
    this.#ended({ by: 'miner', failure: null });
    const pool = this.#pool;
    if (pool !== null && !pool.destroyed) {
      pool.end();
      // It may have waited for a miner that will never drain.
      pool.resume();
      this.#linger();
    }
    this.#closeWhenDone();
  }

  /** A line without end is no stratum: nothing after it can be read, so nothing more passes. */
  #cut(): void {
    this.#ended({ by: 'relay', failure: 'unknown_failure: line too long' });
    this.#o.miner.destroy();
    this.#pool?.destroy();
  }

  #served(): void {
    if (this.isServed) return;
    this.isServed = true;
    this.#o.onServed();
  }

  #ended(end: LinkEnd): void {
    this.#end ??= end;
  }

  #linger(ms = LINGER_MS): void {
    if (this.#isClosed) return;
    this.#cancelLinger ??= this.#o.clock.setTimer(ms, () => {
      this.#o.miner.destroy();
      this.#pool?.destroy();
    });
  }

  #closeWhenDone(): void {
    if (this.#isClosed || !this.#o.miner.destroyed || this.#pool?.destroyed === false) return;
    this.#isClosed = true;
    this.#cancelLinger?.();
    // Submits that were read after the pool had gone are counted here.
    this.#o.meter.onDisconnect(this.#o.number);
    this.#o.onClosed();
  }
}
