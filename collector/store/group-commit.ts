// Group commit: writes share one transaction and one sync of the disk. While a sync runs (in a pool thread) the event loop
// goes on reading requests; what they write waits and is the next batch. So batches grow with the load by themselves, a lone
// write waits for nothing, and the loop never waits for the disk.

interface Waiting {
  run: () => void;
  done: () => void;
  failed: (error: unknown) => void;
}

/** Writes in one transaction: above it the loop would be blocked too long at once. */
const BATCH_MAX = 256;

export class GroupCommit {
  readonly #transaction: (run: () => void) => void;
  readonly #sync: () => Promise<void>;
  #waiting: Waiting[] = [];
  #pumping: Promise<void> | null = null;

  /** `transaction` runs what it is given and commits, or throws and has written nothing; `sync` makes it survive a crash. */
  constructor(transaction: (run: () => void) => void, sync: () => Promise<void>) {
    this.#transaction = transaction;
    this.#sync = sync;
  }

  /** Resolves with the write's result once it is committed and synced; rejects when its batch failed as a whole. */
  submit<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: { value: T } | null = null;
      this.#waiting.push({
        run: () => {
          result = { value: write() };
        },
        done: () => {
          if (result !== null) resolve(result.value);
        },
        failed: reject,
      });
      this.#pumping ??= this.#pump();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#pumping !== null) await this.#pumping;
  }

  async #pump(): Promise<void> {
    // What else arrives in this turn of the loop joins the first batch.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        this.#transaction(() => {
          for (const waiting of batch) waiting.run();
        });
        await this.#sync();
        for (const waiting of batch) waiting.done();
      } catch (error) {
        for (const waiting of batch) waiting.failed(error);
      }
    }
    this.#pumping = null;
  }
}
