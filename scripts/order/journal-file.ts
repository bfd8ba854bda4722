// The journal on disk: one file, replaced whole, so that a kill leaves the old content or the new.
import { join } from 'node:path';
import { readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { EMPTY_JOURNAL, type Entry, Journal } from './journal.ts';

const JOURNAL_FILE = 'journal.json';
const FILE_MAX_BYTES = 256 * 1024 * 1024;

/** The journal of one state folder. Whoever changes it holds the folder's lock. */
export class JournalFile {
  readonly #path: string;
  #journal: Journal;

  private constructor(path: string, journal: Journal) {
    this.#path = path;
    this.#journal = journal;
  }

  /** Throws `journal_damaged`: an empty one in its place would let orders of unknown outcome be sent again. */
  static async open(folder: string): Promise<JournalFile> {
    const path = join(folder, JOURNAL_FILE);
    const text = await readTextIfPresent(path, FILE_MAX_BYTES);
    if (text === null) return new JournalFile(path, EMPTY_JOURNAL);
    try {
      return new JournalFile(path, Journal.parse(JSON.parse(text)));
    } catch (error) {
      throw new SpotrigError(
        'journal_damaged',
        `${path} cannot be read: restore it, or look at your running orders, cancel what should not be there, and move it away`,
        { cause: error },
      );
    }
  }

  get entries(): readonly Entry[] {
    return this.#journal.entries;
  }

  get my_user_id(): string | null {
    return this.#journal.my_user_id;
  }

  /** Throws `journal_account` where the journal is of another account's orders. */
  checkUser(my_user_id: string): void {
    const known = this.#journal.my_user_id;
    if (known === null || known === my_user_id) return;
    throw new SpotrigError(
      'journal_account',
      `${this.#path} is of the account ${known}, and this key is of ${my_user_id}: give another --state`,
    );
  }

  /** Durable when it resolves. */
  async write(entries: readonly Entry[], my_user_id: string | null = this.#journal.my_user_id): Promise<void> {
    const next: Journal = { v: 1, my_user_id, entries: [...entries] };
    await writeFileDurable(this.#path, `${JSON.stringify(next)}\n`);
    this.#journal = next;
  }
}
