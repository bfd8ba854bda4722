// The market's snapshot, as facts/gigaspot.md and CLORE's reference describe it. Foreign data: only what is used is read, and one
// machine that cannot be read says so by itself.
import * as z from 'zod';
import { GPUS_MAX } from '../../wire/limits.ts';
import { fieldName } from '../../collector/config.ts';

/** [least, most]; null where the market gives none, or no such pair. */
const Range = z.tuple([z.number(), z.number()]).nullable().catch(null);

const Gpu = z.object({
  model: z.string().min(1).max(80),
  /** W. */
  pl: Range,
  /** MHz, as all below. */
  mem_lock: Range,
  core_lock: Range,
  mem_offset: Range,
  core_offset: Range,
});

const Id = z.union([z.number(), z.string().max(80)]).transform(String);

const Bid = z.object({
  owner: Id,
  id: z.int().nonnegative(),
  active: z.boolean(),
  /** CLORE a day, where the currency is CURRENCY. */
  price: z.number(),
  currency: z.string(),
  /** W, of all GPUs. */
  pl: z.number().nullable().catch(null),
});
export type Bid = z.infer<typeof Bid>;

const Amount = z.number().nonnegative().nullable().catch(null);

const Machine = z.object({
  bids: z.array(Bid).max(1000),
  on_demand_rented: z.boolean(),
  online: z.boolean(),
  ram: Amount,
  gpus: z.array(Gpu).max(4 * GPUS_MAX),
  cuda: z.union([z.string(), z.number()]).transform(String).nullable().catch(null),
  /** Seconds. */
  max_rental_length: Amount,
  cc: z.string().nullable().catch(null),
  /** The owner's id. */
  host: Id.nullable().catch(null),
  reliability: Amount,
  /** USD per kWh. */
  energy_price: Amount,
  /** Newer snapshots only. */
  working_properly: z.boolean().nullable().catch(null),
  /** CLORE a day; newer snapshots only. */
  min_bid: Amount,
});
export type Machine = z.infer<typeof Machine>;
export type MachineGpu = Machine['gpus'][number];

/** The one currency that GigaSPOT orders name. */
export const CURRENCY = 'CLORE-Blockchain';

/** A snapshot: machines by the server's id, as they came. */
export const Snapshot = z.record(z.string(), z.unknown());
export type Snapshot = z.infer<typeof Snapshot>;

/** One machine of a snapshot, or what is wrong with it. */
export function readMachine(server: string, value: unknown): { machine: Machine } | { wrong: string } {
  if (!/^[1-9][0-9]{0,11}$/.test(server)) return { wrong: 'its id is not a number' };
  const read = Machine.safeParse(value);
  if (read.success) return { machine: read.data };
  const [issue] = read.error.issues;
  return { wrong: issue === undefined ? 'unknown form' : `${fieldName(issue.path)}: ${issue.message}` };
}

/** Unix seconds in a snapshot's name (`…_1764170000.json`), or null. */
export function snapshotTimeS(name: string): number | null {
  const [, digits] = /_(\d{9,11})\.json(?:[?#].*)?$/.exec(name) ?? [];
  return digits === undefined ? null : Number(digits);
}
