// The store on SQLite (node:sqlite) in WAL mode. An answer to a worker makes it drop the report from its spool, so what was
// acknowledged must survive a power cut: group commit syncs the log before it answers (wal-sync.ts). SQLite itself runs with
// synchronous=NORMAL, which syncs at checkpoints and keeps the file consistent; FULL would sync a second time, in this thread.
import { tellingEvent } from '../analysis/telling-event.ts';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SpotrigError } from '../../platform/errors.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { HostRecord, WireRecord } from '../../wire/records.ts';
import { type BootSpan, bootChange } from './boot-change.ts';
import { GroupCommit } from './group-commit.ts';
import type { SampleStore } from './sample-store.ts';
import type { MachineStore } from './machine-store.ts';
import { SqliteMachines } from './sqlite-machines.ts';
import { SqliteSamples } from './sqlite-samples.ts';
import { WalSync } from './wal-sync.ts';
import {
  NO_SHARES,
  OWN_EVENTS_MAX,
  type AddOutcome,
  type FrpFacts,
  type FrpPortAsk,
  type NewHello,
  type NewReport,
  type Revocation,
  type SeriesKinds,
  type Store,
  type StoredEvent,
  type Timed,
  type TokenIdentity,
  type WorkerFacts,
} from './store.ts';
import { takePort } from './frp-ports.ts';
import { guarded, openDatabase, transaction } from './sqlite-file.ts';
import {
  type FrpRow,
  type KnownRow,
  type OwnEventBody,
  type OwnedRow,
  type RecordRow,
  type WorkerRowOf,
  eventOf,
  ownEventOf,
  statements,
  timedOf,
} from './sqlite-statements.ts';

/** Opens (and makes or migrates) the database file. Throws `store_failed`, or `store_too_new` for a file of a newer release. */
export function openSqliteStore(path: string): Store {
  return new SqliteStore(openDatabase(path), new WalSync(path));
}

