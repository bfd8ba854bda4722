// Rows 4 to 7 and 16: the target answered at least once.
import { DEPTH } from './ending.ts';
import { rttOf, type Facts } from './facts.ts';
import type { Finding, Rule } from './finding.ts';

/** It worked, the connection died, and nothing connects since: a list that was filled from what a box had recognised. */
function listed({ own, stalls, line, t }: Facts): Finding | null {
  const lastWell = own.endings.findLastIndex((ending) => ending.layer === 'done');
  const since = own.endings.slice(lastWell + 1);
  const [first] = since;
  if (lastWell === -1 || stalls.early === null || first === undefined || since.length < t.agreeing_attempts)
    return null;
  const isAlike = since.every(({ layer, sign }) => layer === first.layer && sign === first.sign);
  if (!isAlike || line.up === 0 || line.isLossy || !(first.sign === 'timeout' || first.sign === 'unacked')) return null;
  const layer = first.layer === 'tls' || first.layer === 'stratum' ? first.layer : 'tcp';
  return {
    verdict: `blocked:${layer}`,
    layer,
    method: 'timeout',
    scope: 'endpoint',
    confidence: 0.7,
    past: DEPTH[layer],
    evidence: [
      `A connection worked and died after ${seconds(stalls.early.age_ms)}; ${since.length} new ones in a row failed after it.`,
    ],
  };
}

function frozen({ own, stalls: { freeze }, line, record }: Facts): Finding | null {
  if (own.well === 0 || freeze === null || line.up === 0 || line.isLossy) return null;
  // One silence where other attempts failed as well, or another connection carried more, is a lossy path: there one stalls by itself.
  const isOutlived = record.stalls.some(({ end, raw_bytes }) => end === 'alive' && raw_bytes > freeze.count);
  if (freeze.times === 1 && (!freeze.isUnacked || own.failed > 0 || isOutlived)) return null;
  const isRepeated = freeze.same === 'bytes' || freeze.same === 'packets';
  const unit = freeze.same === 'age' ? 'ms' : (freeze.same ?? 'bytes');
  return {
    verdict: 'blocked:throttled',
    layer: 'transfer',
    method: 'freeze',
    scope: 'endpoint',
    confidence: isRepeated ? 0.9 : 0.6,
    past: DEPTH.stratum,
    proof:
      isRepeated && freeze.isWithinSample && line.isRussiaUp ? 'The same count twice, with a Russian site well.' : null,
    evidence: [
      `A connection that worked stood still without an end at ${Math.round(freeze.count)} ${unit}, seen ${freeze.times} times.`,
    ],
  };
}

function slow({ own, stalls }: Facts): Finding | null {
  if (own.well === 0 || stalls.slow === null) return null;
  const { bits_per_s, baseline_bits_per_s } = stalls.slow;
  return {
    verdict: 'blocked:throttled',
    layer: 'transfer',
    method: 'slow',
    scope: 'endpoint',
    confidence: 0.8,
    past: DEPTH.stratum,
    evidence: [`${kbits(bits_per_s)} kbit/s here, ${kbits(baseline_bits_per_s)} kbit/s to the baseline.`],
  };
}

/** Another key than everybody else sees. A pool with several servers may have several, so one sighting is not enough. */
function intercepted({ foreignKey, own, dnsFault, controls }: Facts): Finding | null {
  if (foreignKey === null || dnsFault !== null) return null;
  const { isSameAddress, isNewHere, sightings, issuer, address } = foreignKey;
  const isSure = isNewHere || sightings > 1;
  if (own.well > 0 ? !isSure : !isSameAddress && !isNewHere) return null;
  if (!isSameAddress && !isNewHere) return null;
  return {
    verdict: 'blocked:tls',
    layer: 'tls',
    method: 'mitm',
    scope: 'endpoint',
    confidence: isSameAddress && own.well === 0 ? 0.9 : 0.8,
    past: DEPTH.tls,
    evidence: [
      `${address} shows a public key that no control${isNewHere ? ' and no earlier sample' : ''} has seen, issued by ${issuer ?? 'nobody named'}.`,
      `${controls.fresh.length} controls, ${sightings} sightings of other keys.`,
    ],
  };
}

