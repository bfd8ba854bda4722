// The last hour, made ready for a plot.
import type { SeriesAnswer } from '../../wire/api.ts';

type Column = (number | null)[];
/** Columns for the two plots; `t` in unix seconds. */
export interface PlotColumns {
  t: number[];
  claimed_hs: Column;
  delivered_hs: Column;
  delivered_low_hs: Column;
  delivered_high_hs: Column;
  power_w: Column;
  temperature_c: Column;
}

// Reports come in a steady beat; a pause of more than this many beats is silence, and a line across it would be a lie.
const SILENCE_BEATS = 4;

function medianStep(t: readonly number[]): number {
  const steps = t.slice(1).map((at, i) => at - (t[i] ?? at));
  return steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
}

/** Puts an empty point into every silence, so that a plot shows it as a gap. */
export function withGaps(series: SeriesAnswer): PlotColumns {
  const limit_s = Math.max(1, SILENCE_BEATS * medianStep(series.t));
  const columns: PlotColumns = {
    t: [],
    claimed_hs: [],
    delivered_hs: [],
    delivered_low_hs: [],
    delivered_high_hs: [],
    power_w: [],
    temperature_c: [],
  };
  const names = (Object.keys(columns) as (keyof PlotColumns)[]).filter((name) => name !== 't');
  series.t.forEach((at, i) => {
    const before = series.t[i - 1];
    if (before !== undefined && at - before > limit_s) {
      columns.t.push((at + before) / 2);
      for (const name of names) columns[name].push(null);
    }
    columns.t.push(at);
    for (const name of names) columns[name].push(series[name][i] ?? null);
  });
  return columns;
}

function largest(...columns: Column[]): number {
  return columns.flat().reduce<number>((max, value) => (value !== null && value > max ? value : max), 0);
}

/**
 * Upper end of the hashrate's axis in H/s. The interval is wide after the first few shares; it may leave the plot rather than
 * press the two lines to the floor.
 */
export function hashrateTop(columns: PlotColumns): number {
  const lines = largest(columns.claimed_hs, columns.delivered_hs);
  const band = largest(columns.delivered_high_hs);
  const top = lines === 0 ? band : Math.min(Math.max(lines, band), lines * 1.6);
  return top === 0 ? 1 : top * 1.08;
}

/** Upper end of the power's axis in W. */
export function powerTop(columns: PlotColumns): number {
  const top = largest(columns.power_w);
  return top === 0 ? 1 : top * 1.15;
}

/** At least one value of the columns is known. */
export function hasAny(...columns: Column[]): boolean {
  return columns.some((column) => column.some((value) => value !== null));
}