class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #wal: WalSync;
  readonly #writes: GroupCommit;
  readonly #samples: SqliteSamples;
  readonly #machines: SqliteMachines;

  constructor(db: DatabaseSync, wal: WalSync) {
    this.#db = db;
    this.#wal = wal;
    this.#sql = statements(db);
    this.#writes = new GroupCommit(
      (run) => guarded(() => transaction(db, run)),
      () => wal.sync(),
    );
    const parts = {
      db,
      write: <T>(run: () => T) => this.#writes.submit(run),
      read: <T>(run: () => T) => this.#read(run),
    };
    this.#samples = new SqliteSamples(parts);
    this.#machines = new SqliteMachines(parts);
  }

  get samples(): SampleStore {
    return this.#samples;
  }

  get machines(): MachineStore {
    return this.#machines;
  }

  addReport(report: NewReport): Promise<AddOutcome> {
    return this.#writes.submit(() => this.#insertReport(report));
  }

  addHello(hello: NewHello): Promise<void> {
    const { stage, code, received_at_ms } = hello;
    return this.#writes.submit(() => {
      const worker_no = this.#workerNo(hello.worker);
      this.#sql.updateHello.run(stage, code, received_at_ms, worker_no);
      this.#insertRecord(worker_no, null, received_at_ms, {
        at_ms: received_at_ms,
        record: {
          kind: 'lifecycle',
          at_ms: received_at_ms,
          event: 'hello',
          level: code === 0 ? 'info' : 'error',
          detail: code === 0 ? `stage ${stage}` : `stage ${stage} failed with code ${code}`,
          exit_code: code,
          signal: null,
          log: [],
        },
      });
    });
  }

  addEvent(event: StoredEvent): Promise<void> {
    return this.#writes.submit(() => {
      if (event.worker === null) return this.#insertOwnEvent(event);
      const worker_no = this.#workerNo(event.worker);
      const known = event.boot === null ? null : row<KnownRow>(this.#sql.known, event.boot, event.worker);
      this.#insertRecord(worker_no, known?.boot_no ?? null, event.at_ms, event);
    });
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

  frp(id: string): Promise<FrpFacts | null> {
    return this.#read(() => {
      const found = row<FrpRow>(this.#sql.frp, id);
      if (found === null) return null;
      const { token_kid: kid, token_expires_s: expires_s } = found;
      return {
        ...timedOf<FrpRecord>(found),
        token: kid === null || expires_s === null ? null : { kid, expires_s },
      };
    });
  }

  takeFrpPort(ask: FrpPortAsk): Promise<number | null> {
    return this.#writes.submit(() => takePort(this.#sql, ask));
  }

  series<K extends keyof SeriesKinds>(
    worker: string,
    kind: K,
    since_ms: number,
    limit: number,
  ): Promise<Timed<SeriesKinds[K]>[]> {
    return this.#read(() =>
      rows<RecordRow>(this.#sql.series, worker, since_ms, kind, limit)
        .map((found) => timedOf<SeriesKinds[K]>(found))
        .toReversed(),
    );
  }

  events({ worker, limit }: { worker?: string | null; limit: number }): Promise<StoredEvent[]> {
    return this.#read(() => {
      if (typeof worker === 'string') return rows<OwnedRow>(this.#sql.eventsOf, worker, limit).map(eventOf);
      const own = rows<RecordRow>(this.#sql.ownEvents, limit).map(ownEventOf);
      if (worker === null) return own;
      const all = [...rows<OwnedRow>(this.#sql.events, limit).map(eventOf), ...own];
      return all.toSorted((a, b) => b.at_ms - a.at_ms).slice(0, limit);
    });
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
      let gone = this.#samples.prune(received_before_ms, max_rows);
      for (const sql of [this.#sql.pruneRecords, this.#sql.pruneReports, this.#sql.pruneOwnEvents]) {
        gone += Number(sql.run(max_rows, received_before_ms).changes);
      }
      for (const sql of [
        ...[this.#sql.pruneHosts, this.#sql.pruneFrp, this.#sql.pruneBoots],
        ...[this.#sql.pruneWorkers, this.#sql.pruneFrpPorts],
      ]) {
        gone += Number(sql.run(received_before_ms, max_rows).changes);
      }
      return gone + this.#machines.prune(received_before_ms, max_rows);
    });
  }

  async close(): Promise<void> {
    await this.#writes.idle();
    await this.#wal.close();
    guarded(() => this.#db.close());
  }

  #insertReport(report: NewReport): AddOutcome {
    const { worker, boot, received_at_ms } = report;
    const moments = report.records.map((timed) => timed.at_ms);
    const oldest_at_ms = Math.min(...moments);
    const newest_at_ms = Math.max(...moments);

    const known = row<KnownRow>(this.#sql.known, boot, worker);
    const worker_no = known?.worker_no ?? this.#workerNo(worker);
    const boot_no =
      known?.boot_no ??
      Number(this.#sql.insertBoot.run(worker_no, boot, oldest_at_ms, newest_at_ms, received_at_ms).lastInsertRowid);
    const { seq, sent_at_ms, skew_ms } = report;
    const added = this.#sql.insertReport.run(boot_no, seq, sent_at_ms, received_at_ms, skew_ms);
    if (added.changes === 0) return { stored: false };

    for (const timed of report.records) {
      const { record, at_ms } = timed;
      if (record.kind === 'host') this.#sql.upsertHost.run(boot_no, at_ms, JSON.stringify(record));
      else if (record.kind === 'frp') {
        const { kid = null, expires_s = null } = report.token ?? {};
        this.#sql.upsertFrp.run(boot_no, at_ms, kid, expires_s, JSON.stringify(record));
      } else if (record.kind === 'reachability')
        this.#samples.insert(worker_no, boot_no, received_at_ms, { at_ms, record });
      else this.#insertRecord(worker_no, boot_no, received_at_ms, timed);
    }
    this.#sql.updateBoot.run(oldest_at_ms, newest_at_ms, received_at_ms, boot_no);
    const boot_change = bootChange({
      current: currentOf(known),
      known_since_ms: known?.first_at_ms ?? null,
      boot,
      newest_at_ms,
    });
    if (boot_change !== 'current' && boot_change !== 'late') this.#sql.setBoot.run(boot_no, worker_no);
    return { stored: true, boot_change };
  }

  #workerNo(worker: string): number {
    this.#sql.insertWorker.run(worker);
    const found = row<{ worker_no: number }>(this.#sql.workerNo, worker);
    if (found === null) throw new SpotrigError('store_failed', 'a worker was not there right after it was added');
    return found.worker_no;
  }

  #insertRecord(worker_no: number, boot_no: number | null, received_at_ms: number, timed: Timed<WireRecord>): void {
    const { kind } = timed.record;
    this.#sql.insertRecord.run(worker_no, boot_no, kind, timed.at_ms, received_at_ms, JSON.stringify(timed.record));
  }

  #insertOwnEvent({ at_ms, record, claimed = null }: StoredEvent): void {
    const body: OwnEventBody = { record, claimed };
    const { lastInsertRowid } = this.#sql.insertOwnEvent.run(at_ms, at_ms, JSON.stringify(body));
    this.#sql.trimOwnEvents.run(Number(lastInsertRowid) - OWN_EVENTS_MAX);
  }

  #facts(worker: WorkerRowOf, shares_since_ms: number): WorkerFacts {
    const { worker: id, worker_no, boot_no } = worker;
    const latest = <K extends keyof SeriesKinds>(kind: K): Timed<SeriesKinds[K]> | null => {
      if (boot_no === null) return null;
      const found = row<RecordRow>(this.#sql.latest, worker_no, worker.first_at_ms, kind, boot_no);
      return found === null ? null : timedOf<SeriesKinds[K]>(found);
    };
    const since = Math.max(shares_since_ms, worker.first_at_ms ?? 0);
    const events = (this.#sql.eventsOf.all(id, TELLING_EVENTS) as unknown as OwnedRow[]).map(eventOf);
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
      shares_window: row<WorkerFacts['shares_window']>(this.#sql.sharesSums, worker_no, since, boot_no) ?? NO_SHARES,
      last_event: tellingEvent(events),
    };
  }

  #read<T>(run: () => T): Promise<T> {
    return new Promise((resolve) => resolve(guarded(run)));
  }
}

/** Complaints about settings come as one event each; more than these are not looked through for the fleet's list. */
const TELLING_EVENTS = 4;

function currentOf(known: KnownRow | null): BootSpan | null {
  if (known === null) return null;
  const { current_boot: boot, current_first_at_ms: first_at_ms, current_last_at_ms: last_at_ms } = known;
  return boot === null || first_at_ms === null || last_at_ms === null ? null : { boot, first_at_ms, last_at_ms };
}

/** The row shapes are those of our own statements: sqlite-statements.ts keeps the two side by side. */
function row<T>(sql: StatementSync, ...values: SQLInputValue[]): T | null {
  return (sql.get(...values) as T | undefined) ?? null;
}

function rows<T>(sql: StatementSync, ...values: SQLInputValue[]): T[] {
  return sql.all(...values) as T[];
}
