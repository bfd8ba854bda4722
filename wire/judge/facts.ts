// Everything that the rules ask for, reduced from the samples once.
import type { ControlSample, InsideControl } from '../control.ts';
import type { ReachabilityRecord } from '../reachability.ts';
import { attemptsOf, type Attempts } from './attempts.ts';
import { contrastsOf, type Contrasts } from './contrasts.ts';
import { addressesOf, controlsOf, freshControls, insideOf, type Controls, type Inside } from './controls.ts';
import { DEPTH, type Ending } from './ending.ts';
import { foreignKeyOf, type ForeignKey } from './keys.ts';
import { lineOf, type Line } from './line.ts';
import { namesOf, type Names } from './names.ts';
import { stallsOf, type Stalls } from './stalls.ts';
import type { Thresholds } from './thresholds.ts';

export interface JudgeInput {
  /** The sample that is judged. */
  sample: ReachabilityRecord;
  /** Earlier samples of the same worker and target, newest first. */
  history: readonly ReachabilityRecord[];
  /** Control measurements of the target, of any age; those that are not fresh at the sample's time do not count. */
  controls: readonly ControlSample[];
  /** The same target from other networks. */
  inside: readonly InsideControl[];
}

export interface Facts {
  record: ReachabilityRecord;
  t: Thresholds;
  line: Line;
  names: Names;
  controls: Controls;
  inside: Inside;
  /** On the addresses that the system's resolver gave, and on all others (control, DoH, TCP/53). */
  own: Attempts;
  others: Attempts;
  /** How the name's resolution was spoilt; null = it was not, or nobody knows. */
  dnsFault: 'failed' | 'race' | 'wrong' | null;
  /** The failure behind the name: of the system's addresses, or of the others where DNS is spoilt. */
  failure: Ending | null;
  /** It fails at all, by name or by address. */
  fails: boolean;
  /** Depth up to which the worker's failure reaches: controls that fail here or before fail alike. */
  depth: number;
  /** The target answered this very worker somehow, so it is up. */
  isSeenUp: boolean;
  contrasts: Contrasts;
  stalls: Stalls;
  foreignKey: ForeignKey | null;
  past: Past;
}

export interface Past {
  /** A good sample 15 minutes to two hours old, and none bad since. */
  isStable: boolean;
  /** The usual TCP handshake; null where too few samples tell. */
  usual_rtt_ms: number | null;
  /** The newest earlier sample of the last two hours failed at this layer. */
  failedAt: Ending['layer'] | null;
  /** Samples within the last hour. */
  recent: number;
  wasWell: boolean;
}

export function factsOf({ sample, history, controls: samples, inside }: JudgeInput, t: Thresholds): Facts {
  const near = freshControls(samples, sample, t);
  const truth = addressesOf(near);
  const names = namesOf(sample, truth);
  const { own, others } = split(sample, names, t);
  const dnsFault = dnsFaultOf(names, own, others, truth);
  const told = dnsFault === null ? own : others;
  const { failure } = told;
  const failed = told.all.filter((ending) => ending.layer !== 'done').map((ending) => ending.address);
  const controls = controlsOf({ all: samples, near }, told.well > 0 ? [] : failed, sample, t);
  const contrasts = contrastsOf(sample, failure);
  return {
    record: sample,
    t,
    line: lineOf(sample, t),
    names,
    controls,
    inside: insideOf(inside, sample, failure, t),
    own,
    others,
    dnsFault,
    failure,
    fails: own.well === 0 && (names.hasFailed || own.failed > 0),
    // A name that does not resolve hides the rest: a control's failure anywhere may be the reason why nothing works.
    depth: failure === null && names.hasFailed ? DEPTH.stratum : (failure?.depth ?? DEPTH.stratum),
    isSeenUp: own.well + others.well > 0 || contrasts.helloFlips !== null || contrasts.portWorks !== null,
    contrasts,
    stalls: stallsOf(sample, history, t),
    foreignKey: foreignKeyOf(sample, history, controls),
    past: pastOf(sample, history, t),
  };
}

/** Addresses of the system's resolver, and all others. Where it was not asked, only the control's are others. */
function split(record: ReachabilityRecord, names: Names, t: Thresholds): Pick<Facts, 'own' | 'others'> {
  const isOwn = (address: string): boolean =>
    names.isAsked ? names.system.includes(address) : !record.control_addresses.includes(address);
  const own = record.addresses.filter((trial) => isOwn(trial.address));
  const others = record.addresses.filter((trial) => !isOwn(trial.address));
  return { own: attemptsOf(own, record.target, t), others: attemptsOf(others, record.target, t) };
}

/** `truth`: the name's addresses by fresh controls. */
function dnsFaultOf(names: Names, own: Attempts, others: Attempts, truth: readonly string[]): Facts['dnsFault'] {
  if (own.well > 0) return null;
  const { race, system } = names;
  const isTrue = shares(system, truth) || shares(system, race?.late ?? []);
  if (race !== null && (names.hasFailed || own.failed > 0) && !isTrue) return 'race';
  if (names.hasFailed) return names.method === null ? null : 'failed';
  if (own.failed === 0 || truth.length === 0 || system.length === 0) return null;
  if (isTrue || shares(system, names.honest)) return null;
  return others.well > 0 || shares(names.honest, truth) ? 'wrong' : null;
}

/** The same /24 (v4) or /48 (v6) is the same place: pools rotate addresses, and name servers answer by region. */
export function prefixOf(address: string): string {
  return address.includes(':') ? address.split(':', 3).join(':') : address.split('.', 3).join('.');
}

export function shares(some: readonly string[], others: readonly string[]): boolean {
  const prefixes = new Set(others.map(prefixOf));
  return some.some((address) => prefixes.has(prefixOf(address)));
}

function pastOf(sample: ReachabilityRecord, history: readonly ReachabilityRecord[], t: Thresholds): Past {
  const earlier = history
    .filter((old) => old.at_ms < sample.at_ms && sample.at_ms - old.at_ms <= t.stable_max_ms)
    .map((old) => ({ ageMs: sample.at_ms - old.at_ms, ...summaryOf(old, t) }))
    .toSorted((a, b) => a.ageMs - b.ageMs);
  const firstBad = earlier.findIndex((old) => !old.isGood);
  const goodRun = firstBad === -1 ? earlier : earlier.slice(0, firstBad);
  const rtts = history.filter((old) => old.at_ms < sample.at_ms).flatMap((old) => summaryOf(old, t).rtt_ms ?? []);
  return {
    isStable: goodRun.some((old) => old.ageMs >= t.stable_min_ms),
    usual_rtt_ms: rtts.length < t.usual_samples ? null : median(rtts),
    failedAt: earlier[0]?.layer ?? null,
    recent: earlier.filter((old) => old.ageMs <= t.busy_ms).length,
    wasWell: earlier.some((old) => old.isGood),
  };
}

function summaryOf(
  old: ReachabilityRecord,
  t: Thresholds,
): { isGood: boolean; layer: Ending['layer'] | null; rtt_ms: number | null } {
  const { own } = split(old, namesOf(old, []), t);
  const isGood =
    own.well > 0 && own.failed === 0 && !old.stalls.some((stall) => stall.end === 'silence' || stall.end === 'rst');
  return { isGood, layer: own.failure?.layer ?? null, rtt_ms: isGood ? rttOf(own) : null };
}

/** The median handshake of the attempts that went well. */
export function rttOf(attempts: Attempts): number | null {
  const rtts = attempts.endings.flatMap((ending) => ending.rtt_ms ?? []);
  return rtts.length === 0 ? null : median(rtts);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
