// What the owner's own fleet shows a GPU to deliver: a robust median over hosts. Pure.
import { gpuModel } from './gpu-model.ts';
import { isSameAlgo } from './own-rates.ts';
import type { RateRange } from './rate-range.ts';

/** What one machine of one kind of GPU delivered, whether it was much or little: chosen by how much is known, not by the result. */
export interface FleetSample {
  /** Whose machine: the market's host, else its server, else the worker. One host has one voice. */
  host: string;
  model: string;
  algo: string;
  power_limit_w: number | null;
  /** Of one GPU, as the miner would show it: by accepted shares, dev fee added again. */
  rate_hs: number;
  /** Shares behind it. */
  shares: number;
}

export interface FleetRate extends RateRange {
  hosts: number;
}

/** Hosts that must have a proven machine before the fleet says anything. */
const HOSTS_MIN = 5;
/** Shares before a machine counts: its rate is then known to about 6 %. */
export const FLEET_SHARES_MIN = 250;
const SAME_LIMIT = 0.05;
/** 1.4826 median absolute deviations are one standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 1.4826;
const SIGMAS = 3;
/** A fleet of equals is not believed to be closer than this; one of unequals is no measure. */
const SPREAD_MIN = 0.06;
const SPREAD_MAX = 0.3;

/** The fleet's range for a GPU; null while too few hosts have proven it. */
export function fleetRate(
  samples: readonly FleetSample[],
  of: { model: string; algo: string; power_limit_w: number | null },
): FleetRate | null {
  const { key } = gpuModel(of.model);
  const byHost = new Map<string, number[]>();
  for (const sample of samples) {
    const fits = gpuModel(sample.model).key === key && isSameAlgo(sample.algo, of.algo);
    if (!fits || sample.shares < FLEET_SHARES_MIN || !isSameLimit(sample.power_limit_w, of.power_limit_w)) continue;
    byHost.set(sample.host, [...(byHost.get(sample.host) ?? []), sample.rate_hs]);
  }
  if (byHost.size < HOSTS_MIN) return null;
  const voices = [...byHost.values()].map(medianOf);
  const rate_hs = medianOf(voices);
  if (rate_hs <= 0) return null;
  const sigma = MAD_TO_SIGMA * medianOf(voices.map((voice) => Math.abs(voice / rate_hs - 1)));
  const spread = Math.max(SPREAD_MIN, SIGMAS * sigma);
  if (spread > SPREAD_MAX) return null;
  return { rate_hs, low_hs: rate_hs * (1 - spread), high_hs: rate_hs * (1 + spread), hosts: byHost.size };
}

function isSameLimit(a: number | null, b: number | null): boolean {
  if (a === null || b === null) return a === b;
  return Math.abs(a - b) <= SAME_LIMIT * Math.max(a, b);
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? 0;
  const lower = sorted[(sorted.length - 1) >> 1] ?? 0;
  return (lower + upper) / 2;
}
