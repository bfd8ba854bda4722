// The verdict on one target: a pure function of samples (facts/censorship.md section 3.3, first match wins). The worker calls it with
// what it has; the collector calls it again with everything.
import type { ControlSample, InsideControl } from './control.ts';
import type { ReachabilityRecord } from './reachability.ts';
import type { Verdict } from './verdict.ts';

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

/** The verdict, never "blocked" without evidence. Only the first rule's answer so far: all the rest is inconclusive. */
export function judge({ sample }: JudgeInput): Verdict {
  const isWell = sample.operation === null && sample.addresses.length > 0;
  return {
    verdict: isWell ? 'reachable' : 'inconclusive',
    layer: null,
    method: null,
    scope: null,
    flags: [],
    confidence: isWell ? 0.9 : 0.3,
    evidence: [],
  };
}
