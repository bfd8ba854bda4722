// What a machine can be expected to hash, and who says so. Pure.
import type { ExpectedGpus } from '../../wire/expected-gpus.ts';
import { type FleetRate, type FleetSample, fleetRate } from './fleet-rates.ts';
import { gpuModel, memoryGb } from './gpu-model.ts';
import { type OwnRate, ownRate } from './own-rates.ts';
import { rateRange, type RateRange } from './rate-range.ts';
import { isDoubtful, referenceAlgo, referenceRates } from './reference-rates.ts';

/** Where a rate comes from, strongest first. */
export const EXPECTATION_SOURCES = ['own', 'fleet', 'reference'] as const;
export type ExpectationSource = (typeof EXPECTATION_SOURCES)[number];

/** Of one GPU or of a whole machine, as a miner shows it (its dev fee is not taken off). */
export interface Expectation extends RateRange {
  /** The weakest that it rests on. */
  source: ExpectationSource;
  /** In words, with the figures: `2 tables (2CC 31.3 MH/s, NJ 30.6 MH/s at 150 W) at 130 W`. */
  says: string;
}

export interface Knowledge {
  own: readonly OwnRate[];
  fleet: readonly FleetSample[];
}

export interface GpuKind {
  model: string;
  /** null where it is not known; it chooses between cards of one name. */
  memory_bytes: number | null;
  /** What was ordered; null: not known. */
  power_limit_w: number | null;
}

/** The fleet may say less than the tables, but never less than this share of them: sick hosts are not to become the measure. */
const FLEET_LEAST = 0.6;

/** What one GPU can be expected to hash; null: nobody says. */
export function expectationFor(gpu: GpuKind, algo: string, known: Knowledge): Expectation | null {
  const limit = gpu.power_limit_w === null ? 'at an unknown power limit' : `at ${gpu.power_limit_w} W`;
  const reference = referenceAlgo(algo);
  const own = ownRate(known.own, { ...gpu, algo });
  if (own !== null) {
    const figures = [{ rate_hs: own.rate_hs, power_w: own.power_limit_w, spread: own.spread }];
    const range = rateRange({ figures, algo: reference, power_limit_w: gpu.power_limit_w });
    return (
      range && { ...range, source: 'own', says: `your own figure ${mega(own.rate_hs)} ±${pct(own.spread)} ${limit}` }
    );
  }
  const table = tableRange(gpu, algo);
  const fleet = fleetRate(known.fleet, { ...gpu, algo });
  if (fleet !== null) return ofFleet(fleet, table, limit);
  return table && { ...table.range, source: 'reference', says: `${table.says} ${limit}` };
}

/**
 * What the promised GPUs can be expected to hash together; null where one of them is not known. `power_limits_w` is in the order of
 * the GPUs; where it is shorter, the rest is not known.
 */
export function machineExpectation(o: {
  gpus: readonly ExpectedGpus[];
  power_limits_w: readonly (number | null)[];
  /** Of a GPU of such a name, where the driver tells it. */
  memoryOf: (model: string) => number | null;
  algo: string;
  known: Knowledge;
}): Expectation | null {
  const models = o.gpus.flatMap(({ model, count }) => Array.from({ length: count }, () => model));
  if (models.length === 0) return null;
  const total = { rate_hs: 0, low_hs: 0, high_hs: 0 };
  const parts = new Map<string, number>();
  const kinds = new Map<string, Expectation>();
  let weakest = 0;
  for (const [i, model] of models.entries()) {
    const gpu = { model, memory_bytes: o.memoryOf(model), power_limit_w: o.power_limits_w[i] ?? null };
    const kind = `${model}@${gpu.power_limit_w}`;
    const one = kinds.get(kind) ?? expectationFor(gpu, o.algo, o.known);
    if (one === null) return null;
    kinds.set(kind, one);
    total.rate_hs += one.rate_hs;
    total.low_hs += one.low_hs;
    total.high_hs += one.high_hs;
    weakest = Math.max(weakest, EXPECTATION_SOURCES.indexOf(one.source));
    const says = `${model}: ${one.says}`;
    parts.set(says, (parts.get(says) ?? 0) + 1);
  }
  const says = [...parts].map(([text, count]) => `${count} × ${text}`).join('; ');
  return { ...total, source: EXPECTATION_SOURCES[weakest] ?? 'reference', says };
}

function tableRange(gpu: GpuKind, algo: string): { range: RateRange; says: string } | null {
  const reference = referenceAlgo(algo);
  if (reference === null) return null;
  const model = gpuModel(gpu.model);
  const figures = referenceRates(model, memoryGb(gpu.memory_bytes), reference);
  const doubtful = isDoubtful(model, reference);
  const range = rateRange({ figures, algo: reference, power_limit_w: gpu.power_limit_w, doubtful });
  const told = figures.map(({ source, rate_hs, power_w }) => {
    return `${source} ${mega(rate_hs)}${power_w === null ? '' : ` at ${power_w} W`}`;
  });
  return range && { range, says: `reference table${doubtful ? ', doubtful' : ''} (${told.join(', ')})` };
}

/** The fleet makes the table's range narrower; where it lies outside, it has measured and the table has not. */
function ofFleet(fleet: FleetRate, table: ReturnType<typeof tableRange>, limit: string): Expectation {
  const says = `median of ${fleet.hosts} hosts of this fleet ${mega(fleet.rate_hs)} ${limit}`;
  if (table === null) return { ...rangeOf(fleet), source: 'fleet', says };
  const least_hs = FLEET_LEAST * table.range.rate_hs;
  const isInside = fleet.rate_hs >= table.range.low_hs && fleet.rate_hs <= table.range.high_hs;
  if (!isInside) {
    const low_hs = Math.max(fleet.low_hs, Math.min(least_hs, table.range.low_hs));
    return {
      ...{ low_hs, rate_hs: Math.max(fleet.rate_hs, low_hs), high_hs: Math.max(fleet.high_hs, low_hs) },
      ...{ source: 'fleet', says: `${says}, outside the ${table.says}` },
    };
  }
  return {
    rate_hs: fleet.rate_hs,
    low_hs: Math.max(fleet.low_hs, table.range.low_hs),
    high_hs: Math.min(fleet.high_hs, table.range.high_hs),
    ...{ source: 'fleet', says: `${says}, within the ${table.says}` },
  };
}

function rangeOf({ rate_hs, low_hs, high_hs }: RateRange): RateRange {
  return { rate_hs, low_hs, high_hs };
}

function mega(rate_hs: number): string {
  return `${Number((rate_hs / 1e6).toPrecision(3))} MH/s`;
}

function pct(share: number): string {
  return `${Math.round(share * 100)} %`;
}
