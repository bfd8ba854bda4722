// Tells whether two files are alike without a digest of each: CRC-32 over the first bytes of every piece. A full one would cost as much
// as the layer's digest. Files that differ between the samples alone look alike, so it is used for advice only.
import { crc32 } from 'node:zlib';

const FROM_BYTES = 16_384;
const PIECE_BYTES = 65_536;
const SAMPLE_BYTES = 4096;

export class FilePrint {
  #at = 0;
  #crc = 0;

  /** One for a file of this size; null for a small one, which is not worth it. */
  static of(bytes: number): FilePrint | null {
    return bytes < FROM_BYTES ? null : new FilePrint();
  }

  /** The file's next bytes, in pieces of any size. */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const inPiece = (this.#at + at) % PIECE_BYTES;
      if (inPiece < SAMPLE_BYTES) {
        const sample = bytes.subarray(at, at + SAMPLE_BYTES - inPiece);
        this.#crc = crc32(sample, this.#crc);
        at += sample.length;
      } else at += PIECE_BYTES - inPiece;
    }
    this.#at += bytes.length;
  }

  /** Never 0. */
  get value(): number {
    return this.#crc === 0 ? 1 : this.#crc | 0;
  }
}
