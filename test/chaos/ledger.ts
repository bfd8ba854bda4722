// The books of a series: what the worker had spooled, what the pool booked and when, what the collector holds. Compared at the end.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FRAME_HEADER_BYTES, scanFrames } from '../../reporter/spool/frame.ts';
import { readTextIfPresent } from '../../platform/durable-file.ts';
import { SharesRecord } from '../../wire/records.ts';

/** `boot seq`. */
type ReportName = string;

export interface SpoolContent {
  reports: ReportName[];
  /** How many of them the collector has not acknowledged. */
  waiting: number;
}

/** The whole frames in the spool as it lies on the disk, acknowledged ones too. Changes nothing. */
export async function readSpool(home: string): Promise<SpoolContent> {
  const dir = join(home, 'spool');
  const names = await readdir(dir).catch((): string[] => []);
  const mark = await readTextIfPresent(join(dir, 'acked'), 100).catch(() => null);
  const acked = mark === null ? -1 : Number(mark.split(' ')[0]);
  const content: SpoolContent = { reports: [], waiting: 0 };
  for (const name of names.filter((n) => n.endsWith('.seg'))) {
    // It may be acknowledged and gone by now.
    const bytes = await readFile(join(dir, name)).catch(() => Buffer.alloc(0));
    for (const { seq, offset, length } of scanFrames(bytes).frames) {
      const text = bytes.toString('utf8', offset + FRAME_HEADER_BYTES, offset + length);
      content.reports.push(`${(JSON.parse(text) as { boot: string }).boot} ${seq}`);
      if (seq > acked) content.waiting++;
    }
  }
  return content;
}

/** What the collector has of one worker. */
export interface Stored {
  reports: ReportName[];
  shares: { boot: string; record: SharesRecord }[];
}

/** Straight from its database. */
export function readStored(dataDir: string, worker: string): Stored {
  const db = new DatabaseSync(join(dataDir, 'collector.sqlite'), { readOnly: true });
  try {
    const reports = db
      .prepare('SELECT boot, seq FROM reports JOIN boots USING (boot_no) JOIN workers USING (worker_no) WHERE worker = ?')
      .all(worker); // prettier-ignore
    const rows = db
      .prepare(
        "SELECT boot, body FROM records JOIN boots USING (boot_no) JOIN workers ON workers.worker_no = boots.worker_no WHERE worker = ? AND kind = 'shares' ORDER BY record_id",
      )
      .all(worker);
    return {
      reports: reports.map((r) => `${String(r['boot'])} ${String(r['seq'])}`),
      shares: rows.map((r) => ({
        boot: String(r['boot']),
        record: SharesRecord.parse(JSON.parse(String(r['body']))),
      })),
    };
  } finally {
    db.close();
  }
}

/** How many shares the pool had accepted at which moment, by samples. */
export class PoolBook {
  readonly #accepted: () => number;
  readonly #samples: { atMs: number; accepted: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(accepted: () => number, everyMs = 20) {
    this.#accepted = accepted;
    this.take(Date.now());
    this.#timer = setInterval(() => this.take(Date.now()), everyMs);
  }

  /** Notes what the pool has at this moment. */
  take(atMs: number): void {
    const accepted = this.#accepted();
    if (this.#samples.at(-1)?.accepted !== accepted) this.#samples.push({ atMs, accepted });
  }

  /** Accepted up to a moment (Unix ms). */
  at(ms: number): number {
    return this.#samples.findLast((s) => s.atMs <= ms)?.accepted ?? this.#samples[0]?.accepted ?? 0;
  }

  /** Of the whole series. */
  total(): number {
    return this.#accepted() - (this.#samples[0]?.accepted ?? 0);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** What is wrong with the collector's books, each in a sentence. `spooled` is every report that was ever seen on the disk. */
export function compareBooks(o: { spooled: ReadonlySet<ReportName>; stored: Stored; pool: PoolBook }): string[] {
  const wrong: string[] = [];
  const has = new Set(o.stored.reports);
  const lost = [...o.spooled].filter((name) => !has.has(name));
  if (lost.length > 0)
    wrong.push(`${lost.length} spooled reports are not at the collector: ${lost.slice(0, 5).join(', ')}`);
  if (has.size !== o.stored.reports.length) wrong.push('a report is at the collector twice');

  const { shares } = o.stored;
  const moments = new Set(shares.map(({ boot, record }) => `${boot} ${record.at_ms}`));
  if (moments.size !== shares.length) wrong.push('a window of shares is at the collector twice');
  const sum = (of: (record: SharesRecord) => number): number => shares.reduce((all, { record }) => all + of(record), 0);
  const accepted = sum((r) => r.accepted);
  if (accepted > o.pool.total())
    wrong.push(`the collector has ${accepted} accepted shares, the pool ${o.pool.total()}`);

  // What the pool accepted while the windows that arrived were open. Each life of Node may lose a share at its edges.
  const inWindows = sum((r) => o.pool.at(r.at_ms) - o.pool.at(r.at_ms - r.window_ms));
  const lives = shares.filter(({ record }, i) => {
    const next = shares[i + 1];
    return next === undefined || Math.abs(next.record.at_ms - next.record.window_ms - record.at_ms) > 20;
  }).length;
  const missing = inWindows - accepted - sum((r) => r.unanswered);
  if (missing > 2 * lives) {
    wrong.push(`${missing} shares of ${inWindows} that the pool accepted in reported windows are missing (${lives} lives of Node)`); // prettier-ignore
  }
  return wrong;
}
