// Rows 1 to 3: the worker's own line. A target that answers proves the line, whatever the baseline says.
import type { Finding, Rule } from './finding.ts';
import type { Facts } from './facts.ts';

const offline = (confidence: number, evidence: string[], flags: Finding['flags'] = []): Finding => ({
  verdict: 'worker_offline',
  confidence,
  flags,
  evidence,
});

/** The system's resolver is dead for every name, while other resolvers or addresses may well work. */
function deadResolver(facts: Facts): Finding | null {
  const { names, line, others } = facts;
  // A filter on all of UDP/53 looks the same; it leaves other ways to the name, which row 10 judges.
  const isFiltered = names.isUdpSilent && others.well > 0;
  if (!names.hasFailed || !line.isResolverDead || isFiltered) return null;
  return offline(0.8, ['The resolver does not answer for an innocent name either.']);
}

function allowList({ fails, line, depth, failure }: Facts): Finding | null {
  if (!fails || !line.isAllowListed) return null;
  return {
    verdict: 'blocked:tcp',
    layer: 'tcp',
    method: failure?.sign === 'rst' || failure?.sign === 'icmp' ? failure.sign : 'timeout',
    scope: 'all_foreign',
    flags: ['allow_list'],
    confidence: 0.8,
    past: depth,
    evidence: ['Only sites of the allow-list answer: no other Russian site, no foreign one.'],
  };
}

export const LINE_RULES: readonly Rule[] = [
  {
    row: '1',
    name: 'the line is dead',
    find: ({ line, isSeenUp }) =>
      line.isDead && !isSeenUp ? offline(0.95, [`None of ${line.sites} baseline sites answers.`]) : null,
  },
  { row: '1b', name: 'the resolver is dead', find: deadResolver },
  {
    row: '2',
    name: 'captive portal',
    find: ({ line, isSeenUp }) =>
      line.captive === null || isSeenUp
        ? null
        : offline(
            0.9,
            [
              `A known page was answered by status ${line.captive.status}, to ${line.captive.location_host ?? 'no host'}.`,
            ],
            ['captive_portal'],
          ),
  },
  { row: '3', name: 'allow-list mode', find: allowList },
];
