// The store on SQLite (node:sqlite): WAL, synchronous=FULL. An answer to a worker makes it drop the report from its spool, so
// what was acknowledged must survive a power cut; NORMAL syncs at checkpoints only and would lose the last minutes then. The
// sync is shared by group commit, so FULL costs one sync per turn of the loop, not per report.
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { SpotrigError } from '../../platform/errors.ts';
import type { HostRecord, ReachabilityRecord, WireRecord } from '../../wire/records.ts';
import { bootChange, type BootSpan } from './boot-change.ts';
import { GroupCommit } from './group-commit.ts';
import { MIGRATIONS } from './migrations.ts';
import type {
  AddOutcome,
  NewHello,
  NewReport,
  Revocation,
  SeriesKinds,
  Store,
  StoredEvent,
  Timed,
  TokenIdentity,
  WorkerFacts,
} from './store.ts';
import { type RecordRow, type WorkerRowOf, eventOf, statements, timedOf } from './sqlite-statements.ts';

/** How long a write waits for another process's (the command line's). It blocks the event loop, so it is short. */
const BUSY_MS = 2000;

/** Opens (and makes or migrates) the database file. Throws `store_failed`, or `store_too_new` for a file of a newer release. */
export function openSqliteStore(path: string): Store {
  return guarded(() => {
    const db = new DatabaseSync(path, { timeout: BUSY_MS });
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864');
      migrate(db);
      return new SqliteStore(db);
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function migrate(db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > MIGRATIONS.length) {
    throw new SpotrigError(
      'store_too_new',
      `the database has schema ${version}, this release knows up to ${MIGRATIONS.length}: start the release that wrote it`,
    );
  }
  for (let step = version; step < MIGRATIONS.length; step++) {
    transaction(db, () => db.exec(`${MIGRATIONS[step]}; PRAGMA user_version = ${step + 1}`));
  }
}

function transaction(db: DatabaseSync, run: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    run();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SpotrigError) throw error;
    throw new SpotrigError('store_failed', 'the database failed', { cause: error, retryable: true });
  }
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #writes: GroupCommit;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
    this.#writes = new GroupCommit((run) => guarded(() => transaction(db, run)));
  }

  addReport(report: NewReport): Promise<AddOutcome> {
    return this.#writes.submit(() => this.#insertReport(report));
  }

  addHello(hello: NewHello): Promise<void> {
    return this.#writes.submit(() => {
      this.#sql.upsertHello.run(hello.worker, hello.stage, hello.code, hello.received_at_ms);
      this.#insertRecord(hello.worker, null, hello.received_at_ms, {
        at_ms: hello.received_at_ms,
        record: {
          kind: 'lifecycle',
          at_ms: hello.received_at_ms,
          event: 'hello',
          level: hello.code === 0 ? 'info' : 'error',
          detail: hello.code === 0 ? `stage ${hello.stage}` : `stage ${hello.stage} failed with code ${hello.code}`,
          exit_code: hello.code,
          signal: null,
          log: [],
        },
      });
    });
  }

  addEvent(event: StoredEvent): Promise<void> {
    return this.#writes.submit(() => this.#insertRecord(event.worker, event.boot, event.at_ms, event));
  }

  workers(shares_since_ms: number): Promise<WorkerFacts[]> {
    return this.#read(() => rows<WorkerRowOf>(this.#sql.workers).map((worker) => this.#facts(worker, shares_since_ms)));
  }

  worker(id: string, shares_since_ms: number): Promise<WorkerFacts | null> {
    return this.#read(() => {
      const worker = row<WorkerRowOf>(this.#sql.worker, id);
      return worker === null ? null : this.#facts(worker, shares_since_ms);
    });
  }

  host(id: string): Promise<Timed<HostRecord> | null> {
    return this.#read(() => {
      const host = row<RecordRow>(this.#sql.host, id);
      return host === null ? null : timedOf<HostRecord>(host);
    });
  }

  series<K extends keyof SeriesKinds>(
    worker: string,
    kind: K,
    since_ms: number,
    limit: number,
  ): Promise<Timed<SeriesKinds[K]>[]> {
    return this.#read(() =>
      rows<RecordRow>(this.#sql.series, worker, kind, since_ms, limit)
        .map((found) => timedOf<SeriesKinds[K]>(found))
        .toReversed(),
    );
  }

  events(query: { worker?: string; limit: number }): Promise<StoredEvent[]> {
    return this.#read(() =>
      (query.worker === undefined
        ? rows<RecordRow>(this.#sql.events, query.limit)
        : rows<RecordRow>(this.#sql.eventsOf, query.worker, query.limit)
      ).map(eventOf),
    );
  }

  reachability(since_ms: number, limit: number): Promise<(Timed<ReachabilityRecord> & { worker: string })[]> {
    return this.#read(() =>
      rows<RecordRow>(this.#sql.reachability, since_ms, limit).map((found) => ({
        worker: found.worker,
        ...timedOf<ReachabilityRecord>(found),
      })),
    );
  }

  revoke(revocation: Revocation): Promise<void> {
    return this.#writes.submit(() => {
      if (revocation.by === 'token') {
        this.#sql.revokeToken.run(revocation.digest, revocation.reason, revocation.created_ms);
      } else {
        const { worker, expires_up_to_s, reason, created_ms } = revocation;
        this.#sql.revokeWorker.run(worker, expires_up_to_s, reason, created_ms);
      }
    });
  }

  isRevoked(token: TokenIdentity): Promise<boolean> {
    return this.#read(() => row(this.#sql.isRevoked, token.digest, token.worker, token.expires_s) !== null);
  }

  revokedUpTo(worker: string): Promise<number | null> {
    return this.#read(() => row<{ expires_up_to_s: number }>(this.#sql.revokedUpTo, worker)?.expires_up_to_s ?? null);
  }

  prune(received_before_ms: number, max_rows: number): Promise<number> {
    return this.#writes.submit(() => {
      let gone = 0;
      for (const sql of [this.#sql.pruneRecords, this.#sql.pruneReports]) {
        gone += Number(sql.run(max_rows, received_before_ms).changes);
      }
      for (const sql of [this.#sql.pruneBoots, this.#sql.pruneWorkers]) {
        gone += Number(sql.run(received_before_ms, max_rows).changes);
      }
      return gone;
    });
  }

  close(): Promise<void> {
    return this.#read(() => {
      this.#writes.flush();
      this.#db.close();
    });
  }

  #insertReport(report: NewReport): AddOutcome {
    const { worker, boot, received_at_ms } = report;
    const added = this.#sql.insertReport.run(
      worker,
      boot,
      report.seq,
      report.sent_at_ms,
      received_at_ms,
      report.skew_ms,
    );
    if (added.changes === 0) return { stored: false };

    const known = row<BootSpan>(this.#sql.boot, worker, boot);
    const current = row<BootSpan>(this.#sql.currentBoot, worker);
    let first_at_ms = Infinity;
    let newest_at_ms = -Infinity;
    for (const timed of report.records) {
      first_at_ms = Math.min(first_at_ms, timed.at_ms);
      newest_at_ms = Math.max(newest_at_ms, timed.at_ms);
      if (timed.record.kind !== 'host') this.#insertRecord(worker, boot, received_at_ms, timed);
    }
    // All its records may be too old to keep; the report itself must still be known as stored.
    if (report.records.length === 0) return { stored: true, boot_change: 'late' };

    const boot_change = bootChange({ current, known, boot, newest_at_ms });
    this.#sql.upsertBoot.run(worker, boot, first_at_ms, newest_at_ms, received_at_ms);
    for (const { at_ms, record } of report.records) {
      if (record.kind === 'host') this.#sql.setHost.run(at_ms, JSON.stringify(record), worker, boot);
    }
    this.#sql.upsertWorker.run(worker, boot_change === 'late' ? (current?.boot ?? boot) : boot, received_at_ms);
    return { stored: true, boot_change };
  }

  #insertRecord(worker: string, boot: string | null, received_at_ms: number, timed: Timed<WireRecord>): void {
    const { kind } = timed.record;
    this.#sql.insertRecord.run(worker, boot, kind, timed.at_ms, received_at_ms, JSON.stringify(timed.record));
  }

  #facts(worker: WorkerRowOf, shares_since_ms: number): WorkerFacts {
    const id = worker.worker;
    const latest = <K extends keyof SeriesKinds>(kind: K): Timed<SeriesKinds[K]> | null => {
      if (worker.boot === null) return null;
      const found = row<RecordRow>(this.#sql.latest, id, kind, worker.first_at_ms, worker.boot);
      return found === null ? null : timedOf<SeriesKinds[K]>(found);
    };
    const since = Math.max(shares_since_ms, worker.first_at_ms ?? 0);
    const event = row<RecordRow>(this.#sql.eventsOf, id, 1);
    return {
      id,
      boot: worker.boot,
      last_report_ms: worker.last_report_ms,
      hello:
        worker.hello_stage === null || worker.hello_code === null || worker.hello_at_ms === null
          ? null
          : { stage: worker.hello_stage, code: worker.hello_code, at_ms: worker.hello_at_ms },
      hashrate: latest('hashrate'),
      shares: latest('shares'),
      gpu: latest('gpu'),
      shares_window: row<WorkerFacts['shares_window']>(this.#sql.sharesSums, id, since, worker.boot) ?? {
        records: 0,
        window_ms: 0,
        work_hashes: 0,
        work_sq_hashes2: 0,
        work_max_hashes: 0,
      },
      last_event: event === null ? null : eventOf(event),
    };
  }

  #read<T>(run: () => T): Promise<T> {
    return new Promise((resolve) => resolve(guarded(run)));
  }
}

/** The row shapes are those of our own statements: sqlite-statements.ts keeps the two side by side. */
function row<T>(sql: StatementSync, ...values: SQLInputValue[]): T | null {
  return (sql.get(...values) as T | undefined) ?? null;
}

function rows<T>(sql: StatementSync, ...values: SQLInputValue[]): T[] {
  return sql.all(...values) as T[];
}
