// Cuts a zstd stream (RFC 8878) at its frames. Node's decompressor takes what follows a frame in the same write for waste, and layers
// of zstd:chunked have thousands of frames.
import { ImageFault } from './fault.ts';

const MAGIC = 0xfd2fb528;
/** Any of its last four bits. */
const SKIPPABLE = 0x184d2a50;
/** Memory that a frame may ask of its reader. `zstd -19` asks for 8 MB; only --ultra and --long ask for more than this. */
const WINDOW_MAX_BYTES = 32 * 1024 ** 2;
const BLOCK_HEADER_BYTES = 3;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const CHECKSUM_BYTES = 4;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];

type Part = 'frame_header' | 'block_header' | 'block' | 'checksum' | 'skippable';

export class ZstdFrames {
  #part: Part = 'frame_header';
  #left = 0;
  #isLast = false;
  #hasChecksum = false;
  /** The part of a header that has come. */
  #held: number[] = [];

  /** The pieces of the next chunk: none reaches into another frame. Throws zstd_frame. */
  *cut(chunk: Buffer): Generator<Buffer, void> {
    let from = 0;
    for (let at = 0; at < chunk.length;) {
      const wasBegun = this.#part !== 'frame_header' || this.#held.length > 0;
      if (this.#part === 'frame_header' || this.#part === 'block_header') {
        this.#held.push(chunk[at++] ?? 0);
        if (this.#part === 'frame_header') this.#frameHeader();
        else this.#blockHeader();
      } else {
        const took = Math.min(this.#left, chunk.length - at);
        at += took;
        this.#left -= took;
        if (this.#left === 0) this.#partEnds();
      }
      const isFrameEnd = wasBegun && this.#part === 'frame_header' && this.#held.length === 0;
      if (isFrameEnd) {
        yield chunk.subarray(from, at);
        from = at;
      }
    }
    if (from < chunk.length) yield chunk.subarray(from);
  }

  /** Says that no more comes. Throws zstd_frame where a frame is not whole. */
  end(): void {
    if (this.#part !== 'frame_header' || this.#held.length > 0) throw broken('is cut off');
  }

  #frameHeader(): void {
    const held = Buffer.from(this.#held);
    if (held.length < 5) return;
    const magic = held.readUInt32LE(0);
    if ((magic & ~0xf) >>> 0 === SKIPPABLE) {
      if (held.length === 8) this.#begin('skippable', held.readUInt32LE(4));
      return;
    }
    if (magic !== MAGIC) throw broken('has bytes that are no frame');
    const flags = held[4] ?? 0;
    const isSingle = (flags & 0x20) !== 0;
    const dictionaryBytes = DICTIONARY_ID_BYTES[flags & 3] ?? 0;
    const sizeBytes = flags >> 6 === 0 && isSingle ? 1 : (CONTENT_SIZE_BYTES[flags >> 6] ?? 0);
    const windowBytes = isSingle ? 0 : 1;
    if (held.length < 5 + windowBytes + dictionaryBytes + sizeBytes) return;
    const sizeAt = 5 + windowBytes + dictionaryBytes;
    if (dictionaryBytes > 0 && held.subarray(sizeAt - dictionaryBytes, sizeAt).some((byte) => byte !== 0))
      throw broken('needs a dictionary');
    const window_bytes = isSingle ? contentSize(held.subarray(sizeAt)) : windowSize(held[5] ?? 0);
    if (window_bytes > WINDOW_MAX_BYTES) throw broken(`asks for a window of ${window_bytes} bytes`);
    this.#hasChecksum = (flags & 4) !== 0;
    this.#begin('block_header', 0);
  }

  #blockHeader(): void {
    if (this.#held.length < BLOCK_HEADER_BYTES) return;
    const header = Buffer.from(this.#held).readUIntLE(0, BLOCK_HEADER_BYTES);
    const type = (header >> 1) & 3;
    if (type === RESERVED_BLOCK) throw broken('has a block of no known type');
    this.#isLast = (header & 1) !== 0;
    this.#begin('block', type === RLE_BLOCK ? 1 : header >> 3);
  }

  #begin(part: Part, bytes: number): void {
    this.#held = [];
    this.#part = part;
    this.#left = bytes;
    if (bytes === 0 && part !== 'block_header' && part !== 'frame_header') this.#partEnds();
  }

  #partEnds(): void {
    if (this.#part === 'block' && !this.#isLast) this.#begin('block_header', 0);
    else if (this.#part === 'block' && this.#hasChecksum) this.#begin('checksum', CHECKSUM_BYTES);
    else this.#begin('frame_header', 0);
  }
}

/** Frame_Content_Size; the two-byte form counts from 256. */
function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE(0));
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

/** Window_Descriptor: exponent and mantissa. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function broken(what: string): ImageFault {
  return new ImageFault('zstd_frame', `its zstd stream ${what}`);
}
