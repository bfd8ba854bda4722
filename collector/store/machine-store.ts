// The part of the store about machines over time: sums of minutes and hours that outlive the raw records, what pools credit, what was
// ordered, the black list, and what is advised, with the changes that are still to be told.
import type { Blacklist } from '../../wire/blacklist.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import type { Exposure, ExposureWindow } from '../judge/exposure.ts';
import type { PoolFigure } from '../pool-api/figures.ts';
import type { SharesSums } from './store.ts';

/** Spans that records are summed over; unix time is cut at their multiples. */
export const ROLLUP_SPANS_MS = { minute: 60_000, hour: 3_600_000 } as const;
export type RollupSpan = keyof typeof ROLLUP_SPANS_MS;

/** Sums over a span: of a worker, whatever boots it had. Means are sum ÷ n; n = 0 is unknown. */
export interface Rollup {
  /** Where the span begins, unix ms. */
  t_ms: number;
  claimed_sum_hs: number;
  claimed_n: number;
  /** Of the shares records; the sums are those of SharesSums. */
  records: number;
  window_ms: number;
  connected_ms: number;
  work_hashes: number;
  work_sq_hashes2: number;
  work_max_hashes: number;
  unmeasured: number;
  accepted: number;
  rejected: number;
  stale: number;
  unanswered: number;
  /** Of all GPUs together. */
  power_sum_w: number;
  power_n: number;
  /** Of the hottest GPU; null: none told. */
  temperature_max_c: number | null;
}

/** When a worker was last heard of. */
export interface Heard {
  id: string;
  boot: string | null;
  last_report_ms: number | null;
  hello: { stage: string; code: number; at_ms: number } | null;
}

/** What a worker's shares were weighed by until now. */
export interface StoredExposure extends Exposure {
  /** The windows tell of all records up to this moment; null: of none. */
  until_ms: number | null;
}

/** What is advised about a machine now. */
export interface StoredAdvice {
  /** The worker's name. */
  machine: string;
  at_ms: number;
  /** JSON of the judge's whole finding. */
  body: string;
}

/** A change of advice that is to be told. Ids ascend in the order of the changes and are never given twice. */
export interface StoredChange {
  id: number;
  machine: string;
  at_ms: number;
  /** JSON of what is told. */
  body: string;
}

/** Times are unix ms of the collector's clock. Methods reject like the store's. */
export interface MachineStore {
  /** The same (server, worker, placed_at) again replaces what it said before. */
  addOrders(orders: readonly OrderRegistration[]): Promise<void>;
  /** Newest first; of one worker or of all. */
  orders(query: { worker?: string; limit: number }): Promise<OrderRegistration[]>;

  heard(): Promise<Heard[]>;
  /** Windows since a moment, oldest first; the excused time is of the worker's whole life. */
  exposure(worker: string, since_ms: number): Promise<StoredExposure>;
  /** Adds windows and replaces the rest, in one commit. */
  addExposure(
    worker: string,
    more: { windows: readonly ExposureWindow[] } & Omit<StoredExposure, 'windows'>,
  ): Promise<void>;
  /** Sums of the shares records since a moment, from the sums of minutes and hours: what came seconds ago may lack. */
  deliveredSince(worker: string, since_ms: number): Promise<SharesSums>;

  blacklist(): Promise<Blacklist>;
  /** Adds entries; one that is there gets the new reason and moment. */
  addToBlacklist(entries: Pick<Blacklist, 'servers' | 'hosts'>): Promise<void>;
  /** Returns how many of these were there. */
  dropFromBlacklist(ids: { servers: readonly number[]; hosts: readonly string[] }): Promise<number>;

  /** Replaces the advice about these machines, and adds changes to be told, in one commit. */
  keepAdvice(advice: readonly StoredAdvice[], changes: readonly Omit<StoredChange, 'id'>[]): Promise<void>;
  /** Of every machine, by name. */
  advice(): Promise<StoredAdvice[]>;
  /** Forgets machines that are gone. */
  dropAdvice(machines: readonly string[]): Promise<void>;
  /** Changes that nobody has acknowledged, oldest first. */
  untold(limit: number): Promise<StoredChange[]>;
  /** These were acknowledged, or are given up: all up to this id. */
  told(up_to_id: number): Promise<void>;

  /** Adds records that no sum has yet, at most so many, each once whenever it came; returns how many. */
  rollUp(max_records: number): Promise<number>;
  /** Oldest first, spans without a record left out; where there are more than `limit`, the newest `limit`. */
  rollups(query: { worker: string; span: RollupSpan; since_ms: number; limit: number }): Promise<Rollup[]>;
  /** Drops sums that began before, at most so many; returns how many went. */
  pruneRollups(span: RollupSpan, before_ms: number, max_rows: number): Promise<number>;

  /** Every worker with the pool that it was last at in its current boot. */
  workerPools(): Promise<{ id: string; pool: string | null }[]>;
  addPoolFigures(figures: readonly { worker: string; figure: PoolFigure }[]): Promise<void>;
  /** Newest first. */
  poolFigures(query: { worker: string; since_ms: number; limit: number }): Promise<PoolFigure[]>;
}
