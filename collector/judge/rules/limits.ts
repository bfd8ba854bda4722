// What holds GPUs back.
import type { GpuSample } from '../../../wire/records.ts';
import type { MachineFacts } from '../machine-facts.ts';
import { duration, percent, verdict, type Rule } from './rule.ts';

/** Overclocks are set when the order begins; a while passes until they are in force. */
const LIMIT_AFTER_MS = 600_000;
/** Drivers round, and boards have steps. */
const LIMIT_SLACK_W = 5;
const LIMIT_SLACK = 0.04;

const THROTTLE_SPAN_MS = 1_800_000;
const THROTTLE_SAMPLES_MIN = 20;
/** Of the samples of half an hour. */
const THROTTLE_SHARE = 0.5;

type Reason = NonNullable<GpuSample['throttle']>[number];
const THERMAL: readonly Reason[] = ['hw_thermal_slowdown', 'sw_thermal_slowdown'];
/** `sw_power_cap` is what a power limit looks like when it works, and no fault. */
const POWER_ALONE: readonly Reason[] = ['hw_power_brake_slowdown'];
const POWER: readonly Reason[] = [...POWER_ALONE, 'hw_slowdown'];

/** Another limit in force than the order asked for, for ten minutes. */
export const powerLimitOther: Rule = ({ order, gpu, now_ms }) => {
  const ordered = order?.power_limits_w ?? [];
  const newest = gpu.at(-1);
  if (newest === undefined || ordered.length === 0 || now_ms - newest.at_ms > LIMIT_AFTER_MS) return null;
  const isOther = (sample: GpuSample): boolean => differs(sample.power_limit_w, ordered[sample.index]);
  const wrong = newest.record.gpus.filter(isOther);
  if (wrong.length === 0) return null;
  const right = gpu.findLast(({ record }) => !record.gpus.some(isOther));
  const since_ms = gpu.find(({ at_ms }) => at_ms > (right?.at_ms ?? -Infinity))?.at_ms ?? newest.at_ms;
  if (newest.at_ms - since_ms < LIMIT_AFTER_MS) return null;
  const told = wrong.map(({ index, power_limit_w }) => `GPU ${index}: ${power_limit_w} W, ordered ${ordered[index]} W`);
  return verdict('power_limit_other', since_ms, 0.9, told);
};

function differs(limit_w: number | null, ordered_w: number | undefined): boolean {
  if (limit_w === null || ordered_w === undefined || ordered_w === 0) return false;
  return Math.abs(limit_w - ordered_w) > Math.max(LIMIT_SLACK_W, LIMIT_SLACK * ordered_w);
}

/** Heat, the power brake, or a narrow link, most of the last half hour while it hashes. */
export const throttled: Rule = (facts) => {
  const records = hashingSamples(facts);
  const first = records[0];
  if (first === undefined || records.length < THROTTLE_SAMPLES_MIN) return null;
  const indexes = new Set(records.flatMap(({ record }) => record.gpus.map(({ index }) => index)));
  const evidence: string[] = [];
  let confidence = 0;
  for (const index of indexes) {
    const samples = records.flatMap(({ record }) => record.gpus.filter((sample) => sample.index === index));
    const share = (has: (sample: GpuSample) => boolean): number => samples.filter(has).length / records.length;
    const by = (reasons: readonly Reason[]) => share(({ throttle }) => throttle?.some((one) => reasons.includes(one)) ?? false); // prettier-ignore
    const thermal = by(THERMAL);
    // hw_slowdown stands beside the thermal reason too.
    const power = by(thermal > 0 ? POWER_ALONE : POWER);
    const narrow = share(({ pcie_width, pcie_width_max }) => pcie_width === 1 && (pcie_width_max ?? 0) >= 8);
    const newest = samples.at(-1);
    if (thermal >= THROTTLE_SHARE) evidence.push(`GPU ${index}: thermal, ${percent(thermal)} of the time, ${newest?.temperature_c ?? '?'} °C now`); // prettier-ignore
    if (power >= THROTTLE_SHARE) evidence.push(`GPU ${index}: power, ${percent(power)} of the time: the supply asks it to draw less`); // prettier-ignore
    if (thermal >= THROTTLE_SHARE || power >= THROTTLE_SHARE) confidence = 0.9;
    if (narrow < THROTTLE_SHARE) continue;
    // A riser: DAGs take longer to build, hashing hardly suffers. Told, and no reason to do anything.
    evidence.push(`GPU ${index}: PCIe x1 of x${newest?.pcie_width_max ?? '?'}`);
    confidence = Math.max(confidence, 0.2);
  }
  if (evidence.length === 0) return null;
  return verdict('throttled', first.at_ms, confidence, [...evidence, `over ${duration(facts.now_ms - first.at_ms)}`]);
};

function hashingSamples({ gpu, hashrate, now_ms }: MachineFacts): MachineFacts['gpu'] {
  const idle = hashrate.filter(({ record }) => record.state !== 'hashing').map(({ at_ms }) => at_ms);
  const isIdle = (at_ms: number): boolean => idle.some((other) => Math.abs(other - at_ms) <= 10_000);
  return gpu.filter(({ at_ms }) => now_ms - at_ms <= THROTTLE_SPAN_MS && !isIdle(at_ms));
}
