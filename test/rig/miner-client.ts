// The practice miner's connection to its pool: logs in, takes work, hands in shares, comes back for ever.
import { connect, type Socket } from 'node:net';
import { lineCutter, parseMessage, type Message } from './json-line.ts';
import { FIRST_SUBMIT_ID, type Dialect, type Work } from './miner-work.ts';

export interface ClientOptions {
  host: string;
  port: number;
  reconnectMs: number;
  makeDialect(): Dialect;
  onWork(work: Work): void;
  onAuthorized(): void;
  /** The pool's answer to a share, and how long it took. */
  onAnswer(ok: boolean, rttMs: number, reason: string): void;
  /** No connection, or no more; it tries again after `reconnectMs`. */
  onDown(reason: string): void;
}

const LINE_MAX_BYTES = 65_536;
const PENDING_MAX = 1000;

/** One pool, one connection at a time. */
export class MinerClient {
  readonly #options: ClientOptions;
  readonly #pending = new Map<number, number>();
  #socket: Socket | null = null;
  #dialect: Dialect | null = null;
  #retry: NodeJS.Timeout | null = null;
  #nextId = FIRST_SUBMIT_ID;
  #retries = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Connections begun after the first one. */
  get retries(): number {
    return this.#retries;
  }

  start(): void {
    const { host, port } = this.#options;
    const dialect = this.#options.makeDialect();
    const socket = connect({ host, port, noDelay: true });
    this.#dialect = dialect;
    this.#socket = socket;
    let reason = 'connection closed by the pool';
    const feed = lineCutter(LINE_MAX_BYTES, (line) => {
      const message = parseMessage(line);
      try {
        if (message === null) throw new Error('a line that is no JSON');
        if (!socket.destroyed) this.#take(message);
      } catch (error) {
        reason = `bad message from the pool: ${error instanceof Error ? error.message : String(error)}`;
        socket.destroy();
      }
    });
    socket.on('connect', () => {
      for (const message of dialect.hello()) socket.write(`${JSON.stringify(message)}\n`);
    });
    socket.on('data', (chunk) => {
      if (!feed(chunk)) socket.destroy();
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => this.#down(reason));
  }

  stop(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#socket?.removeAllListeners('close');
    this.#socket?.destroy();
  }

  /** Hands in a share of this work; it is lost where there is no connection. */
  submit(work: Work, nonce: number, digest: Buffer): void {
    if (this.#socket === null || this.#socket.destroyed || this.#pending.size >= PENDING_MAX) return;
    const id = this.#nextId;
    this.#nextId += 1;
    this.#pending.set(id, performance.now());
    this.#socket.write(`${JSON.stringify({ id, ...work.submit(nonce, digest) })}\n`);
  }

  #down(reason: string): void {
    this.#socket = null;
    this.#pending.clear();
    this.#options.onDown(reason);
    this.#retry = setTimeout(() => {
      this.#retries += 1;
      this.start();
    }, this.#options.reconnectMs);
  }

  #take(message: Message): void {
    const event = this.#dialect?.read(message) ?? null;
    if (event === null) return;
    if (event.kind === 'work') this.#options.onWork(event.work);
    else if (event.kind === 'login') {
      if (!event.ok) throw new Error(`login refused: ${event.reason}`);
      this.#options.onAuthorized();
      if (event.work !== undefined) this.#options.onWork(event.work);
    } else {
      const sentMs = this.#pending.get(event.id);
      if (sentMs === undefined) return;
      this.#pending.delete(event.id);
      this.#options.onAnswer(event.ok, performance.now() - sentMs, event.reason);
    }
  }
}
