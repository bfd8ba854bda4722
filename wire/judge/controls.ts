// What others saw of the target: the collectors from outside, workers of other networks from inside.
import type { ControlSample, InsideControl } from '../control.ts';
import type { ReachabilityRecord } from '../reachability.ts';
import { attemptsOf } from './attempts.ts';
import { DEPTH, layerOf, type Ending } from './ending.ts';
import type { Thresholds } from './thresholds.ts';

/** One vantage point's newest fresh measurement. */
export interface Control {
  by: string;
  /** How far it came: DEPTH.done = it is well. */
  depth: number;
  layer: Ending['layer'];
  failure: string | null;
  alert: number | null;
  addresses: readonly string[];
}

export interface Controls {
  fresh: readonly Control[];
  /** The samples behind these, and every control sample of any age, for keys that were seen. */
  near: readonly ControlSample[];
  all: readonly ControlSample[];
  addresses: readonly string[];
  /** How many came past the layer, and how many failed at it or before it. */
  passing(depth: number): number;
  failing(depth: number): number;
}

/**
 * The newest fresh sample of each vantage point. Times of the record are the worker's clock's; the collector's are compared with
 * them after the skew is taken out.
 */
export function freshControls(
  samples: readonly ControlSample[],
  record: ReachabilityRecord,
  t: Thresholds,
): ControlSample[] {
  const atMs = record.at_ms - (record.clock_skew_ms ?? 0);
  const near = samples
    .filter((sample) => Math.abs(sample.at_ms - atMs) <= t.control_fresh_ms)
    .toSorted((a, b) => Math.abs(a.at_ms - atMs) - Math.abs(b.at_ms - atMs));
  return [...Map.groupBy(near, (sample) => sample.by).values()].flatMap((same) => same.slice(0, 1));
}

export function addressesOf(samples: readonly ControlSample[]): string[] {
  return [...new Set(samples.flatMap((sample) => sample.addresses))];
}

/** `compared`: where the worker failed; a control that tried these is asked for these only. */
export function controlsOf(
  { all, near }: { all: readonly ControlSample[]; near: readonly ControlSample[] },
  compared: readonly string[],
  record: ReachabilityRecord,
  t: Thresholds,
): Controls {
  const fresh = near.flatMap((sample) => controlOf(sample, compared, record, t) ?? []);
  return {
    fresh,
    near,
    all,
    addresses: addressesOf(near),
    passing: (depth) => fresh.filter((control) => control.depth > depth).length,
    failing: (depth) => fresh.filter((control) => control.layer !== 'done' && control.depth <= depth).length,
  };
}

/** Null where it tells nothing: no step was made, or the vantage point's own machine was at fault. */
function controlOf(
  sample: ControlSample,
  compared: readonly string[],
  { target }: ReachabilityRecord,
  t: Thresholds,
): Control | null {
  const { by, addresses, operation, failure } = sample;
  const same = sample.trials.filter((trial) => compared.includes(trial.address));
  const trials = same.length > 0 ? same : sample.trials;
  const { endings, failure: failed } = attemptsOf(trials, target, t);
  const well = endings.filter((ending) => ending.layer === 'done');
  if (well.length > 0) {
    const depth = Math.max(...well.map((ending) => ending.depth));
    return { by, depth, layer: 'done', failure: null, alert: null, addresses };
  }
  if (failed !== null) {
    const { depth, layer, alert } = failed;
    return { by, depth, layer, failure: failed.failure, alert, addresses };
  }
  if (trials.length > 0 || operation === null) return null;
  const layer = layerOf(operation);
  return { by, depth: DEPTH[layer], layer, failure, alert: null, addresses };
}

export interface Inside {
  /** Other networks where the target is well, and where it fails at the same layer with the same failure. */
  well: readonly string[];
  alike: readonly string[];
}

export function insideOf(
  inside: readonly InsideControl[],
  record: ReachabilityRecord,
  failure: Ending | null,
  t: Thresholds,
): Inside {
  const atMs = record.at_ms - (record.clock_skew_ms ?? 0);
  const others = inside.filter(
    (other) => other.network !== record.egress?.key && Math.abs(other.at_ms - atMs) <= t.inside_fresh_ms,
  );
  const networks = (some: InsideControl[]): string[] => [...new Set(some.map((other) => other.network))];
  return {
    well: networks(others.filter((other) => other.operation === null)),
    alike: networks(
      others.filter((other) => layerOf(other.operation) === failure?.layer && other.failure === failure.failure),
    ),
  };
}
