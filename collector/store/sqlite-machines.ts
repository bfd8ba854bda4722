// Machines over time, on SQLite.
import type { StatementSync } from 'node:sqlite';
import type { Blacklist } from '../../wire/blacklist.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import type { PoolFigure } from '../pool-api/figures.ts';
import type { Exposure, ExposureWindow } from '../judge/exposure.ts';
import {
  type Heard,
  type MachineStore,
  ROLLUP_SPANS_MS,
  type Rollup,
  type RollupSpan,
  type StoredAdvice,
  type StoredChange,
  type StoredExposure,
} from './machine-store.ts';
import { NO_SHARES, type SharesSums } from './store.ts';
import { ROLLUP_KINDS, type RollupRecord, addToRollup, emptyRollup, spanStart } from './rollup-sums.ts';
import { type StoreParts, compiled } from './sqlite-file.ts';

const SUMS = [
  ...['claimed_sum_hs', 'claimed_n', 'records', 'window_ms', 'connected_ms', 'work_hashes', 'work_sq_hashes2'],
  ...['unmeasured', 'accepted', 'rejected', 'stale', 'unanswered', 'power_sum_w', 'power_n'],
] as const;
const MAXIMA = ['work_max_hashes', 'temperature_max_c'] as const;
const COLUMNS = [...SUMS, ...MAXIMA];
const SPANS = ['minute', 'hour'] as const satisfies RollupSpan[];

/** The other one where one is null. */
function maximum(column: string): string {
  return `${column} = ifnull(max(${column}, excluded.${column}), ifnull(${column}, excluded.${column}))`;
}

