// Reachability on SQLite.
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { ControlSample, ReachabilityRecord } from '../../wire/reachability.ts';
import type { Verdict } from '../../wire/verdict.ts';
import type { Finding, NewestQuery, NewVerdict, SampleStore, StoredSample } from './sample-store.ts';
import { timedOf } from './sqlite-statements.ts';
import type { Timed } from './store.ts';
import { type StoreParts, compiled } from './sqlite-file.ts';

interface SampleRow {
  sample_id: number;
  worker: string;
  at_ms: number;
  network_key: string;
  server: string | null;
  since_ms: number | null;
  verdict: string | null;
  body: string;
}

const SAMPLES = `SELECT r.sample_id, w.worker, r.at_ms, r.network_key, r.since_ms, r.verdict, r.body,
    (SELECT h.body ->> 'server' FROM hosts h WHERE h.boot_no = r.boot_no) AS server
  FROM reachability r JOIN workers w ON w.worker_no = r.worker_no`;

function newestWhere(condition: string): string {
  return `${SAMPLES} JOIN reachability_latest l ON l.sample_id = r.sample_id WHERE ${condition}
    ORDER BY l.at_ms DESC, l.sample_id DESC LIMIT ?`;
}

const SQL = {
  insert: `INSERT INTO reachability (worker_no, boot_no, target, network_key, at_ms, received_at_ms, judge_at_ms, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  setLatest: `INSERT INTO reachability_latest (worker_no, target, at_ms, sample_id) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, sample_id = excluded.sample_id WHERE excluded.at_ms >= at_ms`,
  insertControl: 'INSERT INTO control_samples (entry, at_ms, received_at_ms, body) VALUES (?, ?, ?, ?)',
  keepVerdict: 'UPDATE reachability SET verdict = ?, since_ms = ?, judge_at_ms = ? WHERE sample_id = ?',
  newest: newestWhere('l.at_ms >= ?'),
  newestOfWorker: newestWhere('l.at_ms >= ? AND l.worker_no = (SELECT worker_no FROM workers WHERE worker = ?)'),
  newestOfTarget: newestWhere('l.at_ms >= ? AND l.target = ?'),
  findings: `SELECT at_ms, target, verdict ->> 'verdict' AS verdict FROM reachability WHERE worker_no =
    (SELECT worker_no FROM workers WHERE worker = ?) AND at_ms >= ? AND verdict IS NOT NULL ORDER BY at_ms DESC LIMIT ?`,
  earlier: `${SAMPLES} WHERE r.worker_no = (SELECT worker_no FROM workers WHERE worker = ?) AND r.target = ?
    AND (r.at_ms, r.sample_id) < (?, ?) ORDER BY r.at_ms DESC, r.sample_id DESC LIMIT ?`,
  // In a grouping with max(), SQLite takes the other columns from the row of the maximum.
  ofOtherNetworks: `${SAMPLES} JOIN (SELECT max(at_ms), sample_id FROM reachability
      WHERE target = ? AND at_ms BETWEEN ? AND ? AND network_key <> ? GROUP BY network_key) n
    ON n.sample_id = r.sample_id ORDER BY r.at_ms DESC, r.sample_id DESC LIMIT ?`,
  controls: 'SELECT body FROM control_samples WHERE entry = ? AND at_ms BETWEEN ? AND ? ORDER BY at_ms DESC LIMIT 100',
  toJudge: `${SAMPLES} WHERE r.judge_at_ms <= ? ORDER BY r.judge_at_ms, r.at_ms LIMIT ?`,
  serverOf: `SELECT h.body ->> 'server' AS server FROM workers w JOIN hosts h ON h.boot_no = w.boot_no WHERE w.worker = ?`,
  prune: `DELETE FROM reachability WHERE sample_id IN (SELECT sample_id FROM reachability ORDER BY sample_id LIMIT ?)
    AND received_at_ms < ?`,
  pruneControls: `DELETE FROM control_samples WHERE sample_id IN
    (SELECT sample_id FROM control_samples ORDER BY sample_id LIMIT ?) AND received_at_ms < ?`,
  // A sample's moment is never behind its arrival, so these go before their samples do.
  pruneLatest: `DELETE FROM reachability_latest WHERE (worker_no, target) IN
    (SELECT worker_no, target FROM reachability_latest WHERE at_ms < ? LIMIT ?)`,
} as const;

export class SqliteSamples implements SampleStore {
  readonly #o: StoreParts;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(o: StoreParts) {
    this.#o = o;
    this.#sql = compiled(o.db, SQL);
  }

  /** Adds a record of a report, inside the report's own write. */
  insert(worker_no: number, boot_no: number, received_at_ms: number, timed: Timed<ReachabilityRecord>): void {
    const { record, at_ms } = timed;
    const { url } = record.target;
    const { lastInsertRowid } = this.#sql.insert.run(
      ...[worker_no, boot_no, url, record.egress?.key ?? 'unknown'],
      ...[at_ms, received_at_ms, received_at_ms, JSON.stringify(record)],
    );
    this.#sql.setLatest.run(worker_no, url, at_ms, lastInsertRowid);
  }

  addControl(sample: ControlSample): Promise<void> {
    return this.#o.write(() => {
      const { entry, at_ms } = sample;
      this.#sql.insertControl.run(entry, at_ms, at_ms, JSON.stringify(sample));
    });
  }

  keepVerdicts(verdicts: readonly NewVerdict[]): Promise<void> {
    return this.#o.write(() => {
      for (const { id, verdict, since_ms, judge_at_ms } of verdicts) {
        this.#sql.keepVerdict.run(JSON.stringify(verdict), since_ms, judge_at_ms, id);
      }
    });
  }

  newest({ since_ms, limit, of }: NewestQuery): Promise<StoredSample[]> {
    if (of === undefined) return this.#samples(this.#sql.newest, since_ms, limit);
    return 'worker' in of
      ? this.#samples(this.#sql.newestOfWorker, since_ms, of.worker, limit)
      : this.#samples(this.#sql.newestOfTarget, since_ms, of.target, limit);
  }

  findings(q: { worker: string; since_ms: number; limit: number }): Promise<Finding[]> {
    return this.#o.read(() => this.#sql.findings.all(q.worker, q.since_ms, q.limit) as unknown as Finding[]);
  }

  earlier(sample: StoredSample, limit: number): Promise<StoredSample[]> {
    const { worker, record, at_ms, id } = sample;
    return this.#samples(this.#sql.earlier, worker, record.target.url, at_ms, id, limit);
  }

  ofOtherNetworks(q: Parameters<SampleStore['ofOtherNetworks']>[0]): Promise<StoredSample[]> {
    return this.#samples(this.#sql.ofOtherNetworks, q.target, q.since_ms, q.until_ms, q.network_key, q.limit);
  }

  controls(q: { entry: string; since_ms: number; until_ms: number }): Promise<ControlSample[]> {
    return this.#o.read(() => {
      const rows = this.#sql.controls.all(q.entry, q.since_ms, q.until_ms) as unknown as { body: string }[];
      return rows.map(({ body }) => JSON.parse(body) as ControlSample);
    });
  }

  toJudge(now_ms: number, limit: number): Promise<StoredSample[]> {
    return this.#samples(this.#sql.toJudge, now_ms, limit);
  }

  serverOf(worker: string): Promise<string | null> {
    return this.#o.read(() => {
      const found = this.#sql.serverOf.get(worker) as { server: string | null } | undefined;
      return found?.server ?? null;
    });
  }

  /** Drops the oldest, inside the store's own write; how many rows went. */
  prune(received_before_ms: number, max_rows: number): number {
    const latest = Number(this.#sql.pruneLatest.run(received_before_ms, max_rows).changes);
    return [this.#sql.prune, this.#sql.pruneControls].reduce(
      (gone, sql) => gone + Number(sql.run(max_rows, received_before_ms).changes),
      latest,
    );
  }

  #samples(sql: StatementSync, ...values: SQLInputValue[]): Promise<StoredSample[]> {
    return this.#o.read(() => (sql.all(...values) as unknown as SampleRow[]).map(sampleOf));
  }
}

function sampleOf(row: SampleRow): StoredSample {
  const timed = timedOf<ReachabilityRecord>(row);
  const { sample_id: id, worker, server, since_ms, verdict } = row;
  const network = timed.record.egress ?? { address: null, asn: null, country: null, key: row.network_key };
  const judged = verdict === null || since_ms === null ? null : { verdict: JSON.parse(verdict) as Verdict, since_ms };
  return { id, worker, server, network, judged, ...timed };
}
