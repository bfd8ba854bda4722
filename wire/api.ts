// What the reader's API of the collector answers. Times are ISO 8601 in UTC; units are in the names; unknown is null.
import * as z from 'zod/mini';
import { Amount, BootId, Count, EndpointUrl, Name, WorkerName } from './fields.ts';
import { Network, ReachabilityRecord, Target } from './reachability.ts';
import { FrpRecord } from './frp.ts';
import { GpuSample, MINER_STATES } from './records.ts';
import { Verdict } from './verdict.ts';

/** `offline`: no report for longer than the collector's limit. `stuck`: hello at a failed stage and no report since. */
export const WORKER_STATES = [...MINER_STATES, 'stuck', 'offline'] as const;

export const WorkerRow = z.object({
  id: WorkerName,
  state: z.enum(WORKER_STATES),
  last_seen_at: z.nullable(z.string()),
  boot: z.nullable(BootId),
  miner: z.nullable(z.string()),
  algo: z.nullable(z.string()),
  pool: z.nullable(z.string()),
  claimed_hs: z.nullable(Amount),
  delivered_hs: z.nullable(Amount),
  delivered_low_hs: z.nullable(Amount),
  delivered_high_hs: z.nullable(Amount),
  /** Shares of this boot, by the relay. */
  accepted: Count,
  rejected: Count,
  unanswered: Count,
  power_w: z.nullable(Amount),
  gpus: z.array(GpuSample),
  /** The newest lifecycle event or hello, for the fleet's one-look page. */
  last_event: z.nullable(
    z.object({ at: z.string(), event: z.string(), level: z.enum(['info', 'warn', 'error']), detail: z.string() }),
  ),
});
export type WorkerRow = z.infer<typeof WorkerRow>;

export const WorkersAnswer = z.object({ workers: z.array(WorkerRow) });
export type WorkersAnswer = z.infer<typeof WorkersAnswer>;

/** One stored lifecycle event, or one that the collector itself noticed. */
export const EventRow = z.object({
  /** null: of nobody that is known, such as a stranger whom frps was told to refuse. */
  worker: z.nullable(WorkerName),
  /** What a stranger said of itself to frps: its frp user, and the proxy that it asked for. Anybody may say anything. */
  claimed: z.nullable(z.object({ frp_user: Name, frp_proxy: z.nullable(Name) })),
  boot: z.nullable(BootId),
  at: z.string(),
  event: z.string(),
  level: z.enum(['info', 'warn', 'error']),
  detail: z.string(),
  exit_code: z.nullable(z.int()),
  signal: z.nullable(z.string()),
  log: z.array(z.string()),
});
export type EventRow = z.infer<typeof EventRow>;
/**
 * `GET /api/v1/events?limit=100`: newest first; with `?worker=` of that worker, with `?of=collector` those without a worker.
 * `/api/v1/events.csv` takes the same and has one row an event.
 */
export const EventsAnswer = z.object({ events: z.array(EventRow) });
export type EventsAnswer = z.infer<typeof EventsAnswer>;

/** `GET /api/v1/workers/{id}`: the row, the host's facts, the newest log lines (oldest first) and events (newest first). */
export const WorkerDetail = z.object({
  worker: WorkerRow,
  host: z.nullable(z.record(z.string(), z.unknown())),
  /** The newest of this boot; null: it has no way through frp, or has not told of it. */
  frp: z.nullable(FrpRecord),
  log: z.array(z.object({ at: z.string(), source: z.enum(['head', 'worker', 'miner']), line: z.string() })),
  events: z.array(EventRow),
});
export type WorkerDetail = z.infer<typeof WorkerDetail>;

/**
 * `GET /api/v1/workers/{id}/series?since_s=3600`: columns of equal length, ready for a plot; `t` in unix seconds. Up to a day from
 * the records, beyond it from sums of minutes, beyond a week from those of hours.
 */
export const SeriesAnswer = z.object({
  t: z.array(z.number()),
  claimed_hs: z.array(z.nullable(z.number())),
  delivered_hs: z.array(z.nullable(z.number())),
  delivered_low_hs: z.array(z.nullable(z.number())),
  delivered_high_hs: z.array(z.nullable(z.number())),
  accepted: z.array(z.nullable(z.number())),
  rejected: z.array(z.nullable(z.number())),
  power_w: z.array(z.nullable(z.number())),
  temperature_c: z.array(z.nullable(z.number())),
});
export type SeriesAnswer = z.infer<typeof SeriesAnswer>;

/**
 * `GET /api/v1/reachability`: the newest sample of each worker and target, as the worker measured it; with `?worker=`, or with
 * `?target=` (its URL) and `?network=` (its key), only those.
 */
export const ReachabilityAnswer = z.object({
  reachability: z.array(
    z.object({
      worker: WorkerName,
      at: z.string(),
      /** The worker's network as the collector saw it at that time. */
      network: Network,
      record: ReachabilityRecord,
      /** As the collector judges it, with every control and inside control that it has. */
      verdict: Verdict,
    }),
  ),
});
export type ReachabilityAnswer = z.infer<typeof ReachabilityAnswer>;

/** Samples come every 15 to 20 minutes: two missed, and what was measured last says little about now. */
export const REACHABILITY_STALE_MS = 2_400_000;

/** One cell of the matrix endpoint × network. */
export const MatrixCell = z.object({
  target: EndpointUrl,
  role: Target.shape.role,
  /** Key is the prefix where no AS is known. The address is null: a cell may be of several workers. */
  network: Network,
  /** Of the newest sample that says what most workers of the network say, as the collector judges it. */
  verdict: Verdict,
  /** Since when the agreeing worker that has said so for longest has said so. */
  since: z.string(),
  /** The moment of that newest sample; older than REACHABILITY_STALE_MS = old. */
  at: z.string(),
  /** Workers of this network whose newest sample tells something, and how many of them agree with the verdict's name. */
  workers: Count,
  agreeing: Count,
});
export type MatrixCell = z.infer<typeof MatrixCell>;

/** `GET /api/v1/reachability/matrix`: worst first, old cells last. `/api/v1/reachability/matrix.csv` has one row a cell. */
export const MatrixAnswer = z.object({
  cells: z.array(MatrixCell),
  /** Cells that were too many to be told, the least bad ones. */
  left_out: Count,
});
export type MatrixAnswer = z.infer<typeof MatrixAnswer>;
