// Hashes for real, in short slices on the main thread, so that the API answers between them; a time budget holds the rate.
import { hashValue, sha256d } from './bitcoin-header.ts';
import type { Work } from './miner-work.ts';

const SLICE_MS = 8;
const PAUSE_MS = 10;
const BATCH = 32;
const NONCES = 2 ** 32;

/** Hashes done and the time they were allowed to take. */
export class Hasher {
  readonly #throttle_hs: number;
  readonly #catchUpMs: number;
  readonly #onShare: (work: Work, nonce: number, digest: Buffer) => void;
  #work: Work | null = null;
  #topLimit = 0;
  #nonce = 0;
  #timer: NodeJS.Timeout | null = null;
  #lastMs = 0;
  #budget = 0;
  #hashes = 0;

  /**
   * `throttle_hs` 0 = no limit. A slice that came late catches up at most `catchUpMs`: after a longer stall the time is lost, and the
   * rate is never above the throttle for longer. `onShare` hears of every hash below the work's limit.
   */
  constructor(
    o: { throttle_hs: number; catchUpMs: number },
    onShare: (work: Work, nonce: number, digest: Buffer) => void,
  ) {
    this.#throttle_hs = o.throttle_hs;
    this.#catchUpMs = o.catchUpMs;
    this.#onShare = onShare;
  }

  /** All hashes since the start. */
  get hashes(): number {
    return this.#hashes;
  }

  /** Takes new work (from nonce 0), or none. */
  setWork(work: Work | null): void {
    this.#work = work;
    this.#nonce = 0;
    if (work !== null) this.#topLimit = Number(work.limit >> 208n);
  }

  start(): void {
    this.#lastMs = performance.now();
    this.#timer = setTimeout(() => this.#slice(), 0);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #slice(): void {
    const nowMs = performance.now();
    const isFree = this.#throttle_hs === 0;
    const earned = ((nowMs - this.#lastMs) / 1000) * this.#throttle_hs;
    this.#lastMs = nowMs;
    this.#budget = isFree ? Infinity : Math.min(this.#budget + earned, (this.#catchUpMs / 1000) * this.#throttle_hs);
    while (this.#work !== null && this.#budget >= 1 && performance.now() - nowMs < SLICE_MS) {
      const count = Math.min(BATCH, Math.floor(this.#budget));
      for (let done = 0; done < count && this.#work !== null; done += 1) this.#one(this.#work);
      this.#budget -= count;
    }
    this.#timer = setTimeout(() => this.#slice(), isFree ? 0 : PAUSE_MS);
  }

  #one(work: Work): void {
    const nonce = this.#nonce;
    if (nonce >= NONCES) {
      this.#work = null;
      return;
    }
    this.#nonce += 1;
    this.#hashes += 1;
    work.bytes.writeUInt32LE(nonce, work.nonceOffset);
    const digest = sha256d(work.bytes);
    // The top 48 bits settle nearly every case without a bigint.
    if (digest.readUIntLE(26, 6) <= this.#topLimit && hashValue(digest) < work.limit)
      this.#onShare(work, nonce, digest);
  }
}
