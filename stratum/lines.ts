// Lines out of a byte stream. Works on bytes, so a character that is split between two chunks does no harm.

/** Longer lines than any pool sends (a Bitcoin job with a long merkle branch is 4 KB); pools themselves cut at 1 to 32 KB. */
const LINE_MAX_BYTES = 65_536;

const LF = 0x0a;

/** Splits one direction of one connection into lines. A line is handed on with its ending, exactly as it came. */
export class LineSplitter {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come yet: the first `#heldBytes` of `#held`. */
  #held: Buffer | null = null;
  #heldBytes = 0;

  constructor(maxBytes = LINE_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next bytes and calls `onLine` for each line that they complete. The lines stay valid afterwards.
   * False when a line is longer than allowed: nothing more can be read from this stream then.
   */
  push(chunk: Buffer, onLine: (line: Buffer) => void): boolean {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LF, from);
      const piece = chunk.subarray(from, end === -1 ? chunk.length : end + 1);
      if (this.#heldBytes + piece.length > this.#maxBytes) return false;
      if (end === -1) {
        if (piece.length > 0) this.#hold(piece);
        return true;
      }
      from = end + 1;
      if (this.#held === null) {
        onLine(piece);
      } else {
        this.#hold(piece);
        onLine(this.rest());
      }
    }
  }

  /** Takes out the bytes of the unfinished line; empty when there are none. */
  rest(): Buffer {
    const rest = this.#held?.subarray(0, this.#heldBytes) ?? Buffer.alloc(0);
    this.#held = null;
    this.#heldBytes = 0;
    return rest;
  }

  /** Appends to the held line; the buffer doubles, so that many small chunks cost no more than one large one. */
  #hold(piece: Buffer): void {
    const needed = this.#heldBytes + piece.length;
    if (this.#held === null || this.#held.length < needed) {
      const grown = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, 2 * this.#heldBytes, 512)));
      this.#held?.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    piece.copy(this.#held, this.#heldBytes);
    this.#heldBytes = needed;
  }
}
