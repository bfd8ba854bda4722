// What the reader's API tells of rented machines: `GET /api/v1/machines`, and each change of advice to the webhook. Times are ISO 8601
// in UTC, units are in the names, unknown is null.
import * as z from 'zod/mini';
import { Amount, Count, WorkerName } from './fields.ts';
import { Advice, MachineVerdict } from './machine.ts';
import { MACHINE_VERDICTS } from './machine-names.ts';

const Rate = z.nullable(Amount);
const Iso = z.string();

/** One machine: a worker, with the order that it runs under where that was registered. */
export const MachineRow = z.object({
  worker: WorkerName,
  server: z.nullable(Count),
  host: z.nullable(z.string()),
  /** When it was judged; false: its order has ended, or it has not been heard of for a day. */
  at: Iso,
  active: z.boolean(),
  /** `4xRTX 3070`. */
  promised: z.nullable(z.string()),
  bid_clore_day: z.nullable(Amount),
  placed_at: z.nullable(Iso),
  ended_at: z.nullable(Iso),
  spent_clore: z.nullable(Amount),
  algo: z.nullable(z.string()),
  /** What it can be expected to hash, and who says so. */
  expected: z.nullable(
    z.object({ rate_hs: Amount, low_hs: Amount, high_hs: Amount, source: z.string(), says: z.string() }),
  ),
  claimed_hs: Rate,
  /** By the shares of the time that counts, at most the last hour of it, with the 99.9 % interval. */
  delivered_hs: Rate,
  delivered_low_hs: Rate,
  delivered_high_hs: Rate,
  /** What the pool credits. */
  pool: z.nullable(z.object({ api: z.string(), pool_hs: Rate, listed: z.boolean(), at: Iso, as_of: z.nullable(Iso) })),
  /** By all accepted work over all paid time. */
  paid_hs: Rate,
  clore_per_ths_day: Rate,
  clore_per_ths_day_low: Rate,
  clore_per_ths_day_high: Rate,
  advice: Advice,
  advice_since: Iso,
  because: z.array(z.enum(MACHINE_VERDICTS)),
  against_host: z.boolean(),
  verdicts: z.array(MachineVerdict),
});
export type MachineRow = z.infer<typeof MachineRow>;

/** One owner of servers. */
export const HostRow = z.object({
  host: z.string(),
  advice: Advice,
  /** Servers of his that were judged, and those that count against him. */
  judged: Count,
  bad: Count,
  workers: z.array(WorkerName),
});
export type HostRow = z.infer<typeof HostRow>;

/** Machines by the price of a delivered hash, cheapest first; hosts worst first. */
export const MachinesAnswer = z.object({ machines: z.array(MachineRow), hosts: z.array(HostRow) });
export type MachinesAnswer = z.infer<typeof MachinesAnswer>;

/** One change of advice, as the webhook is told it. `machine` is a worker, or `host:<id>`. */
export const AdviceChange = z.object({
  id: Count,
  machine: z.string(),
  server: z.nullable(Count),
  host: z.nullable(z.string()),
  at: Iso,
  from: z.nullable(Advice),
  to: Advice,
  because: z.array(z.string()),
  /** The sentences of what led to it. */
  evidence: z.array(z.string()),
});
export type AdviceChange = z.infer<typeof AdviceChange>;

/** The webhook's body. */
export const AdviceChanges = z.object({ v: z.literal(1), changes: z.array(AdviceChange) });
export type AdviceChanges = z.infer<typeof AdviceChanges>;
