import type { ShareWork } from './interval.ts';

const BUCKET_MS = 5000;
/** One hour. */
const BUCKETS = 720;

/** Share work of the last hour in buckets of five seconds, for a rate over the last minutes. Times are monotonic. */
export class RateRing {
  readonly #buckets = new Map<number, Omit<ShareWork, 'window_ms'>>();
  #sinceMs: number | null = null;

  /** Time counts from here: before it no share could come. Later calls change nothing. */
  start(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  add(work_hashes: number, nowMs: number): void {
    const index = Math.floor(nowMs / BUCKET_MS);
    let bucket = this.#buckets.get(index);
    if (bucket === undefined) {
      bucket = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0 };
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
  last(windowMs: number, nowMs: number): ShareWork | null {
    if (this.#sinceMs === null) return null;
    const first = Math.max(Math.ceil((nowMs - windowMs) / BUCKET_MS), Math.floor(nowMs / BUCKET_MS) - BUCKETS + 1);
    const sums = { work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0 };
    for (const [index, bucket] of this.#buckets) {
      if (index < first) continue;
      sums.work_hashes += bucket.work_hashes;
      sums.work_sq_hashes2 += bucket.work_sq_hashes2;
      sums.work_max_hashes = Math.max(sums.work_max_hashes, bucket.work_max_hashes);
    }
    return { ...sums, window_ms: Math.max(0, nowMs - Math.max(this.#sinceMs, first * BUCKET_MS)) };
  }
}

/** Adds one accepted share to the sums. */
export function addShare(sums: Omit<ShareWork, 'window_ms'>, work_hashes: number): void {
  sums.work_hashes += work_hashes;
  sums.work_sq_hashes2 += work_hashes * work_hashes;
  sums.work_max_hashes = Math.max(sums.work_max_hashes, work_hashes);
}