const SQL = {
  cursor: 'SELECT record_id FROM rollup_cursor',
  moveCursor: 'UPDATE rollup_cursor SET record_id = ?',
  // Ids begin anew in an empty table.
  restartCursor: 'UPDATE rollup_cursor SET record_id = 0 WHERE NOT EXISTS (SELECT 1 FROM records)',
  unsummed: `SELECT r.record_id, w.worker, r.kind, r.at_ms, r.body FROM records r JOIN workers w ON w.worker_no = r.worker_no
    WHERE r.record_id > ? ORDER BY r.record_id LIMIT ?`,
  insertName: 'INSERT INTO rollup_names (worker) VALUES (?) ON CONFLICT DO NOTHING',
  nameNo: 'SELECT name_no FROM rollup_names WHERE worker = ?',
  add: `INSERT INTO rollups (span, name_no, t_ms, ${COLUMNS.join(', ')})
    VALUES (?, ?, ?, ${COLUMNS.map(() => '?').join(', ')}) ON CONFLICT DO UPDATE SET
    ${[...SUMS.map((column) => `${column} = ${column} + excluded.${column}`), ...MAXIMA.map(maximum)].join(', ')}`,
  rollups: `SELECT t_ms, ${COLUMNS.join(', ')} FROM rollups
    WHERE span = ? AND name_no = (SELECT name_no FROM rollup_names WHERE worker = ?) AND t_ms >= ? ORDER BY t_ms DESC LIMIT ?`,
  pruneRollups: `DELETE FROM rollups WHERE (span, name_no, t_ms) IN
    (SELECT span, name_no, t_ms FROM rollups INDEXED BY rollups_by_age WHERE span = ? AND t_ms < ? LIMIT ?)`,
  pruneNames: `DELETE FROM rollup_names WHERE name_no IN (SELECT name_no FROM rollup_names n
    WHERE NOT EXISTS (SELECT 1 FROM rollups r WHERE r.span = 'hour' AND r.name_no = n.name_no)
      AND NOT EXISTS (SELECT 1 FROM rollups r WHERE r.span = 'minute' AND r.name_no = n.name_no) LIMIT ?)`,

  workerPools: `SELECT w.worker AS id, (SELECT r.body ->> 'pool' FROM records r WHERE r.worker_no = w.worker_no
      AND r.at_ms >= b.first_at_ms AND r.kind = 'hashrate' AND r.boot_no = b.boot_no ORDER BY r.at_ms DESC LIMIT 1) AS pool
    FROM workers w LEFT JOIN boots b ON b.boot_no = w.boot_no ORDER BY w.worker`,
  addFigure: `INSERT INTO pool_figures (worker, at_ms, api, as_of_ms, listed, pool_hs, last_share_ms, others)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  figures: `SELECT at_ms, api, as_of_ms, listed, pool_hs, last_share_ms, others FROM pool_figures
    WHERE worker = ? AND at_ms >= ? ORDER BY at_ms DESC, figure_id DESC LIMIT ?`,
  pruneFigures: `DELETE FROM pool_figures WHERE figure_id IN
    (SELECT figure_id FROM pool_figures ORDER BY figure_id LIMIT ?) AND at_ms < ?`,

  addOrder: `INSERT INTO orders (worker, server, placed_at, body) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET body = excluded.body`,
  orders: 'SELECT body FROM orders ORDER BY placed_at DESC, worker, server LIMIT ?',
  ordersOf: 'SELECT body FROM orders WHERE worker = ? ORDER BY placed_at DESC, server LIMIT ?',
  pruneOrders: 'DELETE FROM orders WHERE rowid IN (SELECT rowid FROM orders WHERE placed_at < ? LIMIT ?)',

  heard: `SELECT w.worker AS id, b.boot, w.hello_stage, w.hello_code, w.hello_at_ms,
      (SELECT max(last_received_ms) FROM boots l WHERE l.worker_no = w.worker_no) AS last_report_ms
    FROM workers w LEFT JOIN boots b ON b.boot_no = w.boot_no ORDER BY w.worker`,
  exposure: `SELECT at_ms, exposure_ms, shares_per_hs, found, claimed_hs FROM exposure_windows
    WHERE worker = ? AND at_ms >= ? ORDER BY at_ms`,
  exposureOf: 'SELECT until_ms, excused FROM exposures WHERE worker = ?',
  addWindow: `INSERT INTO exposure_windows (worker, at_ms, exposure_ms, shares_per_hs, found, claimed_hs)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  setExposure: `INSERT INTO exposures (worker, until_ms, excused) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET until_ms = excluded.until_ms, excused = excluded.excused`,
  pruneWindows: `DELETE FROM exposure_windows WHERE (worker, at_ms) IN
    (SELECT worker, at_ms FROM exposure_windows INDEXED BY exposure_windows_by_age WHERE at_ms < ? LIMIT ?)`,
  pruneExposures: `DELETE FROM exposures WHERE worker IN (SELECT worker FROM exposures e WHERE until_ms < ?
    AND NOT EXISTS (SELECT 1 FROM exposure_windows w WHERE w.worker = e.worker) LIMIT ?)`,
  // Whole hours from the sums of hours, what is before the first of them from those of minutes.
  delivered: `SELECT total(records) AS records, total(window_ms) AS window_ms, total(work_hashes) AS work_hashes,
      total(work_sq_hashes2) AS work_sq_hashes2, ifnull(max(work_max_hashes), 0.0) AS work_max_hashes,
      total(unmeasured) AS unmeasured
    FROM rollups WHERE name_no = (SELECT name_no FROM rollup_names WHERE worker = ?)
      AND ((span = 'hour' AND t_ms >= ?) OR (span = 'minute' AND t_ms >= ? AND t_ms < ?))`,

  blacklist: 'SELECT kind, id, reason, at FROM blacklist ORDER BY kind, at, id',
  addBlack: `INSERT INTO blacklist (kind, id, reason, at) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET reason = excluded.reason, at = excluded.at`,
  dropBlack: 'DELETE FROM blacklist WHERE kind = ? AND id = ?',

  keepAdvice: `INSERT INTO advice (machine, at_ms, body) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body`,
  advice: 'SELECT machine, at_ms, body FROM advice ORDER BY machine',
  dropAdvice: 'DELETE FROM advice WHERE machine = ?',
  addChange: 'INSERT INTO advice_changes (machine, at_ms, body) VALUES (?, ?, ?)',
  untold: 'SELECT id, machine, at_ms, body FROM advice_changes ORDER BY id LIMIT ?',
  told: 'DELETE FROM advice_changes WHERE id <= ?',
} as const;

/** An order may stand for 20 days, and its machine's history is of use for some time after it. */
const ORDERS_KEPT_MS = 90 * 86_400_000;
/** Beyond the raw records' own age. */
const EXPOSURES_KEPT_MS = 30 * 86_400_000;
const NOTHING_EXCUSED: Exposure['excused_ms'] = {
  ...{ not_hashing: 0, starting: 0, not_connected: 0, pool_trouble: 0, work_unknown: 0 },
};

interface UnsummedRow {
  record_id: number;
  worker: string;
  kind: string;
  at_ms: number;
  body: string;
}
interface HeardRow extends Omit<Heard, 'hello'> {
  hello_stage: string | null;
  hello_code: number | null;
  hello_at_ms: number | null;
}
interface BlackRow {
  kind: 'server' | 'host';
  id: string;
  reason: string;
  at: string;
}
type FigureRow = Omit<PoolFigure, 'listed'> & { listed: 0 | 1 };

