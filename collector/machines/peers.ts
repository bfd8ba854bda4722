// What the owner's other workers show at the same time. Pure.
import { devFee } from '../judge/dev-fees.ts';
import { rateOf } from '../judge/exposure.ts';
import type { FleetSample } from '../judge/fleet-rates.ts';
import type { MachineFacts } from '../judge/machine-facts.ts';
import { isAbsence } from '../judge/rules/pool.ts';
import type { Heard } from '../store/machine-store.ts';

/** A worker's answered shares of the last hour, and where it sent them. */
export interface Answered {
  worker: string;
  pool: string | null;
  miner: string | null;
  bad: number;
  answered: number;
  /** The pool's API that told of it last; null: none did, or not lately. */
  api: string | null;
  /** Whether that API credits it with nothing although its relay saw shares accepted. */
  is_absent: boolean;
}

const HOUR_MS = 3_600_000;
/** Fell silent together: within this of each other. */
const TOGETHER_MS = 600_000;
/** Silent: reports come every 15 s, and each round of an outage has its retries. */
const SILENT_MS = 300_000;

export function answeredOf({ worker, shares, hashrate, now_ms, pool_figures }: MachineFacts): Answered {
  const sum = { worker, pool: shares.at(-1)?.record.pool ?? null, miner: hashrate.at(-1)?.record.miner ?? null };
  let [bad, answered] = [0, 0];
  for (const { record } of shares.filter(({ at_ms }) => now_ms - at_ms <= HOUR_MS)) {
    bad += record.rejected + record.stale;
    answered += record.rejected + record.stale + record.accepted;
  }
  const figure = pool_figures.find(({ at_ms }) => now_ms - at_ms <= HOUR_MS);
  const api = answered > bad ? (figure?.api ?? null) : null;
  return { ...sum, bad, answered, api, is_absent: figure !== undefined && isAbsence(figure) };
}

/** `answered` and `heard` are of the whole fleet, this worker among them. */
export function peersOf(
  worker: string,
  o: { answered: ReadonlyMap<string, Answered>; heard: readonly Heard[]; now_ms: number },
): MachineFacts['peers'] {
  return {
    reject_share: rejectShare(worker, o.answered),
    silent_share: silentShare(worker, o.heard, o.now_ms),
    absent_share: absentShare(worker, o.answered),
  };
}

function absentShare(worker: string, fleet: ReadonlyMap<string, Answered>): number | null {
  const api = fleet.get(worker)?.api ?? null;
  if (api === null) return null;
  const others = [...fleet.values()].filter((other) => other.worker !== worker && other.api === api);
  return others.length === 0 ? null : others.filter(({ is_absent }) => is_absent).length / others.length;
}

function rejectShare(worker: string, fleet: ReadonlyMap<string, Answered>): number | null {
  const own = fleet.get(worker);
  if (own === undefined || own.pool === null) return null;
  let [bad, answered] = [0, 0];
  for (const other of fleet.values()) {
    if (other.worker === worker || other.pool !== own.pool || other.miner !== own.miner) continue;
    bad += other.bad;
    answered += other.answered;
  }
  return answered === 0 ? null : bad / answered;
}

function silentShare(worker: string, heard: readonly Heard[], now_ms: number): number | null {
  const own_ms = heard.find(({ id }) => id === worker)?.last_report_ms ?? null;
  if (own_ms === null) return null;
  // Who was heard of when this one fell silent, or later.
  const others = heard.flatMap(({ id, last_report_ms: at_ms }) =>
    id === worker || at_ms === null || at_ms < own_ms - TOGETHER_MS ? [] : [at_ms],
  );
  if (others.length === 0) return null;
  const silent = others.filter((at_ms) => at_ms <= own_ms + TOGETHER_MS && now_ms - at_ms > SILENT_MS);
  return silent.length / others.length;
}

/** What the machine adds to the fleet's own knowledge of a kind of GPU; null: it has several kinds, or nothing is known. */
export function fleetSampleOf(facts: MachineFacts): FleetSample | null {
  const { order, host, hashrate, exposure, worker } = facts;
  const gpus = host?.record.gpus ?? [];
  const newest = hashrate.at(-1)?.record;
  const [first] = gpus;
  if (first?.model == null || newest === undefined || newest.algo === null) return null;
  if (gpus.some(({ model }) => model !== first.model)) return null;
  const { rate_hs } = rateOf(exposure.windows);
  if (rate_hs === null) return null;
  const limits = order?.power_limits_w ?? gpus.map(({ power_limit_w }) => power_limit_w);
  const limit = limits[0] ?? null;
  const isOneLimit = limits.every((other) => other === limit);
  return {
    host: order?.host ?? host?.record.server ?? worker,
    ...{ model: first.model, algo: newest.algo, power_limit_w: isOneLimit && limit !== 0 ? limit : null },
    rate_hs: rate_hs / gpus.length / (1 - devFee(newest.miner, newest.algo)),
    shares: exposure.windows.reduce((sum, { found }) => sum + found, 0),
  };
}
