import { DETAIL_MAX_CHARS } from '../../../wire/limits.ts';
import type { MachineVerdict } from '../../../wire/machine.ts';
import type { MachineVerdictName } from '../../../wire/machine-names.ts';
import type { MachineFacts } from '../machine-facts.ts';

/** One verdict, or null where the facts do not say it. Pure: the moment is in the facts. */
export type Rule = (facts: MachineFacts) => MachineVerdict | null;

/** A verdict; the host's doing unless `blame` says otherwise. */
export function verdict(
  name: MachineVerdictName,
  since_ms: number,
  confidence: number,
  evidence: readonly string[],
  blame: MachineVerdict['blame'] = 'host',
): MachineVerdict {
  return {
    verdict: name,
    blame,
    since_ms: Math.max(0, Math.round(since_ms)),
    confidence,
    evidence: evidence.slice(0, 20).map((line) => line.slice(0, DETAIL_MAX_CHARS)),
  };
}

/** `12 min`, `3.5 h`. */
export function duration(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** `31.3 MH/s`, with the unit that fits. */
export function hashrate(rate_hs: number): string {
  const [unit, factor] = UNITS.find(([, least]) => rate_hs >= least) ?? ['H/s', 1];
  return `${Number((rate_hs / factor).toPrecision(3))} ${unit}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['TH/s', 1e12],
  ['GH/s', 1e9],
  ['MH/s', 1e6],
  ['kH/s', 1e3],
];

/** `62 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
