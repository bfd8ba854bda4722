// The verdict on one target: a pure function of samples (facts/censorship.md section 3.3, first match wins). The worker calls it with
// what it has; the collector calls it again with everything.
import { factsOf, type Facts, type JudgeInput } from './judge/facts.ts';
import type { Finding } from './judge/finding.ts';
import { RULES } from './judge/rules.ts';
import { sentence, surroundings } from './judge/story.ts';
import { THRESHOLDS, type Thresholds } from './judge/thresholds.ts';
import type { Verdict } from './verdict.ts';

export type { JudgeInput };

const EVIDENCE_MAX = 20;

/** The verdict, never "blocked" without evidence: see docs/design/003-verdicts.md for what each promises. Never throws. */
export function judge(input: JudgeInput, thresholds: Thresholds = THRESHOLDS): Verdict {
  const facts = factsOf(input, thresholds);
  for (const rule of RULES) {
    const finding = rule.find(facts);
    const weighed = finding === null ? null : weigh(finding, facts);
    if (weighed !== null) return weighed;
  }
  throw new Error('the last rule matches everything');
}

/**
 * The finding as a verdict. A "blocked" needs a control that came past the layer, or a proof of its own, and dies where two
 * controls fail alike; other networks can only make it less sure. Null: it does not hold, so the next row is asked.
 */
function weigh(finding: Finding, facts: Facts): Verdict | null {
  const { controls, inside, contrasts, dnsFault, t } = facts;
  const isBlocked = finding.verdict.startsWith('blocked:');
  const past = finding.past ?? 0;
  const [passing, failing] = [controls.passing(past), controls.failing(past)];
  const proof = passing === 0 ? (finding.proof ?? null) : null;
  if (isBlocked && (failing > 1 || (passing === 0 && proof === null))) return null;
  const doubt = !isBlocked
    ? 0
    : (proof === null ? 0 : 0.1) +
      (failing > 0 ? 0.15 : 0) +
      (inside.alike.length >= t.inside_networks ? 0.15 : 0) +
      (inside.well.length >= t.inside_networks ? 0.1 : 0);
  const flags: Verdict['flags'] = [
    ...(finding.flags ?? []),
    ...(proof !== null && isBlocked ? (['self_proven'] as const) : []),
    ...(contrasts.hasResidue ? (['residual'] as const) : []),
    ...(dnsFault === null && facts.names.race === null && !facts.names.isBogon ? [] : (['dns_interference'] as const)),
  ];
  const evidence = [...finding.evidence, proof, ...surroundings(facts)].filter((line) => line !== null);
  return {
    verdict: finding.verdict,
    layer: finding.layer ?? null,
    method: finding.method ?? null,
    scope: finding.scope ?? null,
    flags,
    confidence: Math.round(Math.max(0.05, finding.confidence - doubt) * 100) / 100,
    evidence: evidence.slice(0, EVIDENCE_MAX).map(sentence),
  };
}
