// A small state that changes often, kept on disk for the next process: one record at a fixed place, written by one pwrite.
// A kill of the process cannot tear it (the call is done or not); a power cut can, and the checksum then tells: the state is
// gone, never wrong. It is not synced: the page cache outlives the process, which is all that is asked of it.
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { SpotrigError, isErrno } from './errors.ts';

/** One page: a record never crosses into a second. */
const SLOT_BYTES = 4096;
const CRC_CHARS = 8;
/** A record is the owner, padded; the checksum of the text; the text, padded. */
const OWNER_CHARS = 40;
const TEXT_AT = OWNER_CHARS + CRC_CHARS;

export class StateSlot {
  readonly #fd: number;
  readonly #owner: string;

  /** Opens or makes the file. `owner`: whose state it is, at most 40 characters. Throws system errors. */
  constructor(path: string, owner: string) {
    this.#owner = owner.padEnd(OWNER_CHARS);
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** Replaces the state. Throws system errors (a full disk), and `state_too_large`. */
  write(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    const body = Buffer.alloc(SLOT_BYTES - TEXT_AT, ' ');
    if (text.length > body.length) throw new SpotrigError('state_too_large', `state has ${text.length} bytes`);
    text.copy(body);
    writeSync(this.#fd, Buffer.concat([Buffer.from(this.#owner + checksum(body)), body]), 0, SLOT_BYTES, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function checksum(body: Buffer): string {
  return crc32(body).toString(16).padStart(CRC_CHARS, '0');
}

/** The state that the last process of this owner left; null when there is none, or a damaged one. */
export function readStateSlot(path: string, owner: string): unknown {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  if (bytes.length < SLOT_BYTES || bytes.toString('latin1', 0, OWNER_CHARS) !== owner.padEnd(OWNER_CHARS)) return null;
  const body = bytes.subarray(TEXT_AT, SLOT_BYTES);
  if (bytes.toString('latin1', OWNER_CHARS, TEXT_AT) !== checksum(body)) return null;
  return JSON.parse(body.toString('utf8')) as unknown;
}
