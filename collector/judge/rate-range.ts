// How far a GPU's hashrate may lie from a figure of a table, and what a lower power limit does to it. Pure.
//
// The facts (miners.md section 5) give spreads, and of power only a few pairs; no law. So the law is ours, and wide. KawPow: within
// one card, rates move with the 0.25th to 0.6th power of the limit near its tuned point (RTX 3080 49.5@324 to 42.2@250, RTX 3090),
// and with the 4th below it (RTX 3060 24.1@140 to 9.6@119, a quarter off for stock against tuned). The likely rate is taken to fall
// in proportion, and the low end by the 4th power, so that the lowest pair that the facts tell is still honest. Autolykos2 "hardly"
// falls. For the others no pair is told, and they get a wider law than their kind suggests.
import type { ReferenceAlgo } from './reference-rates.ts';

interface Spread {
  /** Shares of the lowest and highest figure that are allowed below and above. */
  below: number;
  above: number;
  /** `below` where no power limit, or no figure with its power, is known. */
  below_unpowered: number;
  /** Powers of (limit / the figure's power) for the likely rate and for the low end. */
  exponent: number;
  exponent_low: number;
}

/** A figure with no power, of a card with an unknown limit, is worth what the facts say: "< 60 % of the 2CC figure" is bad. */
const CORE_BOUND: Spread = { below: 0.25, above: 0.2, below_unpowered: 0.4, exponent: 1, exponent_low: 4 };

/** ±10 % by block height is within KawPow's. Autolykos2's ±20 % and two more: the facts' own 1660 Super is 21 % below its figure. */
const SPREADS: Readonly<Record<ReferenceAlgo, Spread>> = {
  kawpow: CORE_BOUND,
  autolykos2: { below: 0.22, above: 0.2, below_unpowered: 0.3, exponent: 0.3, exponent_low: 1 },
  etchash: { below: 0.15, above: 0.15, below_unpowered: 0.25, exponent: 0.5, exponent_low: 1.5 },
  kheavyhash: CORE_BOUND,
  nexapow: CORE_BOUND,
};

/** For an algorithm that the tables have not: an owner's own figure at another power limit. */
const UNKNOWN_ALGO: Spread = CORE_BOUND;

/** A limit above a figure's power gives more at most by so much. */
const GAIN_MAX = 1.3;
/** Limits this near to a figure's power are the same one. */
const SAME_POWER = 0.03;

export interface Figure {
  rate_hs: number;
  power_w: number | null;
  /** Of the figure itself, where it brings its own; else the algorithm's. */
  spread?: number;
}

export interface RateRange {
  rate_hs: number;
  low_hs: number;
  high_hs: number;
}

/** One range from all figures for one GPU at a power limit (null: not known); null for no figures. */
export function rateRange(o: {
  figures: readonly Figure[];
  algo: ReferenceAlgo | null;
  power_limit_w: number | null;
  doubtful?: boolean;
}): RateRange | null {
  const spread = o.algo === null ? UNKNOWN_ALGO : SPREADS[o.algo];
  const powers = o.figures.flatMap(({ power_w }) => power_w ?? []);
  // A figure without power is as hungry as the hungriest one that tells it.
  const assumed_w = powers.length === 0 ? null : Math.max(...powers);
  const parts = o.figures.map((figure) => {
    const power_w = figure.power_w ?? (figure.spread === undefined ? assumed_w : null);
    const share = power_w === null || o.power_limit_w === null ? null : ratioOf(o.power_limit_w, power_w);
    const wide = share === null || o.doubtful === true;
    const below = figure.spread ?? (wide ? spread.below_unpowered : spread.below);
    const above = figure.spread ?? spread.above;
    const at = share ?? 1;
    return {
      rate_hs: figure.rate_hs * Math.min(1, at) ** spread.exponent,
      low_hs: figure.rate_hs * Math.min(1, at) ** spread.exponent_low * (1 - below),
      high_hs: figure.rate_hs * Math.max(1, Math.min(GAIN_MAX, at)) * (1 + above),
    };
  });
  if (parts.length === 0) return null;
  const meanLog = parts.reduce((sum, { rate_hs }) => sum + Math.log(rate_hs), 0) / parts.length;
  return {
    rate_hs: Math.exp(meanLog),
    low_hs: Math.min(...parts.map(({ low_hs }) => low_hs)),
    high_hs: Math.max(...parts.map(({ high_hs }) => high_hs)),
  };
}

function ratioOf(limit_w: number, power_w: number): number {
  const ratio = limit_w / power_w;
  return Math.abs(ratio - 1) <= SAME_POWER ? 1 : ratio;
}
