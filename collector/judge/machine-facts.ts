// Everything that is known of one machine under one order: what routes fill from the store, and the judge reads. Times are unix ms of the
// collector's clock; lists are oldest first unless they say otherwise.
import type { OrderRegistration } from '../../wire/orders.ts';
import type { GpuRecord, HashrateRecord, HostRecord, SharesRecord } from '../../wire/records.ts';
import { type ExpectedGpus, parseExpected } from '../../wire/expected-gpus.ts';
import type { PoolFigure } from '../pool-api/figures.ts';
import type { SharesSums, StoredEvent, Timed, WorkerFacts } from '../store/store.ts';
import { type Expectation, type Knowledge, machineExpectation } from './expectation.ts';
import type { Exposure } from './exposure.ts';

/** How far back the recent records of MachineFacts must go, where there are any. */
export const RECENT_MS = 2 * 3_600_000;

export interface MachineFacts {
  worker: string;
  now_ms: number;
  /** Since when this collector has been listening without a break: silence before it is the collector's own. */
  listening_since_ms: number;
  /** null: not registered. The worker's own SPOTRIG_EXPECT then says what was promised. */
  order: OrderRegistration | null;
  hello: WorkerFacts['hello'];
  last_report_ms: number | null;
  /** Of the current boot. */
  host: Timed<HostRecord> | null;
  /** Of the last RECENT_MS. */
  hashrate: readonly Timed<HashrateRecord>[];
  shares: readonly Timed<SharesRecord>[];
  gpu: readonly Timed<GpuRecord>[];
  events: readonly StoredEvent[];
  /** Since the order began (exposure.ts); old windows may be summed (`sumWindows`). */
  exposure: Exposure;
  /** Accepted work since the order began. */
  delivered: SharesSums;
  /** Of the pool that the worker is at, newest first; of the last RECENT_MS. */
  pool_figures: readonly PoolFigure[];
  /** By `expectationOf`; null: nobody says. */
  expectation: Expectation | null;
  /** What the owner's other workers show at the same time. */
  peers: {
    /** Rejected and stale shares of those at the same pool with the same miner, of all their answered ones; null: there are none. */
    reject_share: number | null;
    /** Share of the other workers that fell silent within ten minutes of this one; null: there are none. */
    silent_share: number | null;
    /** Share of those whose shares the same pool's API should credit now, and does not; null: there are none, or it is not known yet. */
    absent_share: number | null;
  };
  /** Earlier orders on the same server that were advised to be cancelled, or worse. */
  earlier_bad_orders: number;
}

/** What was promised: by the order, else by the worker's setting; null where neither says. */
export function promisedGpus(facts: Pick<MachineFacts, 'order' | 'host'>): readonly ExpectedGpus[] | null {
  if (facts.order !== null) return facts.order.expect;
  const text = facts.host?.record.expect ?? null;
  return text === null ? null : parseExpected(text);
}

/**
 * What the machine should hash: for the promised GPUs, else for those it has. The power limits are the ordered ones, else those that the
 * driver told at the boot. null where a GPU or the algorithm is not known.
 */
export function expectationOf(
  facts: Pick<MachineFacts, 'order' | 'host' | 'hashrate'>,
  known: Knowledge,
): Expectation | null {
  const algo = facts.hashrate.at(-1)?.record.algo ?? null;
  if (algo === null) return null;
  const seen = facts.host?.record.gpus ?? [];
  const own = seen.flatMap(({ model }) => (model === null ? [] : [{ model, count: 1 }]));
  const limits = facts.order?.power_limits_w.map((limit_w) => (limit_w === 0 ? null : limit_w));
  return machineExpectation({
    gpus: promisedGpus(facts) ?? own,
    power_limits_w: limits ?? seen.map(({ power_limit_w }) => power_limit_w),
    memoryOf: () => seen[0]?.memory_bytes ?? null,
    ...{ algo, known },
  });
}
