/** Amounts per key: `burst` at once, `per_s` in the long run. */
export interface Rate {
  burst: number;
  per_s: number;
}

interface Bucket {
  level: number;
  at_ms: number;
}

/** Token buckets by key. Holds at most `keys_max` of them: where more are in use, the one idle longest starts anew. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #keysMax: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, keysMax = 10_000) {
    this.#rate = rate;
    this.#keysMax = keysMax;
  }

  /** Takes `amount`; 0 when it was there, else the milliseconds until it will be, and nothing is taken. */
  take(key: string, amount: number, mono_ms: number): number {
    const { burst, per_s } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { level: burst, at_ms: mono_ms };
    bucket.level = Math.min(burst, bucket.level + ((mono_ms - bucket.at_ms) / 1000) * per_s);
    bucket.at_ms = mono_ms;
    // Put back at the end: the map's order is then the order of last use.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#forgetOldest();
    // An amount above the burst would never fit: it passes when the bucket is full.
    const wanted = Math.min(amount, burst);
    if (bucket.level < wanted) return Math.ceil(((wanted - bucket.level) / per_s) * 1000);
    bucket.level -= wanted;
    return 0;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > this.#keysMax && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
