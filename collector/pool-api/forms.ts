// What pools' HTTP APIs say of an account's workers, read into one shape. Foreign data: what is not understood is left out, never
// guessed. Field names: facts/miners.md section 6 (miningcore's v1 and v2, and 2Miners').
import * as z from 'zod';

/** The dialects of these APIs. */
export const POOL_API_FORMS = ['miningcore', '2miners'] as const;
export type PoolApiForm = (typeof POOL_API_FORMS)[number];

/** One worker as the pool has it. */
export interface PoolWorker {
  /** The pool's name for it. */
  name: string;
  /** By the pool's own count over its own window; null where it gave none that can be read. */
  hashrate_hs: number | null;
  /** When it last heard of the worker, unix ms; null where it does not tell. */
  last_share_ms: number | null;
}

/** One answer of a pool about an account. */
export interface PoolReading {
  /** When the pool made these figures, or not long before it, unix ms; null where it does not tell. Pools make them once in some minutes. */
  as_of_ms: number | null;
  workers: PoolWorker[];
}

/** Names of one account; more than these no operator has, and a broken API may list anything. */
const WORKERS_MAX = 20_000;
const NAME_MAX_CHARS = 128;

const Rate = z.number().nonnegative().nullable().catch(null);
const UnixSeconds = z.number().int().positive().max(1e11).nullable().catch(null);

const MiningcorePerformance = z.object({
  created: z.string().nullish().catch(null),
  workers: z.record(z.string(), z.object({ hashrate: Rate.optional() }).nullable().catch(null)).nullish(),
});
const MiningcoreMiner = z.object({ performance: MiningcorePerformance.nullish() });
/** The account's page, version 2's envelope around it, or the list of its performance over time (oldest first). */
const Miningcore = z.union([
  z.object({ success: z.literal(true), result: MiningcoreMiner }).transform(({ result }) => result),
  z.array(MiningcorePerformance).transform((all) => ({ performance: newestOf(all) })),
  MiningcoreMiner.refine((body) => 'performance' in body || 'pendingShares' in body, 'no account of miningcore'),
]);

const TwoMiners = z.object({
  workers: z.record(
    z.string(),
    z.object({ hr: Rate.optional(), lastBeat: UnixSeconds.optional() }).nullable().catch(null),
  ),
});

/**
 * Reads an answer's JSON. null: it is not of this form, which says nothing about any worker. A miningcore account without
 * `performance` is known to the pool and has no worker at present.
 */
export function readPoolAnswer(form: PoolApiForm, json: unknown): PoolReading | null {
  return form === 'miningcore' ? readMiningcore(json) : readTwoMiners(json);
}

function readMiningcore(json: unknown): PoolReading | null {
  const read = Miningcore.safeParse(json);
  if (!read.success) return null;
  const { performance } = read.data;
  const entries = Object.entries(performance?.workers ?? {});
  return readingOf({
    as_of_ms: momentOf(performance?.created ?? null),
    workers: entries.map(([name, worker]) => ({
      name,
      hashrate_hs: worker?.hashrate ?? null,
      last_share_ms: null,
    })),
  });
}

function readTwoMiners(json: unknown): PoolReading | null {
  const read = TwoMiners.safeParse(json);
  if (!read.success) return null;
  const workers = Object.entries(read.data.workers).map(([name, worker]): PoolWorker => {
    const seconds = worker?.lastBeat ?? null;
    return { name, hashrate_hs: worker?.hr ?? null, last_share_ms: seconds === null ? null : seconds * 1000 };
  });
  // The answer has no moment of its own; the newest beat in it shows how old it is at most.
  const beats = workers.flatMap(({ last_share_ms }) => last_share_ms ?? []);
  return readingOf({ as_of_ms: beats.length === 0 ? null : beats.reduce((a, b) => Math.max(a, b)), workers });
}

function readingOf(reading: PoolReading): PoolReading | null {
  const { workers } = reading;
  if (workers.length > WORKERS_MAX || workers.some(({ name }) => name.length > NAME_MAX_CHARS)) return null;
  return reading;
}

function newestOf<T extends { created?: string | null | undefined }>(all: readonly T[]): T | null {
  const known = all.filter((one) => momentOf(one.created ?? null) !== null);
  return known.toSorted((a, b) => (momentOf(b.created ?? null) ?? 0) - (momentOf(a.created ?? null) ?? 0))[0] ?? null;
}

/** Miningcore writes its moments in UTC, with or without the letter that says so. */
function momentOf(text: string | null): number | null {
  if (text === null) return null;
  const ms = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : ms;
}
