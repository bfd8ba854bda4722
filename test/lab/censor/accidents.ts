// What looks like a censor and is none, and a world in which all is well.
import { ISP_RESOLVER, KNOWN_PAGE, POOL, PORTAL, SITES } from './places.ts';
import { securely, subscribed, talked } from './proofs.ts';
import type { BoxRule, When } from '../box/box-rules.ts';
import type { Technique } from './techniques.ts';

const innocent = { innocent: true, target: 'plain' } as const;

export const accidents: Technique[] = [
  {
    ...{ name: 'pool_down', ...innocent, allowed: ['pool_down'] },
    why: 'the control cannot reach it either: row 8',
    setup: (vary) => ({
      rules: [],
      delay_ms: vary.between(5, 40),
      pool: vary.pick<{ gone?: boolean; down?: boolean }>({ gone: true }, { down: true }),
    }),
    proof: subscribed(1500, (t) => t.connected_ms === null),
  },
  {
    ...{ name: 'pool_ban', ...innocent, allowed: ['pool_refuses', 'inconclusive'] },
    why: 'accepts and closes, for this worker only: row 12 or 13, and row 20 where no other network was heard',
    setup: (vary) => ({
      rules: [],
      delay_ms: vary.between(5, 40),
      pool: { to_worker: vary.pick('ban', 'ban_json', 'hang_up', 'ban_rst') },
    }),
    proof: {
      ops: [{ op: 'talk', host: POOL.address, port: POOL.port, for_ms: 1500 }],
      struck: ([result]) => talked(result).connected_ms !== null && talked(result).end === 'FIN',
    },
  },
  {
    ...{ name: 'silent_pool', ...innocent, allowed: ['pool_refuses', 'inconclusive', 'pool_down'] },
    why: 'it acknowledges and says nothing: row 19, or row 8 where the control hears nothing either',
    setup: (vary) => ({
      rules: [],
      delay_ms: vary.between(5, 40),
      pool: { to_worker: 'silent', to_others: vary.pick('well', 'silent') },
    }),
    proof: subscribed(1500, (t) => t.connected_ms !== null && t.end === null && t.bytes === 0),
  },
  {
    ...{ name: 'pmtu_hole', ...innocent, target: 'tls', allowed: ['inconclusive', 'degraded', 'pool_refuses'] },
    why: 'large packets vanish: a hello is acknowledged, and no name or version changes anything (section 3.4, trap 2)',
    setup(vary) {
      const ways = vary.pick<Pick<When, 'way'>>({}, { way: 'down' });
      const when = { hosts: [POOL.address], longer_than: Math.round(vary.between(1200, 1400)), ...ways };
      return { rules: [{ when, do: { drop: true } }], delay_ms: vary.between(5, 40) };
    },
    proof: securely((named, nameless) => [named, nameless].every((t) => t.connected_ms !== null && !t.secure)),
  },
  {
    ...{ name: 'local_loss', ...innocent, allowed: ['degraded', 'inconclusive', 'reachable', 'worker_offline'] },
    why: 'the line loses packets of every target alike: row 6, or row 1 where nothing gets through',
    setup: (vary) => ({
      rules: [{ do: { loss: vary.between(0.3, 0.45) } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ op: 'talk', host: KNOWN_PAGE.address, port: 80, for_ms: 700, times: 20 }],
      struck([result]) {
        const connected = (Array.isArray(result) ? result : []).filter((t) => t.connected_ms !== null).length;
        return connected >= 1 && connected <= 17;
      },
    },
  },
  {
    ...{ name: 'captive_portal', ...innocent, allowed: ['worker_offline'] },
    why: 'a login page stands in the way of everything: row 2',
    setup: (vary) => ({
      rules: [
        { when: { proto: 'tcp', ports: [80] }, do: { redirect: { host: PORTAL.address } } },
        { when: { proto: 'tcp', ports: [443] }, do: { redirect: { host: PORTAL.address } } },
        { when: { proto: 'tcp' }, do: vary.pick<{ kill: 'rst' } | { drop: true }>({ kill: 'rst' }, { drop: true }) },
      ],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ op: 'talk', host: KNOWN_PAGE.address, port: 80, send: 'GET / HTTP/1.0\r\n\r\n', for_ms: 800 }],
      struck: ([result]) => talked(result).text.includes(PORTAL.host),
    },
  },
  {
    ...{ name: 'worker_offline', ...innocent, allowed: ['worker_offline'] },
    why: 'nothing answers, not at home either: row 1',
    setup: (vary) => ({
      rules: [
        vary.pick<BoxRule>(
          { do: { drop: true } },
          { do: { icmp: 'net' } },
          { when: { not_hosts: [ISP_RESOLVER] }, do: { drop: true } },
        ),
      ],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ op: 'talk', host: SITES.ru_ordinary[0].address, port: 80, for_ms: 800 }],
      struck: ([result]) => talked(result).connected_ms === null,
    },
  },
  {
    ...{ name: 'clean', target: 'plain', allowed: ['reachable'], why: 'all is well: row 7' },
    setup: (vary) => ({ rules: [], delay_ms: vary.between(5, 80) }),
    proof: null,
  },
  {
    ...{ name: 'clean_tls', target: 'tls', allowed: ['reachable'], why: 'all is well: row 7' },
    setup: (vary) => ({
      rules: [],
      delay_ms: vary.between(5, 80),
      pool: { tls_max: vary.pick('TLSv1.3', 'TLSv1.2') },
    }),
    proof: null,
  },
];
