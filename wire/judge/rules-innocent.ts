// Rows 8 and 9 and what else may be nobody's block: the pool is down or says no, the line loses packets, nobody confirms.
import { DEPTH } from './ending.ts';
import type { Facts } from './facts.ts';
import type { Finding, Rule } from './finding.ts';

/** Everybody gets the same alert, or this worker a ban in JSON: the pool itself speaks. */
function spoken({ fails, failure, controls }: Facts): Finding | null {
  if (!fails || failure === null) return null;
  if (failure.sign === 'ban')
    return {
      verdict: 'pool_refuses',
      layer: 'stratum',
      flags: ['ip_ban'],
      confidence: 0.8,
      evidence: ['The pool says in JSON that this address is banned.'],
    };
  const same = controls.fresh.filter((control) => control.layer === 'tls' && control.alert === failure.alert);
  if (failure.sign !== 'alert' || same.length === 0 || same.length < controls.fresh.length) return null;
  return {
    verdict: 'pool_refuses',
    layer: 'tls',
    method: 'alert',
    confidence: 0.8,
    evidence: [`Every control gets TLS alert ${failure.alert} too: the server's own rule.`],
  };
}

function poolDown({ fails, depth, controls, isSeenUp }: Facts): Finding | null {
  const failing = controls.failing(depth);
  if (!fails || isSeenUp || failing === 0 || failing < controls.fresh.length) return null;
  return {
    verdict: 'pool_down',
    confidence: failing > 1 ? 0.9 : 0.6,
    evidence: [`${failing} of ${controls.fresh.length} controls fail at the same step or before it.`],
  };
}

/** Silence on a lossy line is the line's. Answers (a reset, a page, a lie) are not made by loss. */
function localLoss({ fails, failure, line, names }: Facts): Finding | null {
  const signs: readonly string[] = ['timeout', 'unacked', 'acked', 'silent'];
  const isSilence = failure === null ? names.method === 'timeout' : signs.includes(failure.sign);
  if (!fails || !line.isLossy || !isSilence) return null;
  return {
    verdict: 'inconclusive',
    confidence: 0.4,
    evidence: ['The line itself loses packets: baseline sites time out or answer late, Russian ones too.'],
  };
}

function disagreeing({ fails, own, dnsFault, t }: Facts): Finding | null {
  if (!fails || dnsFault !== null || own.failed < t.agreeing_attempts) return null;
  if (own.agreeing >= t.agreeing_attempts) return null;
  return {
    verdict: 'degraded',
    confidence: 0.4,
    evidence: [`${own.failed} attempts failed at ${own.failed} different steps.`],
  };
}

/** Row 9. A proof of its own lets the later rows be asked; they say themselves whether it is theirs. */
function unconfirmed({ fails, controls, dnsFault, contrasts, failure }: Facts): Finding | null {
  const hasProof =
    dnsFault === 'race' ||
    contrasts.nameFlips !== null ||
    contrasts.diesAtCollector !== null ||
    (failure?.page?.location_host ?? null) !== null;
  if (!fails || controls.fresh.length > 0 || hasProof) return null;
  return {
    verdict: 'inconclusive',
    confidence: 0.3,
    evidence: ['It fails here, and nobody outside looked at the same time.'],
  };
}

/** Where a control got no further than this worker and another did, the pool may be ill, or one of them. */
function contradicted({ fails, controls, failure }: Facts): Finding | null {
  const depth = failure?.depth ?? DEPTH.dns;
  if (!fails || controls.failing(depth) < 2 || controls.passing(depth) === 0) return null;
  return {
    verdict: 'inconclusive',
    confidence: 0.3,
    evidence: [
      `Controls disagree: ${controls.passing(depth)} came past this step, ${controls.failing(depth)} did not.`,
    ],
  };
}

export const INNOCENT_RULES: readonly Rule[] = [
  { row: '12a', name: 'the pool says no', find: spoken },
  { row: '8', name: 'the pool is down', find: poolDown },
  { row: '8a', name: 'controls disagree', find: contradicted },
  { row: '8b', name: 'a lossy line', find: localLoss },
  { row: '6a', name: 'attempts disagree', find: disagreeing },
  { row: '9', name: 'nobody confirms', find: unconfirmed },
];
