// How fast it is: by its own word, and by what its shares prove.
import type { MachineVerdict } from '../../../wire/machine.ts';
import type { MachineVerdictName } from '../../../wire/machine-names.ts';
import { devFee } from '../dev-fees.ts';
import { rateOf, stepsAt, stepsOfClaims, type ExposureWindow } from '../exposure.ts';
import type { MachineFacts } from '../machine-facts.ts';
import { sequentialTest, type SequentialResult, type SequentialSettings, type ShareStep } from '../sequential-test.ts'; // prettier-ignore
import { duration, hashrate, percent, verdict, type Rule } from './rule.ts';

/** After a start a miner's averages mean nothing yet. */
const START_GRACE_S = 180;
/**
 * KawPow's rate swings by ±10 % with the block height, for some minutes each (facts/miners.md section 5), and a claim is of a moment. Over
 * half an hour the swings are averaged out; a claim far below needs less time ("< 60 % over 10 min after the DAG").
 */
const CLAIM_SPANS = [
  { span_ms: 1_800_000, below: 0.9 },
  { span_ms: 600_000, below: 0.6 },
] as const;
/** Of a span that must have been seen, and reports in it. */
const CLAIM_SEEN = 0.85;
const CLAIMS_MIN = 8;
/** What a miner shows is an average of its own, off by some percent. */
const CLAIM_SLACK = 0.05;
/** Odds from which "perhaps" is told, with this confidence; it is sure at 1/α. */
const SUSPICION = 10;
const SUSPECTED = 0.8;

/** Its own miner says less than can be expected. */
export const slowClaimed: Rule = (facts) => {
  const { expectation, now_ms } = facts;
  if (expectation === null) return null;
  const claims = facts.hashrate.flatMap(({ at_ms, record }) => {
    const { state, claimed_hs, miner_uptime_s } = record;
    const isFair = state === 'hashing' && (miner_uptime_s === null || miner_uptime_s >= START_GRACE_S);
    return isFair && claimed_hs !== null ? [{ at_ms, claimed_hs }] : [];
  });
  for (const { span_ms, below } of CLAIM_SPANS) {
    const recent = claims.filter(({ at_ms }) => now_ms - at_ms <= span_ms);
    const [first] = recent;
    if (first === undefined || recent.length < CLAIMS_MIN || now_ms - first.at_ms < CLAIM_SEEN * span_ms) continue;
    const mean_hs = recent.reduce((sum, { claimed_hs }) => sum + claimed_hs, 0) / recent.length;
    if (mean_hs >= below * expectation.low_hs) continue;
    const well = claims.findLast(({ claimed_hs }) => claimed_hs >= expectation.low_hs);
    const since_ms = claims.find(({ at_ms }) => at_ms > (well?.at_ms ?? -Infinity))?.at_ms ?? first.at_ms;
    return verdict('slow_claimed', Math.min(since_ms, first.at_ms), 0.95, [
      `its miner shows ${hashrate(mean_hs)} on average over ${duration(span_ms)}, ${percent(mean_hs / expectation.low_hs)} of the low end ${hashrate(expectation.low_hs)}`,
      expectation.says,
    ]);
  }
  return null;
};

/** Its shares prove less than can be expected. */
export function slowDelivered(settings: SequentialSettings): Rule {
  return (facts) => {
    const { expectation } = facts;
    if (expectation === null) return null;
    const { miner, algo, fee } = feeOf(facts);
    const due_hs = expectation.low_hs * (1 - fee);
    const { windows } = facts.exposure;
    const found = ofTest('slow_delivered', windows, stepsAt(windows, due_hs), settings);
    found?.evidence.push(
      `the low end of what can be expected is ${hashrate(expectation.low_hs)}, less ${percent(fee)} dev fee of ${miner} on ${algo}`,
      expectation.says,
      excused(facts),
    );
    return found;
  };
}

/** Its miner claims more than its shares prove. */
export function claimsTooMuch(settings: SequentialSettings): Rule {
  return (facts) => {
    const { miner, algo, fee } = feeOf(facts);
    const { windows } = facts.exposure;
    const found = ofTest('claims_too_much', windows, stepsOfClaims(windows, (1 - fee) * (1 - CLAIM_SLACK)), settings);
    if (found === null) return null;
    const claiming = windows.filter(({ claimed_hs }) => claimed_hs !== null);
    const per_hs = claiming.reduce((sum, { shares_per_hs }) => sum + shares_per_hs, 0);
    const claimed = claiming.reduce((sum, w) => sum + (w.claimed_hs ?? 0) * w.shares_per_hs, 0) / per_hs;
    found.evidence.push(
      `it claimed ${hashrate(claimed)} on average over that time; ${percent(fee)} of it is the dev fee of ${miner} on ${algo}, ${percent(CLAIM_SLACK)} is allowed for its averages`,
    );
    return found;
  };
}

/** Whether a machine has shown that it delivers what can be expected; null where that is not known. */
export function isProven(facts: MachineFacts, settings: SequentialSettings): boolean | null {
  if (facts.expectation === null) return null;
  const due_hs = facts.expectation.low_hs * (1 - feeOf(facts).fee);
  return sequentialTest(stepsAt(facts.exposure.windows, due_hs), settings).proven_ms !== null;
}

function ofTest(
  name: MachineVerdictName,
  windows: readonly ExposureWindow[],
  steps: readonly ShareStep[],
  settings: SequentialSettings,
): MachineVerdict | null {
  const test = sequentialTest(steps, settings);
  const isAlarm = test.slow_since_ms !== null;
  if (!isAlarm && test.likelihood < SUSPICION) return null;
  const evidence = [inWords(test, windows)];
  if (!isAlarm)
    evidence.push(
      `not sure yet: the odds are ${test.likelihood.toFixed(0)} to 1 of ${(1 / settings.alpha).toFixed(0)}`,
    );
  const since_ms = test.slow_since_ms ?? windows[0]?.at_ms ?? 0;
  return verdict(name, since_ms, isAlarm ? 1 - settings.alpha : SUSPECTED, evidence);
}

function inWords(test: SequentialResult, windows: readonly ExposureWindow[]): string {
  const rate = rateOf(windows);
  const counted_ms = windows.reduce((sum, { exposure_ms }) => sum + exposure_ms, 0);
  const interval = rate.low_hs === null || rate.high_hs === null ? '' : ` (${hashrate(rate.low_hs)} to ${hashrate(rate.high_hs)}, 99.9 %)`; // prettier-ignore
  const proven =
    rate.rate_hs === null ? 'nothing can be said of its rate' : `its shares prove ${hashrate(rate.rate_hs)}`;
  return (
    `${test.found} shares found where ${test.expected.toFixed(0)} were to be expected at least, in ${duration(counted_ms)} that count: ` +
    `${proven}${interval}`
  );
}

function excused({ exposure }: MachineFacts): string {
  const parts = Object.entries(exposure.excused_ms).filter(([, ms]) => ms > 0);
  if (parts.length === 0) return 'no time was left out';
  return `left out: ${parts.map(([why, ms]) => `${duration(ms)} ${why.replaceAll('_', ' ')}`).join(', ')}`;
}

function feeOf(facts: MachineFacts): { miner: string; algo: string; fee: number } {
  const { miner = null, algo = null } = facts.hashrate.at(-1)?.record ?? {};
  return { miner: miner ?? 'an unknown miner', algo: algo ?? 'an unknown algorithm', fee: devFee(miner, algo) };
}
