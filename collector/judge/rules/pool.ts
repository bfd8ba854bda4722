// What the pool says.
import { gammaQuantile } from '../../../stratum/gamma.ts';
import type { MachineFacts } from '../machine-facts.ts';
import { duration, percent, verdict, type Rule } from './rule.ts';

/**
 * Pools' figures lag by minutes, and an API may be wrong for everybody. So: three answers in a row over this long, each of which credits
 * others of ours with work, while shares were accepted for longer than any lag before the first of them. An answer that does not tell
 * of when it is may be any old one, kept by a cache since before this worker began: it is no evidence. Nor is a list that misses half of
 * ours: it is cut off, or has other names for them.
 */
const ABSENT_FIGURES = 3;
const ABSENT_SPAN_MS = 2_700_000;
const LAG_MS = 1_800_000;
const AS_OF_MAX_AGE_MS = 1_800_000;
const FIGURE_FRESH_MS = 1_800_000;
/** Shares that the relay saw accepted before and during the answers, each. */
const SHARES_MIN = 20;
const ABSENT_SHARE_MAX = 0.5;

/** The relay saw shares accepted, and the pool knows of none: the relay runs on the host's machine. */
export const notAtPool: Rule = (facts) => {
  const { pool_figures: figures, shares, now_ms, peers } = facts;
  const [newest] = figures;
  if (peers.absent_share === null || peers.absent_share >= ABSENT_SHARE_MAX) return null;
  if (newest === undefined || now_ms - newest.at_ms > FIGURE_FRESH_MS) return null;
  const firstGood = figures.findIndex((figure) => !isAbsence(figure) || figure.api !== newest.api);
  const absent = firstGood === -1 ? figures : figures.slice(0, firstGood);
  const oldest = absent.at(-1);
  if (oldest === undefined || absent.length < ABSENT_FIGURES || newest.at_ms - oldest.at_ms < ABSENT_SPAN_MS)
    return null;
  // A list that never moves is an old one.
  if (newest.as_of_ms === oldest.as_of_ms) return null;
  const pools = new Set(shares.flatMap(({ at_ms, record }) => (at_ms >= oldest.at_ms - LAG_MS && record.accepted > 0 ? [record.pool] : []))); // prettier-ignore
  // It has moved between pools: the list may be another's.
  if (pools.size !== 1) return null;
  const accepted = (from_ms: number, until_ms: number): number =>
    shares.reduce((sum, { at_ms, record }) => sum + (at_ms > from_ms && at_ms <= until_ms ? record.accepted : 0), 0);
  const before = accepted(oldest.at_ms - LAG_MS, oldest.at_ms);
  const during = accepted(oldest.at_ms, newest.at_ms);
  if (before < SHARES_MIN || during < SHARES_MIN) return null;
  const lasted_ms = newest.at_ms - oldest.at_ms;
  return verdict('not_at_pool', oldest.at_ms, lasted_ms >= 2 * ABSENT_SPAN_MS ? 0.96 : 0.9, [
    `its relay saw ${before + during} shares accepted by ${[...pools][0] ?? 'the pool'}`,
    `${newest.api} ${newest.listed ? 'credits it with nothing' : 'does not list it'} in ${absent.length} answers over ${duration(lasted_ms)}, and credits ${newest.others} of your other workers`,
  ]);
};

/** Whether an answer, of its moment, knows nothing of the worker's work. */
export function isAbsence(figure: MachineFacts['pool_figures'][number]): boolean {
  const isFresh = figure.as_of_ms !== null && figure.at_ms - figure.as_of_ms <= AS_OF_MAX_AGE_MS;
  const isNothing = !figure.listed || figure.pool_hs === 0;
  const hasOldShare = figure.last_share_ms === null || figure.at_ms - figure.last_share_ms > LAG_MS;
  return isFresh && isNothing && hasOldShare && figure.others > 0;
}

const REJECTS_SPAN_MS = 3_600_000;
/** A lower bound of the rejected share from which it is told, and from which the order earns too little. */
const REJECTS_TOLD = 0.05;
const REJECTS_BAD = 0.2;
const TAIL = 0.0005;

/** Rejected and stale shares of the last hour. */
export const rejects: Rule = ({ shares, peers, now_ms }) => {
  const recent = shares.filter(({ at_ms }) => now_ms - at_ms <= REJECTS_SPAN_MS);
  const sum = { accepted: 0, rejected: 0, stale: 0 };
  for (const { record } of recent) {
    sum.accepted += record.accepted;
    sum.rejected += record.rejected;
    sum.stale += record.stale;
  }
  const bad = sum.rejected + sum.stale;
  const answered = bad + sum.accepted;
  const [first] = recent.filter(({ record }) => record.rejected + record.stale > 0);
  if (first === undefined || bad === 0) return null;
  // Garwood's lower bound of the bad ones; of a share of a whole it is on the safe side.
  const least = gammaQuantile(bad, 'lower', TAIL) / answered;
  if (least < REJECTS_TOLD) return null;
  const isCommon = peers.reject_share !== null && peers.reject_share >= bad / answered / 2;
  const evidence = [
    `${sum.rejected} rejected and ${sum.stale} stale of ${answered} answered shares in ${duration(REJECTS_SPAN_MS)}: ${percent(least)} at least`,
  ];
  if (isCommon) evidence.push(`your others at this pool have it too (${percent(peers.reject_share ?? 0)})`);
  const blame = isCommon || sum.stale > sum.rejected ? 'path' : 'host';
  return verdict('rejects', first.at_ms, isCommon ? 0.5 : least >= REJECTS_BAD ? 0.95 : 0.8, evidence, blame);
};
