// Lies about the pool's name (facts/censorship.md section 1, rows 1 to 6).
import { ISP_RESOLVER, POOL, SINKHOLE } from './places.ts';
import { askedPool } from './proofs.ts';
import type { BoxRule, Do } from '../box/box-rules.ts';
import type { Technique, Vary } from './techniques.ts';

type Answer = Extract<Do, { dns: object }>['dns']['answer'];

const WHY = 'another way to the name (TCP, DoH, the collector) gives addresses that work: rows 10 and 11';
const lie: Pick<Technique, 'target' | 'allowed' | 'why'> = { target: 'plain', allowed: ['blocked:dns'], why: WHY };

/** At the line's own resolver, at every resolver, or with TCP to resolvers cut as well. */
function lying(vary: Vary, answer: Answer, race = false): { rules: BoxRule[]; delay_ms: number } {
  const depth = vary.pick('every', 'line', 'tcp too');
  const names = [POOL.host];
  const hosts = depth === 'line' ? { hosts: [ISP_RESOLVER] } : {};
  const rules: BoxRule[] = [
    { when: { proto: 'udp', ports: [53], ...hosts }, do: { dns: { names, answer, race, truth_after_s: 0.05 } } },
  ];
  if (depth === 'tcp too') {
    rules.push({ when: { proto: 'tcp', ports: [53], dns_names: names }, do: { kill: vary.pick('rst', 'drop') } });
  }
  return { rules, delay_ms: vary.between(5, 40) };
}

export const dnsLies: Technique[] = [
  {
    ...{ name: 'dns_nxdomain', ...lie, setup: (vary) => lying(vary, 'nxdomain') },
    proof: askedPool(([first]) => first?.rcode === 3),
  },
  {
    ...{ name: 'dns_bogon', ...lie },
    setup: (vary) => lying(vary, [vary.pick('10.10.10.10', '127.0.0.1', '192.168.7.7', '100.64.3.3')]),
    proof: askedPool(([first]) => first?.addresses[0] === '10.10.10.10'),
  },
  {
    ...{ name: 'dns_wrong_address', ...lie, setup: (vary) => lying(vary, [SINKHOLE]) },
    proof: askedPool(([first]) => first?.addresses[0] === SINKHOLE),
  },
  {
    ...{ name: 'dns_drop', ...lie, setup: (vary) => lying(vary, 'drop') },
    proof: askedPool((answers) => answers.length === 0),
  },
  {
    ...{ name: 'dns_refuse', ...lie, setup: (vary) => lying(vary, vary.pick('refused', 'servfail')) },
    proof: askedPool(([first]) => first?.rcode === 5),
  },
  {
    ...{ name: 'dns_race', ...lie, setup: (vary) => lying(vary, [vary.pick('10.10.10.10', SINKHOLE)], true) },
    proof: askedPool(
      ([first, second]) => first?.addresses[0] === '10.10.10.10' && second?.addresses[0] === POOL.address,
    ),
  },
];
