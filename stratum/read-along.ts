// Reads a connection's lines in passing. The bytes go on first and are parsed afterwards, so reading delays nobody; only
// where the relay has a login of its own, the miner's lines are looked at before they go on.
import type { DialectReader, PoolLogin, StratumEvent } from './dialects/dialect.ts';
import { detectDialect, type DialectHint } from './dialects/detect.ts';
import { parseMessage, type JsonObject } from './dialects/message.ts';
import { LineSplitter } from './lines.ts';

export interface ReadAlongOptions {
  /** The login to put in place of the miner's; null passes the miner's bytes as they are. */
  login: PoolLogin | null;
  /** Of the algorithm; a Bitcoin pool by default. */
  hint?: DialectHint;
  onDialect(dialect: DialectReader['dialect'] | 'unknown'): void;
  onEvent(event: StratumEvent): void;
}

const BLANK = /^\s*$/;

/** Both directions of one connection. The dialect is known by the miner's first line; in an unknown one all bytes just pass. */
export class ReadAlong {
  readonly #o: ReadAlongOptions;
  readonly #minerLines = new LineSplitter();
  readonly #poolLines = new LineSplitter();
  /** undefined = nothing said yet; null = a dialect that is not read. */
  #reader: DialectReader | null | undefined;
  #isPoolUnderstood = false;

  constructor(options: ReadAlongOptions) {
    this.#o = options;
  }

  /** The pool said a message of the miner's dialect; false also where that is not read. */
  get isPoolUnderstood(): boolean {
    return this.#isPoolUnderstood;
  }

  /** Takes the miner's bytes and hands to `forward` what the pool shall get. False when a line is too long. */
  fromMiner(chunk: Buffer, forward: (bytes: Buffer) => void): boolean {
    if (this.#reader === null) {
      forward(chunk);
      return true;
    }
    const { login } = this.#o;
    if (login === null) {
      forward(chunk);
      return this.#minerLines.push(chunk, (line) => this.#readMiner(line));
    }
    const isWhole = this.#minerLines.push(chunk, (line) => {
      this.#detect(line);
      forward(this.#withLogin(line, login));
      this.#readMiner(line);
    });
    // Once the dialect turned out unknown, nothing is held back for its end of line.
    if (this.#isUnknown()) this.#forwardRest(forward);
    return isWhole;
  }

  /** The miner ended: what was held back as an unfinished line goes on too. */
  minerEnded(forward: (bytes: Buffer) => void): void {
    if (this.#o.login !== null) this.#forwardRest(forward);
  }

  /** Takes the pool's bytes after they went on to the miner. False when a line is too long. */
  fromPool(chunk: Buffer): boolean {
    if (this.#reader === null) return true;
    return this.#poolLines.push(chunk, (line) => {
      const message = this.#reader === undefined ? null : parseMessage(line);
      if (message === null) return;
      this.#isPoolUnderstood = true;
      this.#emit(this.#reader?.fromPool(message));
    });
  }

  #readMiner(line: Buffer): void {
    this.#detect(line);
    const message = parseMessage(line);
    if (message !== null) this.#emit(this.#reader?.fromMiner(message));
  }

  #detect(line: Buffer): void {
    if (this.#reader !== undefined || BLANK.test(line.toString('latin1'))) return;
    this.#reader = detectDialect(parseMessage(line), this.#o.hint);
    this.#o.onDialect(this.#reader?.dialect ?? 'unknown');
  }

  /** The line itself, or with the login replaced and the same ending. */
  #withLogin(line: Buffer, login: PoolLogin): Buffer {
    const message = parseMessage(line);
    const changed = message === null ? null : (this.#reader?.withLogin(message, login) ?? null);
    const text = changed === null ? null : serialised(changed);
    if (text === null) return line;
    const ending = /\r?\n$/.exec(line.toString('latin1'))?.[0] ?? '';
    return Buffer.from(text + ending);
  }

  #isUnknown(): boolean {
    return this.#reader === null;
  }

  #forwardRest(forward: (bytes: Buffer) => void): void {
    const rest = this.#minerLines.rest();
    if (rest.length > 0) forward(rest);
  }

  #emit(events: StratumEvent[] | undefined): void {
    for (const event of events ?? []) this.#o.onEvent(event);
  }
}

/** As JSON; null where it is nested too deep to write, though it could be read. */
function serialised(message: JsonObject): string | null {
  try {
    return JSON.stringify(message);
  } catch {
    return null;
  }
}
