// The statements of the SQLite store, compiled once, and the shapes of the rows they answer.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LifecycleRecord } from '../../wire/records.ts';
import type { StoredEvent, Timed } from './store.ts';

/** A row of `records`. */
export interface RecordRow {
  worker: string;
  boot: string | null;
  at_ms: number;
  body: string;
}

/** A row of `workers`, with the beginning of its current boot. */
export interface WorkerRowOf {
  worker: string;
  boot: string | null;
  first_at_ms: number | null;
  last_report_ms: number | null;
  hello_stage: string | null;
  hello_code: number | null;
  hello_at_ms: number | null;
}

const WORKERS = 'SELECT w.*, b.first_at_ms FROM workers w LEFT JOIN boots b ON b.worker = w.worker AND b.boot = w.boot';

const SQL = {
  insertReport: `INSERT INTO reports (worker, boot, seq, sent_at_ms, received_at_ms, skew_ms) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`,
  insertRecord: 'INSERT INTO records (worker, boot, kind, at_ms, received_at_ms, body) VALUES (?, ?, ?, ?, ?, ?)',
  boot: 'SELECT boot, first_at_ms, last_at_ms FROM boots WHERE worker = ? AND boot = ?',
  currentBoot: `SELECT b.boot, b.first_at_ms, b.last_at_ms FROM workers w JOIN boots b ON b.worker = w.worker AND b.boot = w.boot
    WHERE w.worker = ?`,
  upsertBoot: `INSERT INTO boots (worker, boot, first_at_ms, last_at_ms, last_received_ms) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET first_at_ms = min(first_at_ms, excluded.first_at_ms),
      last_at_ms = max(last_at_ms, excluded.last_at_ms), last_received_ms = excluded.last_received_ms`,
  setHost: 'UPDATE boots SET host_at_ms = ?, host = ? WHERE worker = ? AND boot = ?',
  upsertWorker: `INSERT INTO workers (worker, boot, last_report_ms) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET boot = excluded.boot, last_report_ms = excluded.last_report_ms`,
  upsertHello: `INSERT INTO workers (worker, hello_stage, hello_code, hello_at_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET hello_stage = excluded.hello_stage, hello_code = excluded.hello_code,
      hello_at_ms = excluded.hello_at_ms`,

  workers: `${WORKERS} ORDER BY w.worker`,
  worker: `${WORKERS} WHERE w.worker = ?`,
  host: `SELECT b.worker, b.boot, b.host_at_ms AS at_ms, b.host AS body
    FROM workers w JOIN boots b ON b.worker = w.worker AND b.boot = w.boot WHERE w.worker = ? AND b.host IS NOT NULL`,
  // The boot's beginning bounds the walk along the index where this boot has no record of the kind.
  latest: `SELECT worker, boot, at_ms, body FROM records WHERE worker = ? AND kind = ? AND at_ms >= ? AND boot = ?
    ORDER BY at_ms DESC, record_id DESC LIMIT 1`,
  sharesSums: `SELECT count(*) AS records, total(body ->> 'window_ms') AS window_ms, total(body ->> 'work_hashes') AS work_hashes,
      total(body ->> 'work_sq_hashes2') AS work_sq_hashes2, ifnull(max(body ->> 'work_max_hashes'), 0.0) AS work_max_hashes
    FROM records WHERE worker = ? AND kind = 'shares' AND at_ms >= ? AND boot = ?`,
  series: `SELECT worker, boot, at_ms, body FROM records WHERE worker = ? AND kind = ? AND at_ms >= ?
    ORDER BY at_ms DESC, record_id DESC LIMIT ?`,
  events: `SELECT worker, boot, at_ms, body FROM records WHERE kind = 'lifecycle' ORDER BY at_ms DESC, record_id DESC LIMIT ?`,
  eventsOf: `SELECT worker, boot, at_ms, body FROM records WHERE worker = ? AND kind = 'lifecycle'
    ORDER BY at_ms DESC, record_id DESC LIMIT ?`,
  reachability: `SELECT worker, boot, at_ms, body FROM records WHERE kind = 'reachability' AND at_ms >= ?
    ORDER BY at_ms DESC, record_id DESC LIMIT ?`,

  revokeToken: 'INSERT INTO revoked_tokens (digest, reason, created_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  revokeWorker: `INSERT INTO revoked_workers (worker, expires_up_to_s, reason, created_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET expires_up_to_s = max(expires_up_to_s, excluded.expires_up_to_s), reason = excluded.reason,
      created_ms = excluded.created_ms`,
  isRevoked: `SELECT 1 FROM revoked_tokens WHERE digest = ?
    UNION ALL SELECT 1 FROM revoked_workers WHERE worker = ? AND expires_up_to_s >= ? LIMIT 1`,
  revokedUpTo: 'SELECT expires_up_to_s FROM revoked_workers WHERE worker = ?',

  pruneRecords: `DELETE FROM records WHERE record_id IN (SELECT record_id FROM records ORDER BY record_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneReports: `DELETE FROM reports WHERE report_id IN (SELECT report_id FROM reports ORDER BY report_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneBoots: `DELETE FROM boots WHERE (worker, boot) IN (SELECT worker, boot FROM boots WHERE last_received_ms < ? LIMIT ?)`,
  pruneWorkers: `DELETE FROM workers WHERE worker IN (SELECT worker FROM workers
    WHERE max(ifnull(last_report_ms, 0), ifnull(hello_at_ms, 0)) < ? LIMIT ?)`,
} as const;

/** Compiles every statement. */
export function statements(db: DatabaseSync): Record<keyof typeof SQL, StatementSync> {
  const compiled = Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)] as const);
  return Object.fromEntries(compiled) as Record<keyof typeof SQL, StatementSync>;
}

/** A stored record; its own moment is replaced by the corrected one. The edge validated the body before it was stored. */
export function timedOf<T extends { at_ms: number }>(row: RecordRow): Timed<T> {
  return { at_ms: row.at_ms, record: { ...(JSON.parse(row.body) as T), at_ms: row.at_ms } };
}

export function eventOf(row: RecordRow): StoredEvent {
  return { worker: row.worker, boot: row.boot, ...timedOf<LifecycleRecord>(row) };
}
