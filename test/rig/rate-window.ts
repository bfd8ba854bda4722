// Hashrate over the last seconds, from a counter that only grows.

const KEEP_MS = 61_000;

/** Samples of (time, hashes so far), about one a second, for windows up to a minute. */
export class RateWindow {
  #samples: { atMs: number; hashes: number }[] = [];

  /** Notes the counter; call it about once a second. */
  sample(atMs: number, hashes: number): void {
    this.#samples.push({ atMs, hashes });
    this.#samples = this.#samples.filter((sample) => sample.atMs >= atMs - KEEP_MS);
  }

  /** H/s over the last `window_s` (less while less is known); 0 before two samples, as t-rex says while it begins. */
  rate_hs(window_s: number): number {
    const last = this.#samples.at(-1);
    const first = this.#samples.find((sample) => last !== undefined && sample.atMs >= last.atMs - window_s * 1000);
    if (last === undefined || first === undefined || last.atMs <= first.atMs) return 0;
    return ((last.hashes - first.hashes) / (last.atMs - first.atMs)) * 1000;
  }
}
