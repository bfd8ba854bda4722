// Follows a log that another process writes. The supervisor caps the miner's log in place, keeping its end; the tail then finds
// its place again by the last bytes that it read.
import { statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isErrno } from '../platform/errors.ts';
import { LOG_LINES_MAX } from '../wire/limits.ts';
import type { LogRecord } from '../wire/records.ts';
import * as fit from './fit.ts';

const CHUNK_BYTES = 64 * 1024;
/** Bytes by which the place is found again. */
const ANCHOR_BYTES = 256;
/** A longer line is cut while it is read. */
const LINE_MAX_BYTES = 8192;
/** New lines in one report; the newest are kept. */
const REPORT_LINES = 40;

export interface LogTailOptions {
  path: string;
  source: LogRecord['source'];
  /** Whether lines that are there when this is made are reported; otherwise they are only kept for `lastLines`. */
  fromStart: boolean;
  /** Every new line, clean and scrubbed. */
  onLine: (source: LogRecord['source'], line: string) => void;
}

export class LogTail {
  readonly #o: LogTailOptions;
  #offset = 0;
  /** The bytes before `offset`. */
  #anchor: Buffer = Buffer.alloc(0);
  /** So much of the file was there when this was made, and is not news; null once that is read. */
  #oldBytes: number | null;
  /** Begin of a line that has no end yet. */
  #partial: Buffer = Buffer.alloc(0);
  #overlong = false;
  /** Newest last; the newest `#fresh` of them were not reported. */
  #lines: string[] = [];
  #fresh = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(o: LogTailOptions) {
    this.#o = o;
    // At once, not at the first poll: the miner may have written its first lines by then.
    this.#oldBytes = o.fromStart ? null : (statSync(o.path, { throwIfNoEntry: false })?.size ?? 0);
  }

  /** Reads what is new. An absent file is an empty one. Throws other system errors. */
  poll(): Promise<void> {
    this.#turn = this.#turn.catch(() => undefined).then(() => this.#poll());
    return this.#turn;
  }

  /** The last `n` lines (at most 60), oldest first, reported or not. */
  lastLines(n: number): string[] {
    return n <= 0 ? [] : this.#lines.slice(-n);
  }

  /** Lines since the last call; null when there are none. */
  takeRecord(atMs: number): LogRecord | null {
    if (this.#fresh === 0) return null;
    const lines = this.#lines.slice(-Math.min(this.#fresh, REPORT_LINES));
    const skipped = this.#fresh - lines.length;
    this.#fresh = 0;
    return { kind: 'log', at_ms: atMs, source: this.#o.source, lines, skipped };
  }

  async #poll(): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(this.#o.path, 'r');
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      this.#oldBytes = null;
      this.#forget();
      return;
    }
    try {
      const { size } = await file.stat();
      if (this.#oldBytes !== null) {
        const old = Math.min(this.#oldBytes, size);
        this.#oldBytes = null;
        this.#offset = Math.max(0, old - CHUNK_BYTES);
        await this.#readTo(file, old, true);
        this.#fresh = 0;
      } else if (!(await this.#inPlace(file, size))) await this.#findPlace(file, size);
      await this.#readTo(file, size, false);
    } finally {
      await file.close();
    }
  }

  async #inPlace(file: FileHandle, size: number): Promise<boolean> {
    if (size < this.#offset) return false;
    const before = await readAt(file, this.#offset - this.#anchor.length, this.#anchor.length);
    return before.equals(this.#anchor);
  }

  /** The file was cut: goes on behind the anchor where that is still there, else everything in it is new. */
  async #findPlace(file: FileHandle, size: number): Promise<void> {
    const anchor = this.#anchor;
    let found = -1;
    for (let end = size; end > 0 && found === -1; end -= CHUNK_BYTES) {
      const from = Math.max(0, end - CHUNK_BYTES);
      // Chunks overlap by an anchor, so that it cannot hide between two.
      const at = (await readAt(file, from, Math.min(size, end + anchor.length) - from)).lastIndexOf(anchor);
      if (at !== -1) found = from + at;
    }
    if (found === -1) this.#forget();
    else this.#offset = found + anchor.length;
  }

  #forget(): void {
    this.#offset = 0;
    this.#anchor = Buffer.alloc(0);
    this.#partial = Buffer.alloc(0);
    this.#overlong = false;
  }

  async #readTo(file: FileHandle, size: number, silent: boolean): Promise<void> {
    while (this.#offset < size) {
      const chunk = await readAt(file, this.#offset, Math.min(CHUNK_BYTES, size - this.#offset));
      if (chunk.length === 0) return;
      this.#offset += chunk.length;
      this.#anchor = Buffer.concat([this.#anchor, chunk.subarray(-ANCHOR_BYTES)]).subarray(-ANCHOR_BYTES);
      this.#split(chunk, silent);
    }
  }

  #split(chunk: Buffer, silent: boolean): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const whole = Buffer.concat([this.#partial, chunk.subarray(from, end)]);
      if (!this.#overlong) this.#line(whole.subarray(0, LINE_MAX_BYTES), silent);
      this.#overlong = false;
      this.#partial = Buffer.alloc(0);
      from = end + 1;
    }
    if (this.#overlong) return;
    this.#partial = Buffer.concat([this.#partial, chunk.subarray(from)]);
    if (this.#partial.length <= LINE_MAX_BYTES) return;
    this.#line(this.#partial.subarray(0, LINE_MAX_BYTES), silent);
    this.#overlong = true;
    this.#partial = Buffer.alloc(0);
  }

  #line(bytes: Buffer, silent: boolean): void {
    const text = fit.logLine(bytes.toString('utf8'));
    if (text.trim() === '') return;
    this.#lines.push(text);
    if (this.#lines.length > LOG_LINES_MAX) this.#lines.shift();
    this.#fresh++;
    if (!silent) this.#o.onLine(this.#o.source, text);
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
