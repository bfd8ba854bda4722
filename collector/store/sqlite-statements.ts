// The statements of the SQLite store, compiled once, and the shapes of the rows they answer.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LifecycleRecord } from '../../wire/records.ts';
import { compiled } from './sqlite-file.ts';
import type { StoredEvent, Timed } from './store.ts';

/** A stored record. */
export interface RecordRow {
  at_ms: number;
  body: string;
}

/** A stored record with its origin. */
export interface OwnedRow extends RecordRow {
  worker: string;
  boot: string | null;
}

/** A row of `frp_facts`. */
export interface FrpRow extends RecordRow {
  token_kid: string | null;
  token_expires_s: number | null;
}

/** A row of `workers`, with its current boot. */
export interface WorkerRowOf {
  worker_no: number;
  worker: string;
  boot_no: number | null;
  boot: string | null;
  first_at_ms: number | null;
  last_report_ms: number | null;
  hello_stage: string | null;
  hello_code: number | null;
  hello_at_ms: number | null;
}

/** What is known when a report comes: its worker, its boot, and the worker's current boot; null where there is none yet. */
export interface KnownRow {
  worker_no: number;
  boot_no: number | null;
  first_at_ms: number | null;
  last_at_ms: number | null;
  current_no: number | null;
  current_boot: string | null;
  current_first_at_ms: number | null;
  current_last_at_ms: number | null;
}

const LAST_REPORT = '(SELECT max(last_received_ms) FROM boots l WHERE l.worker_no = w.worker_no)';
const WORKERS = `SELECT w.*, b.boot, b.first_at_ms, ${LAST_REPORT} AS last_report_ms
    FROM workers w LEFT JOIN boots b ON b.boot_no = w.boot_no`;
const RECORDS = `SELECT w.worker, b.boot, r.at_ms, r.body
    FROM records r JOIN workers w ON w.worker_no = r.worker_no LEFT JOIN boots b ON b.boot_no = r.boot_no`;