function degraded(facts: Facts): Finding | null {
  const { own, stalls, past, t } = facts;
  if (own.well === 0) return null;
  const rtt_ms = rttOf(own);
  const usual_ms = past.usual_rtt_ms;
  const isLate =
    rtt_ms !== null &&
    usual_ms !== null &&
    rtt_ms > usual_ms * t.handshake_factor &&
    rtt_ms > usual_ms + t.handshake_excess_ms;
  const lost = lostPackets(facts);
  const isTornApart = own.failed > 0;
  const died = stalls.early ?? stalls.idleKill;
  // A freeze or a plateau comes here where nothing outside confirmed it.
  const isHeld = stalls.freeze !== null || stalls.slow !== null;
  if (!isLate && lost < t.lost_packets && !isTornApart && died === null && !isHeld) return null;
  return {
    verdict: 'degraded',
    layer: died === null && !isHeld ? null : 'transfer',
    confidence: own.failed * 3 > own.endings.length ? 0.4 : 0.6,
    evidence: [
      isTornApart ? `Attempts disagree: ${own.well} went well, ${own.failed} did not.` : null,
      isLate ? `The TCP handshake took ${Math.round(rtt_ms)} ms, usually ${Math.round(usual_ms)} ms.` : null,
      lost >= t.lost_packets ? `At least ${lost} packets were sent again.` : null,
      isHeld ? 'Transfers stood still or crawled; nobody outside confirms that it is the path.' : null,
      died === null
        ? null
        : `A connection died after ${seconds(died.age_ms)}, of which it was idle ${seconds(died.idle_ms ?? 0)} (${died.end}); new ones work.`,
    ],
  };
}

/** Packets that were surely sent again: SYNs by the handshake's time, later ones by the kernel's own count. */
function lostPackets({ record, own, t }: Facts): number {
  const quickest = Math.min(...own.all.flatMap((ending) => ending.rtt_ms ?? []));
  return record.addresses.reduce((sum, { tcp, tls, stratum }) => {
    const isSynLost = tcp?.failure === null && (tcp.ms ?? 0) >= t.syn_lost_ms && (tcp.ms ?? 0) > 2 * quickest;
    return sum + (isSynLost ? 1 : 0) + (tls?.retransmits ?? 0) + (stratum?.retransmits ?? 0);
  }, 0);
}

function reachable({ own, controls, past }: Facts): Finding | null {
  if (own.well === 0) return null;
  const isAnswered = own.endings.some((ending) => ending.sign === 'ok');
  const isLogin = own.endings.some((ending) => ending.auth_error);
  const isControlBroken = controls.fresh.length > 0 && controls.failing(DEPTH.stratum) === controls.fresh.length;
  const isStable = isAnswered && past.isStable;
  return {
    verdict: isStable ? 'reachable_stable' : 'reachable',
    confidence: !isAnswered ? 0.6 : isStable ? 0.95 : 0.9,
    flags: [...(isControlBroken ? (['control_broken'] as const) : []), ...(isLogin ? (['auth_error'] as const) : [])],
    evidence: [
      isAnswered ? null : 'It connects; no first request was tried.',
      isLogin ? 'The answer is an error about the login: the path is fine.' : null,
      isStable ? 'It was well 15 minutes and longer before, and not bad since.' : null,
    ],
  };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
const kbits = (bits: number): string => (bits / 1000).toFixed(0);

export const WORKING_RULES: readonly Rule[] = [
  { row: '4a', name: 'listed after it was recognised', find: listed },
  { row: '4', name: 'freeze', find: frozen },
  { row: '5', name: 'slow', find: slow },
  { row: '16', name: 'man in the middle', find: intercepted },
  { row: '6', name: 'degraded', find: degraded },
  { row: '7', name: 'reachable', find: reachable },
];
