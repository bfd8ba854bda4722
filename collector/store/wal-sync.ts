// SQLite can sync its write-ahead log at each commit, but only in the thread that commits. Here the log is synced through a
// descriptor of our own in a pool thread, after the commit and before anyone is told: the same promise, without a blocked loop.
import { type FileHandle, open } from 'node:fs/promises';
import { SpotrigError } from '../../platform/errors.ts';

/** Syncs the write-ahead log of one database. */
export class WalSync {
  readonly #path: string;
  #file: FileHandle | null = null;
  #failure: unknown = null;

  constructor(databasePath: string) {
    this.#path = `${databasePath}-wal`;
  }

  /** Resolves when every commit made before the call is on the disk. After one failure every call fails: see below. */
  async sync(): Promise<void> {
    if (this.#failure === null) {
      try {
        // Opened for writing: some systems refuse to sync a file that is open for reading only.
        this.#file ??= await open(this.#path, 'r+');
        await this.#file.datasync();
        return;
      } catch (error) {
        // The kernel may have dropped the pages it could not write and call the next sync a success. Only a new start of
        // the collector, which reads the log again, knows what is there.
        this.#failure = error;
      }
    }
    throw new SpotrigError('store_failed', 'the disk failed to sync: look at it, then restart the collector', {
      cause: this.#failure,
    });
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}
