// One row of the fleet from a worker's newest facts. Pure: the same facts and the same moment give the same row.
import type { EventRow, WorkerRow } from '../../wire/api.ts';
import type { StoredEvent, WorkerFacts } from '../store/store.ts';
import { deliveredOf } from './delivered.ts';

/** Samples older than this say nothing about now. */
const FRESH_MS = 120_000;
/** A head that said hello fetches a runtime and a miner before the first report; on a slow link that takes minutes. */
const HELLO_GRACE_MS = 600_000;

export interface RowSettings {
  /** No report for longer: offline. */
  offline_after_ms: number;
}

/** The row as the reader's API answers it. */
export function workerRow(facts: WorkerFacts, now_ms: number, settings: RowSettings): WorkerRow {
  const hashrate = facts.hashrate?.record ?? null;
  const totals = facts.shares?.record ?? null;
  const gpus = facts.gpu !== null && now_ms - facts.gpu.at_ms <= FRESH_MS ? facts.gpu.record.gpus : [];
  const state = stateOf(facts, now_ms, settings);
  const claimHolds = state !== 'offline' && facts.hashrate !== null && now_ms - facts.hashrate.at_ms <= FRESH_MS;
  const event = facts.last_event === null ? null : eventRow(facts.last_event);
  return {
    id: facts.id,
    state,
    last_seen_at: isoOrNull(lastSeenMs(facts)),
    boot: facts.boot,
    miner: hashrate?.miner ?? null,
    algo: hashrate?.algo ?? null,
    pool: hashrate?.pool ?? totals?.pool ?? null,
    claimed_hs: claimHolds ? (hashrate?.claimed_hs ?? null) : null,
    ...deliveredOf(facts.shares_window, totals?.share_work_hashes ?? null),
    accepted: totals?.accepted_total ?? 0,
    rejected: totals?.rejected_total ?? 0,
    unanswered: totals?.unanswered_total ?? 0,
    power_w: sumOrNull(gpus.map((gpu) => gpu.power_w)),
    gpus,
    last_event: event === null ? null : { at: event.at, event: event.event, level: event.level, detail: event.detail },
  };
}

/** A stored event as the reader's API answers it. */
export function eventRow(event: StoredEvent): EventRow {
  const { record, claimed = null } = event;
  return {
    worker: event.worker,
    claimed: claimed === null ? null : { frp_user: claimed.user, frp_proxy: claimed.proxy },
    boot: event.boot,
    at: new Date(event.at_ms).toISOString(),
    event: record.event,
    level: record.level,
    detail: record.detail,
    exit_code: record.exit_code,
    signal: record.signal,
    log: record.log,
  };
}

/** The sum of what is known; null when nothing is. */
export function sumOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

function stateOf(facts: WorkerFacts, now_ms: number, settings: RowSettings): WorkerRow['state'] {
  const { hello, last_report_ms } = facts;
  const reports = last_report_ms !== null && now_ms - last_report_ms <= settings.offline_after_ms;
  if (hello !== null && hello.at_ms > (last_report_ms ?? -1)) {
    if (hello.code !== 0) return 'stuck';
    if (!reports) return now_ms - hello.at_ms <= HELLO_GRACE_MS ? 'preparing' : 'offline';
  }
  if (!reports) return 'offline';
  return facts.hashrate?.record.state ?? 'preparing';
}

function lastSeenMs(facts: WorkerFacts): number | null {
  if (facts.hello === null) return facts.last_report_ms;
  return Math.max(facts.hello.at_ms, facts.last_report_ms ?? 0);
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
