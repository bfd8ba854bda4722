import type { ShareWork } from './interval.ts';

type Sums = Omit<ShareWork, 'window_ms'> & { unmeasured: number };

const BUCKET_MS = 5000;
/** One hour. */
const BUCKETS = 720;
const NONE = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, unmeasured: 0 };

/** Share work of the last hour in buckets of five seconds, for a rate over the last minutes. Times are monotonic. */
export class RateRing {
  readonly #buckets = new Map<number, Sums>();
  #sinceMs: number | null = null;

  /** Time counts from here: before it no share could come. Later calls change nothing. */
  start(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  /** An accepted share; null: its work is not known. */
  add(work_hashes: number | null, nowMs: number): void {
    const index = Math.floor(nowMs / BUCKET_MS);
    let bucket = this.#buckets.get(index);
    if (bucket === undefined) {
      bucket = { ...NONE };
      this.#buckets.set(index, bucket);
      for (const old of this.#buckets.keys()) {
        if (old > index - BUCKETS) break;
        this.#buckets.delete(old);
      }
    }
    addShare(bucket, work_hashes);
  }

  /**
   * Sums over about the last `windowMs` (whole buckets, at most an hour), and the time that they really cover: never more
   * than since the start. Null before the start.
   */
  last(windowMs: number, nowMs: number): (Sums & ShareWork) | null {
    if (this.#sinceMs === null) return null;
    const first = Math.max(Math.ceil((nowMs - windowMs) / BUCKET_MS), Math.floor(nowMs / BUCKET_MS) - BUCKETS + 1);
    const sums = { ...NONE };
    for (const [index, bucket] of this.#buckets) {
      if (index < first) continue;
      sums.work_hashes += bucket.work_hashes;
      sums.work_sq_hashes2 += bucket.work_sq_hashes2;
      sums.work_max_hashes = Math.max(sums.work_max_hashes, bucket.work_max_hashes);
      sums.unmeasured += bucket.unmeasured;
    }
    return { ...sums, window_ms: Math.max(0, nowMs - Math.max(this.#sinceMs, first * BUCKET_MS)) };
  }
}

/** Adds one accepted share to the sums; null: its work is not known. */
export function addShare(sums: Sums, work_hashes: number | null): void {
  if (work_hashes === null) {
    sums.unmeasured += 1;
    return;
  }
  sums.work_hashes += work_hashes;
  sums.work_sq_hashes2 += work_hashes * work_hashes;
  sums.work_max_hashes = Math.max(sums.work_max_hashes, work_hashes);
}
