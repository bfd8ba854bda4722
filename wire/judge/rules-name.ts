// Rows 10 and 11: the name.
import { DEPTH } from './ending.ts';
import type { Facts } from './facts.ts';
import type { Finding, Rule } from './finding.ts';
import { list, tell } from './story.ts';

const blocked = ({ dnsFault, names }: Facts): Pick<Finding, 'verdict' | 'layer' | 'method' | 'scope'> => ({
  verdict: 'blocked:dns',
  layer: 'dns',
  method: dnsFault === 'failed' ? names.method : 'lie',
  scope: 'host',
});

/** Row 10: by another way to the name it works. */
function lied(facts: Facts): Finding | null {
  const { dnsFault, others, names, controls, line } = facts;
  const isProven = dnsFault === 'race';
  // One question that got no answer, on a line that loses packets, is no lie: nothing repeats it.
  const isSilence = dnsFault === 'failed' && names.method === 'timeout';
  if (isSilence && (line.isNearHurt || others.failed > 0)) return null;
  if (dnsFault === null || others.well === 0 || (controls.addresses.length === 0 && !isProven)) return null;
  const way = others.endings.find((ending) => ending.layer === 'done');
  return {
    ...blocked(facts),
    confidence: isProven ? 0.97 : confidenceOf(facts),
    past: DEPTH.dns,
    proof: isProven ? 'Two different answers to one query.' : null,
    evidence: [
      way === undefined ? null : `By an address that the system's resolver did not give it works: ${tell(way)}`,
      dnsFault === 'wrong'
        ? `The system's resolver gave ${list(names.system)}, which do not answer as the pool.`
        : null,
      controls.addresses.length === 0 ? null : `Controls resolve the name to ${list(controls.addresses)}.`,
      line.isResolverDead
        ? 'No resolver answers by UDP, for innocent names neither: all of port 53 may be filtered.'
        : null,
    ],
  };
}

function confidenceOf({ dnsFault, names, line }: Facts): number {
  if (dnsFault === 'wrong') return names.honest.length > 0 ? 0.9 : 0.7;
  if (line.isResolverDead) return 0.6;
  return names.method === 'timeout' && line.baseline?.resolver_ok !== true ? 0.7 : 0.9;
}

/** Row 11: the name is spoilt and the true addresses fail too. */
function liedAndMore(facts: Facts): Finding | null {
  const { dnsFault, others, failure, controls } = facts;
  if (dnsFault === null || failure === null || others.well > 0) return null;
  const isProven = dnsFault === 'race';
  if (controls.addresses.length === 0 && !isProven) return null;
  return {
    ...blocked(facts),
    confidence: dnsFault === 'wrong' ? 0.7 : 0.8,
    past: isProven && controls.fresh.length === 0 ? DEPTH.dns : failure.depth,
    proof: isProven ? 'Two different answers to one query.' : null,
    evidence: [
      `Addresses from elsewhere fail too: ${tell(failure)}`,
      `Controls resolve the name to ${list(controls.addresses)}.`,
    ],
  };
}

/** The name fails here, and no other address of it was tried. */
function unresolved(facts: Facts): Finding | null {
  const { dnsFault, names, failure, controls, line } = facts;
  if (dnsFault === null || failure !== null || facts.others.well > 0) return null;
  if (names.deniedBy !== null)
    return {
      verdict: 'pool_refuses',
      layer: 'dns',
      confidence: 0.5,
      evidence: [
        `DoH by ${names.deniedBy.resolver} does not know the name either: its own servers give nothing to here.`,
      ],
    };
  if (controls.addresses.length === 0 || line.baseline?.resolver_ok !== true) return null;
  return {
    ...blocked(facts),
    confidence: names.method === 'lie' ? 0.7 : 0.6,
    past: DEPTH.dns,
    evidence: [
      `Controls resolve the name to ${list(controls.addresses)}; none of these was tried here.`,
      'The same resolver answers for an innocent name.',
    ],
  };
}

/** With the name at fault, what its false addresses do says nothing more. */
const undecided = ({ dnsFault, names, fails }: Facts): Finding | null =>
  fails && (dnsFault !== null || names.hasFailed)
    ? {
        verdict: 'inconclusive',
        layer: 'dns',
        confidence: 0.3,
        evidence: ['The name fails here; that alone proves nothing.'],
      }
    : null;

export const NAME_RULES: readonly Rule[] = [
  { row: '10', name: 'the resolver lies', find: lied },
  { row: '11', name: 'the resolver lies and the address fails', find: liedAndMore },
  { row: '11a', name: 'the name is not resolved', find: unresolved },
  { row: '20', name: 'the name, undecided', find: undecided },
];
