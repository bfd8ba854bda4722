import type { Clock } from './clock.ts';
import { SpotrigError } from './errors.ts';

/** Aborts its signal with download_stalled when `touch` has not been called for `limitMs`. Ends with `stop`. */
export class StallGuard {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #limitMs: number;
  #touched: number;
  #cancel: () => void;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#touched = clock.monoMs();
    this.#cancel = this.#lookIn(limitMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  touch(): void {
    this.#touched = this.#clock.monoMs();
  }

  stop(): void {
    this.#cancel();
  }

  #lookIn(ms: number): () => void {
    return this.#clock.setTimer(ms, () => {
      const left = this.#touched + this.#limitMs - this.#clock.monoMs();
      if (left > 0) this.#cancel = this.#lookIn(left);
      else
        this.#abort.abort(new SpotrigError('download_stalled', `no byte for ${this.#limitMs} ms`, { retryable: true }));
    });
  }
}
