// Opens the SQLite file, brings its schema up to date, and wraps what the engine throws.
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { SpotrigError } from '../../platform/errors.ts';
import { MIGRATIONS } from './migrations.ts';

/** How long a write waits for another process's (the command line's). It blocks the event loop, so it is short. */
const BUSY_MS = 2000;
/** Pages in the log before it is copied into the database: copying seldom writes a page of many changes once. */
const CHECKPOINT_PAGES = 4000;
const LOG_KEPT_BYTES = 64 * 1024 * 1024;

/** Opens (and makes or migrates) the database file. Throws `store_failed`, or `store_too_new` for a file of a newer release. */
export function openDatabase(path: string): DatabaseSync {
  return guarded(() => {
    const db = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA journal_size_limit = ${LOG_KEPT_BYTES}`);
      migrate(db);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Name of the file that a running collector keeps locked. */
const LOCK_FILE = 'collector.lock';

/**
 * Keeps a data folder for one collector: two would each know half of what workers sent. The lock is SQLite's own on an empty
 * file, so the kernel gives it back when its holder dies. Returns what gives it back; throws `data_in_use`.
 */
export function lockFolder(dir: string): () => void {
  const db = new DatabaseSync(join(dir, LOCK_FILE), { timeout: BUSY_MS });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw new SpotrigError('data_in_use', `${dir}: another collector runs on this data folder (--data)`, { cause });
  }
  return () => db.close();
}

/** Runs and commits, or throws and has written nothing. */
export function transaction(db: DatabaseSync, run: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    run();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Runs it; what the engine throws becomes SpotrigError `store_failed`. */
export function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SpotrigError) throw error;
    throw new SpotrigError('store_failed', 'the database failed', { cause: error, retryable: true });
  }
}

function migrate(db: DatabaseSync): void {
  // In one transaction, the version read inside: two processes may open a new file at once.
  transaction(db, () => {
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > MIGRATIONS.length) {
      throw new SpotrigError(
        'store_too_new',
        `the database has schema ${version}, this release knows up to ${MIGRATIONS.length}: start the release that wrote it`,
      );
    }
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    if (version < MIGRATIONS.length) db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

/** What a part of the store works with. */
export interface StoreParts {
  db: DatabaseSync;
  /** Runs in the next group commit. */
  write<T>(run: () => T): Promise<T>;
  read<T>(run: () => T): Promise<T>;
}

/** Compiles every statement of a list by name, once. */
export function compiled<K extends string>(
  db: DatabaseSync,
  sql: Readonly<Record<K, string>>,
): Record<K, StatementSync> {
  const all = Object.entries<string>(sql).map(([name, text]) => [name, db.prepare(text)] as const);
  return Object.fromEntries(all) as Record<K, StatementSync>;
}