const SQL = {
  known: `SELECT w.worker_no, b.boot_no, b.first_at_ms, b.last_at_ms,
      c.boot_no AS current_no, c.boot AS current_boot, c.first_at_ms AS current_first_at_ms, c.last_at_ms AS current_last_at_ms
    FROM workers w LEFT JOIN boots b ON b.worker_no = w.worker_no AND b.boot = ? LEFT JOIN boots c ON c.boot_no = w.boot_no
    WHERE w.worker = ?`,
  insertWorker: 'INSERT INTO workers (worker) VALUES (?) ON CONFLICT DO NOTHING',
  workerNo: 'SELECT worker_no FROM workers WHERE worker = ?',
  insertBoot: 'INSERT INTO boots (worker_no, boot, first_at_ms, last_at_ms, last_received_ms) VALUES (?, ?, ?, ?, ?)',
  insertReport: `INSERT INTO reports (boot_no, seq, sent_at_ms, received_at_ms, skew_ms) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`,
  insertRecord: 'INSERT INTO records (worker_no, boot_no, kind, at_ms, received_at_ms, body) VALUES (?, ?, ?, ?, ?, ?)',
  updateBoot: `UPDATE boots SET first_at_ms = min(first_at_ms, ?), last_at_ms = max(last_at_ms, ?), last_received_ms = ?
    WHERE boot_no = ?`,
  upsertHost: `INSERT INTO hosts (boot_no, at_ms, body) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body`,
  upsertFrp: `INSERT INTO frp_facts (boot_no, at_ms, token_kid, token_expires_s, body) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, token_kid = excluded.token_kid,
      token_expires_s = excluded.token_expires_s, body = excluded.body WHERE excluded.at_ms >= at_ms`,
  setBoot: 'UPDATE workers SET boot_no = ? WHERE worker_no = ?',
  updateHello: 'UPDATE workers SET hello_stage = ?, hello_code = ?, hello_at_ms = ? WHERE worker_no = ?',

  workers: `${WORKERS} ORDER BY w.worker`,
  worker: `${WORKERS} WHERE w.worker = ?`,
  host: `SELECT h.at_ms, h.body FROM workers w JOIN hosts h ON h.boot_no = w.boot_no WHERE w.worker = ?`,
  frp: `SELECT f.at_ms, f.body, f.token_kid, f.token_expires_s FROM workers w JOIN frp_facts f ON f.boot_no = w.boot_no
    WHERE w.worker = ?`,
  // The boot's beginning bounds the walk along the index where this boot has no record of the kind.
  latest: `SELECT at_ms, body FROM records WHERE worker_no = ? AND at_ms >= ? AND kind = ? AND boot_no = ?
    ORDER BY at_ms DESC LIMIT 1`,
  sharesSums: `SELECT count(*) AS records, total(body ->> 'window_ms') AS window_ms, total(body ->> 'work_hashes') AS work_hashes,
      total(body ->> 'work_sq_hashes2') AS work_sq_hashes2, ifnull(max(body ->> 'work_max_hashes'), 0.0) AS work_max_hashes,
      total((body ->> 'unmeasured') + (body ->> 'dialect' = 'unknown' AND body ->> 'pool' IS NOT NULL)) AS unmeasured
    FROM records WHERE worker_no = ? AND at_ms >= ? AND kind = 'shares' AND boot_no = ?`,
  series: `SELECT at_ms, body FROM records WHERE worker_no = (SELECT worker_no FROM workers WHERE worker = ?)
    AND at_ms >= ? AND kind = ? ORDER BY at_ms DESC LIMIT ?`,
  events: `${RECORDS} WHERE r.kind = 'lifecycle' ORDER BY r.at_ms DESC, r.record_id DESC LIMIT ?`,
  insertOwnEvent: 'INSERT INTO own_events (at_ms, received_at_ms, body) VALUES (?, ?, ?)',
  trimOwnEvents: 'DELETE FROM own_events WHERE event_id <= ?',
  ownEvents: 'SELECT at_ms, body FROM own_events ORDER BY at_ms DESC, event_id DESC LIMIT ?',
  eventsOf: `${RECORDS} WHERE w.worker = ? AND r.kind = 'lifecycle' ORDER BY r.at_ms DESC, r.record_id DESC LIMIT ?`,

  revokeToken: 'INSERT INTO revoked_tokens (digest, reason, created_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  revokeWorker: `INSERT INTO revoked_workers (worker, expires_up_to_s, reason, created_ms) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET expires_up_to_s = max(expires_up_to_s, excluded.expires_up_to_s), reason = excluded.reason,
      created_ms = excluded.created_ms`,
  isRevoked: `SELECT 1 FROM revoked_tokens WHERE digest = ?
    UNION ALL SELECT 1 FROM revoked_workers WHERE worker = ? AND expires_up_to_s >= ? LIMIT 1`,
  revokedUpTo: 'SELECT expires_up_to_s FROM revoked_workers WHERE worker = ?',

  frpPorts: 'SELECT port, worker, service FROM frp_ports WHERE worker = ? ORDER BY used_at_ms DESC, port',
  frpPortOwner: 'SELECT port, worker, service FROM frp_ports WHERE port = ?',
  frpPortsTaken: 'SELECT port FROM frp_ports WHERE port BETWEEN ? AND ? ORDER BY port',
  dropFrpPort: 'DELETE FROM frp_ports WHERE port = ?',
  insertFrpPort: 'INSERT INTO frp_ports (port, worker, service, used_at_ms) VALUES (?, ?, ?, ?)',

  pruneRecords: `DELETE FROM records WHERE record_id IN (SELECT record_id FROM records ORDER BY record_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneReports: `DELETE FROM reports WHERE report_id IN (SELECT report_id FROM reports ORDER BY report_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneOwnEvents: `DELETE FROM own_events WHERE event_id IN (SELECT event_id FROM own_events ORDER BY event_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneHosts: `DELETE FROM hosts WHERE boot_no IN (SELECT boot_no FROM boots WHERE last_received_ms < ? LIMIT ?)`,
  pruneFrp: `DELETE FROM frp_facts WHERE boot_no IN (SELECT boot_no FROM boots WHERE last_received_ms < ? LIMIT ?)`,
  pruneBoots: `DELETE FROM boots WHERE boot_no IN (SELECT boot_no FROM boots WHERE last_received_ms < ? LIMIT ?)`,
  // After its boots: a worker without any is silent for as long.
  pruneWorkers: `DELETE FROM workers WHERE worker_no IN (SELECT worker_no FROM workers w
    WHERE ifnull(hello_at_ms, 0) < ? AND NOT EXISTS (SELECT 1 FROM boots b WHERE b.worker_no = w.worker_no) LIMIT ?)`,
  // After the workers: one that reports keeps its ports, whenever it asked for them.
  pruneFrpPorts: `DELETE FROM frp_ports WHERE port IN (SELECT port FROM frp_ports p
    WHERE used_at_ms < ? AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.worker = p.worker) LIMIT ?)`,
} as const;

/** Compiles every statement. */
export function statements(db: DatabaseSync): Record<keyof typeof SQL, StatementSync> {
  return compiled(db, SQL);
}

/** A stored record; its own moment is replaced by the corrected one. The edge validated the body before it was stored. */
export function timedOf<T extends { at_ms: number }>(row: RecordRow): Timed<T> {
  return { at_ms: row.at_ms, record: { ...(JSON.parse(row.body) as T), at_ms: row.at_ms } };
}

export function eventOf(row: OwnedRow): StoredEvent {
  return { worker: row.worker, boot: row.boot, ...timedOf<LifecycleRecord>(row) };
}

/** What `own_events.body` holds. */
export type OwnEventBody = Required<Pick<StoredEvent, 'record' | 'claimed'>>;

export function ownEventOf(row: RecordRow): StoredEvent {
  const { record, claimed } = JSON.parse(row.body) as OwnEventBody;
  return { worker: null, boot: null, at_ms: row.at_ms, record: { ...record, at_ms: row.at_ms }, claimed };
}
