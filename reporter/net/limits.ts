// How many things happen at once: what keeps a prober polite.

/** At most `max` at a time, in the order in which they came. */
export class Limit {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Runs it when there is a place. Where it gives an early answer, that is handed out, and the place is free when it is done.
   */
  async run<T>(work: () => { early: Promise<T>; done: Promise<unknown> }): Promise<T> {
    if (this.#running >= this.#max) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else this.#running++;
    const { early, done } = work();
    const free = (): void => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
    void done.then(free, free);
    return early;
  }

  /** The plain form: the place is kept until the answer is there. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    return this.run(() => {
      const answer = work();
      return { early: answer, done: answer };
    });
  }
}

/** One at a time for each key. */
export class KeyedLocks {
  readonly #locks = new Map<string, { limit: Limit; users: number }>();

  async hold<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(key) ?? { limit: new Limit(1), users: 0 };
    this.#locks.set(key, lock);
    lock.users++;
    try {
      return await lock.limit.hold(work);
    } finally {
      lock.users--;
      if (lock.users === 0) this.#locks.delete(key);
    }
  }
}