export class SqliteMachines implements MachineStore {
  readonly #o: StoreParts;
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(o: StoreParts) {
    this.#o = o;
    this.#sql = compiled(o.db, SQL);
  }

  rollUp(max_records: number): Promise<number> {
    return this.#o.write(() => {
      const from = Number(this.#sql.cursor.get()?.['record_id'] ?? 0);
      const found = this.#sql.unsummed.all(from, max_records) as unknown as UnsummedRow[];
      const last = found.at(-1);
      if (last === undefined) return 0;
      this.#addSums(found);
      // With the sums in one transaction: each record is added once, whatever is killed.
      this.#sql.moveCursor.run(last.record_id);
      return found.length;
    });
  }

  rollups(query: { worker: string; span: RollupSpan; since_ms: number; limit: number }): Promise<Rollup[]> {
    return this.#o.read(() => {
      const { span, worker, since_ms, limit } = query;
      return (this.#sql.rollups.all(span, worker, since_ms, limit) as unknown as Rollup[]).toReversed();
    });
  }

  pruneRollups(span: RollupSpan, before_ms: number, max_rows: number): Promise<number> {
    return this.#o.write(() => {
      const gone = Number(this.#sql.pruneRollups.run(span, before_ms, max_rows).changes);
      // Names are looked through only when sums went.
      return gone === 0 ? 0 : gone + Number(this.#sql.pruneNames.run(max_rows).changes);
    });
  }

  workerPools(): Promise<{ id: string; pool: string | null }[]> {
    return this.#o.read(() => this.#sql.workerPools.all() as unknown as { id: string; pool: string | null }[]);
  }

  addPoolFigures(figures: readonly { worker: string; figure: PoolFigure }[]): Promise<void> {
    return this.#o.write(() => {
      for (const { worker, figure } of figures) {
        const { at_ms, api, as_of_ms, listed, pool_hs, last_share_ms, others } = figure;
        this.#sql.addFigure.run(worker, at_ms, api, as_of_ms, listed ? 1 : 0, pool_hs, last_share_ms, others);
      }
    });
  }

  poolFigures(query: { worker: string; since_ms: number; limit: number }): Promise<PoolFigure[]> {
    return this.#o.read(() => {
      const rows = this.#sql.figures.all(query.worker, query.since_ms, query.limit) as unknown as FigureRow[];
      return rows.map((row) => ({ ...row, listed: row.listed === 1 }));
    });
  }

  addOrders(orders: readonly OrderRegistration[]): Promise<void> {
    return this.#o.write(() => {
      for (const order of orders) {
        const placed_at = new Date(order.placed_at).toISOString();
        this.#sql.addOrder.run(order.worker, order.server, placed_at, JSON.stringify({ ...order, placed_at }));
      }
    });
  }

  orders({ worker, limit }: { worker?: string; limit: number }): Promise<OrderRegistration[]> {
    return this.#o.read(() => {
      const rows = worker === undefined ? this.#sql.orders.all(limit) : this.#sql.ordersOf.all(worker, limit);
      return rows.map((row) => JSON.parse(String(row['body'])) as OrderRegistration);
    });
  }

  heard(): Promise<Heard[]> {
    return this.#o.read(() =>
      (this.#sql.heard.all() as unknown as HeardRow[]).map(({ hello_stage, hello_code, hello_at_ms, ...rest }) => ({
        ...rest,
        hello:
          hello_stage === null || hello_code === null || hello_at_ms === null
            ? null
            : { stage: hello_stage, code: hello_code, at_ms: hello_at_ms },
      })),
    );
  }

  exposure(worker: string, since_ms: number): Promise<StoredExposure> {
    return this.#o.read(() => {
      const found = this.#sql.exposureOf.get(worker) as { until_ms: number; excused: string } | undefined;
      return {
        windows: this.#sql.exposure.all(worker, since_ms) as unknown as ExposureWindow[],
        excused_ms: found === undefined ? NOTHING_EXCUSED : (JSON.parse(found.excused) as Exposure['excused_ms']),
        until_ms: found?.until_ms ?? null,
      };
    });
  }

  addExposure(
    worker: string,
    more: { windows: readonly ExposureWindow[] } & Omit<StoredExposure, 'windows'>,
  ): Promise<void> {
    return this.#o.write(() => {
      for (const { at_ms, exposure_ms, shares_per_hs, found, claimed_hs } of more.windows) {
        this.#sql.addWindow.run(worker, at_ms, exposure_ms, shares_per_hs, found, claimed_hs);
      }
      this.#sql.setExposure.run(worker, more.until_ms, JSON.stringify(more.excused_ms));
    });
  }

  deliveredSince(worker: string, since_ms: number): Promise<SharesSums> {
    return this.#o.read(() => {
      const hour_ms = Math.ceil(since_ms / ROLLUP_SPANS_MS.hour) * ROLLUP_SPANS_MS.hour;
      const minute_ms = Math.ceil(since_ms / ROLLUP_SPANS_MS.minute) * ROLLUP_SPANS_MS.minute;
      const found = this.#sql.delivered.get(worker, hour_ms, minute_ms, hour_ms) as unknown as SharesSums | undefined;
      return found ?? NO_SHARES;
    });
  }

  blacklist(): Promise<Blacklist> {
    return this.#o.read(() => {
      const rows = this.#sql.blacklist.all() as unknown as BlackRow[];
      const of = (kind: BlackRow['kind']): BlackRow[] => rows.filter((row) => row.kind === kind);
      return {
        v: 1,
        servers: of('server').map(({ id, reason, at }) => ({ id: Number(id), reason, at })),
        hosts: of('host').map(({ id, reason, at }) => ({ id, reason, at })),
      };
    });
  }

  addToBlacklist({ servers, hosts }: Pick<Blacklist, 'servers' | 'hosts'>): Promise<void> {
    return this.#o.write(() => {
      for (const { id, reason, at } of servers) this.#sql.addBlack.run('server', String(id), reason, at);
      for (const { id, reason, at } of hosts) this.#sql.addBlack.run('host', id, reason, at);
    });
  }

  dropFromBlacklist({ servers, hosts }: { servers: readonly number[]; hosts: readonly string[] }): Promise<number> {
    return this.#o.write(() => {
      let gone = 0;
      for (const id of servers) gone += Number(this.#sql.dropBlack.run('server', String(id)).changes);
      for (const id of hosts) gone += Number(this.#sql.dropBlack.run('host', id).changes);
      return gone;
    });
  }

  keepAdvice(advice: readonly StoredAdvice[], changes: readonly Omit<StoredChange, 'id'>[]): Promise<void> {
    return this.#o.write(() => {
      for (const { machine, at_ms, body } of advice) this.#sql.keepAdvice.run(machine, at_ms, body);
      for (const { machine, at_ms, body } of changes) this.#sql.addChange.run(machine, at_ms, body);
    });
  }

  advice(): Promise<StoredAdvice[]> {
    return this.#o.read(() => this.#sql.advice.all() as unknown as StoredAdvice[]);
  }

  dropAdvice(machines: readonly string[]): Promise<void> {
    return this.#o.write(() => {
      for (const machine of machines) this.#sql.dropAdvice.run(machine);
    });
  }

  untold(limit: number): Promise<StoredChange[]> {
    return this.#o.read(() => this.#sql.untold.all(limit) as unknown as StoredChange[]);
  }

  told(up_to_id: number): Promise<void> {
    return this.#o.write(() => {
      this.#sql.told.run(up_to_id);
    });
  }

  /** Part of the store's own pruning, after the records went. */
  prune(before_ms: number, max_rows: number): number {
    this.#sql.restartCursor.run();
    const orders_before = new Date(before_ms - ORDERS_KEPT_MS).toISOString();
    let gone = Number(this.#sql.pruneOrders.run(orders_before, max_rows).changes);
    for (const sql of [this.#sql.pruneWindows, this.#sql.pruneExposures])
      gone += Number(sql.run(before_ms - EXPOSURES_KEPT_MS, max_rows).changes);
    return gone + Number(this.#sql.pruneFigures.run(max_rows, before_ms).changes);
  }

  #addSums(found: readonly UnsummedRow[]): void {
    // Added up here first: a batch has many records of one minute.
    const sums = new Map<string, { span: RollupSpan; worker: string; sum: Rollup }>();
    for (const { worker, kind, at_ms, body } of found) {
      if (!ROLLUP_KINDS.some((known) => known === kind)) continue;
      const record = JSON.parse(body) as RollupRecord;
      for (const span of SPANS) {
        const t_ms = spanStart(span, at_ms);
        const key = `${span} ${t_ms} ${worker}`;
        const entry = sums.get(key) ?? { span, worker, sum: emptyRollup(t_ms) };
        addToRollup(entry.sum, record);
        sums.set(key, entry);
      }
    }
    for (const { span, worker, sum } of sums.values()) {
      this.#sql.add.run(span, this.#nameNo(worker), sum.t_ms, ...COLUMNS.map((column) => sum[column]));
    }
  }

  #nameNo(worker: string): number {
    this.#sql.insertName.run(worker);
    return Number(this.#sql.nameNo.get(worker)?.['name_no']);
  }
}
