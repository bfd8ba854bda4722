// Group commit: writes that come in the same turn of the event loop share one transaction, and so one sync of the disk.
// While a commit blocks the loop, the next requests wait in their sockets; the loop then reads them all in one turn. So the
// batches grow with the load by themselves, and a lone write waits for nothing.

interface Waiting {
  run: () => void;
  committed: () => void;
  failed: (error: unknown) => void;
}

/** Writes in one transaction: above it the loop would be blocked too long at once. */
const BATCH_MAX = 256;

export class GroupCommit {
  readonly #transaction: (run: () => void) => void;
  #waiting: Waiting[] = [];

  /** `transaction` runs what it is given and commits, or throws and has written nothing. */
  constructor(transaction: (run: () => void) => void) {
    this.#transaction = transaction;
  }

  /** Resolves with the write's result once it is committed; rejects when its batch failed as a whole. */
  submit<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let commit = (): void => undefined;
      this.#waiting.push({
        run: () => {
          const result = write();
          commit = () => resolve(result);
        },
        committed: () => commit(),
        failed: reject,
      });
      if (this.#waiting.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        this.#transaction(() => {
          for (const waiting of batch) waiting.run();
        });
      } catch (error) {
        for (const waiting of batch) waiting.failed(error);
        continue;
      }
      for (const waiting of batch) waiting.committed();
    }
  }
}
