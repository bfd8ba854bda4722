// When a connection to a pool may be made: one at a time for each pool with a pause after it, and few at once in all. Pools ban
// who connects more often (facts/censorship.md section 4).
import type { Clock } from '../../platform/clock.ts';

export interface PacerOptions {
  clock: Clock;
  /** From the end of a task to the next one of the same pool. */
  pause_ms: number;
  /** Tasks at once, of different pools. */
  at_once: number;
  /** Ends all waiting. */
  signal: AbortSignal;
}

export class Pacer {
  readonly #o: PacerOptions;
  /** Last task of each pool; the caller's pools are few. */
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #endedAt = new Map<string, number>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(o: PacerOptions) {
    this.#o = o;
  }

  /** Runs the task when it is its turn. Rejects as the task does, or with the signal's reason. */
  run<T>(pool: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(pool) ?? Promise.resolve();
    const mine = before.then(() => this.#runPaced(pool, task));
    this.#tails.set(
      pool,
      mine.catch(() => {}),
    );
    return mine;
  }

  async #runPaced<T>(pool: string, task: () => Promise<T>): Promise<T> {
    const { clock, pause_ms, signal } = this.#o;
    const ended = this.#endedAt.get(pool);
    const wait_ms = ended === undefined ? 0 : ended + pause_ms - clock.monoMs();
    if (wait_ms > 0) await clock.sleep(wait_ms, signal);
    signal.throwIfAborted();
    await this.#take();
    try {
      signal.throwIfAborted();
      const result = await task();
      // What was cut short is no result.
      signal.throwIfAborted();
      return result;
    } finally {
      this.#endedAt.set(pool, clock.monoMs());
      this.#give();
    }
  }

  async #take(): Promise<void> {
    if (this.#running < this.#o.at_once) {
      this.#running += 1;
      return;
    }
    // Who gives its place hands it over, so the count stays.
    await new Promise<void>((resolve) => {
      this.#queue.push(resolve);
    });
  }

  #give(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
