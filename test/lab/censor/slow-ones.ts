// What works at first: throttling, freezes, and sessions that are killed later (facts/censorship.md section 1, rows 16, 17, 20, 21).
import { HOME, KNOWN_PAGE, POOL } from './places.ts';
import { subscribed, SUBSCRIBE, talked } from './proofs.ts';
import type { Technique } from './techniques.ts';

const abroad = { proto: 'tcp', not_hosts: HOME } as const;
const pull = (bytes: number): string => `GET /bytes/${bytes} HTTP/1.0\r\n\r\n`;
const site = { op: 'talk', host: KNOWN_PAGE.address, port: 80 } as const;
const LIST_TIME_S = 900;

export const slowOnes: Technique[] = [
  {
    ...{ name: 'throttle', target: 'collector', allowed: ['blocked:throttled', 'degraded'] },
    why: 'a plateau of at most 256 kbit/s to the collector, ten times below the rate at home: row 5, or 6 where nobody outside confirms it',
    setup: (vary) => ({
      rules: [{ when: abroad, do: { slow: Math.round(vary.between(10_000, 16_000)) } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ ...site, send: pull(65_536), for_ms: 2500 }],
      struck([result]) {
        const t = talked(result);
        return t.bytes > 5000 && t.bytes < 40_000;
      },
    },
  },
  {
    ...{ name: 'loss_40_to_the_pool', target: 'plain', allowed: ['degraded', 'inconclusive', 'reachable'] },
    why: 'every try is slow or fails another way: row 6; a lucky run may see nothing, an unlucky one never agrees with itself',
    setup: (vary) => ({
      rules: [{ when: { hosts: [POOL.address] }, do: { loss: 0.4 } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ op: 'talk', host: POOL.address, port: POOL.port, for_ms: 700, times: 20 }],
      struck([result]) {
        const connected = (Array.isArray(result) ? result : []).filter((t) => t.connected_ms !== null).length;
        return connected >= 1 && connected <= 17;
      },
    },
  },
  {
    ...{ name: 'freeze_bytes', target: 'plain', allowed: ['blocked:throttled'] },
    why: 'silence at the same count of bytes, twice: row 4',
    setup: (vary) => ({
      rules: [{ when: abroad, do: { freeze: { bytes: Math.round(vary.between(14_000, 20_000)), way: 'down' } } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [{ ...site, send: pull(65_536), for_ms: 1500 }],
      struck([result]) {
        const t = talked(result);
        return t.bytes > 10_000 && t.bytes < 20_000 && t.end === null;
      },
    },
  },
  {
    ...{ name: 'freeze_packets', target: 'plain', allowed: ['blocked:throttled'] },
    why: 'silence after the same count of packets, on the pool and on the collector: row 4',
    setup: (vary) => ({
      rules: [{ when: abroad, do: { freeze: { packets: Math.round(vary.between(20, 30)) } } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: subscribed(12_000, (t) => t.bytes > 1000 && (t.last_byte_ms ?? 0) < 10_000 && t.end === null),
  },
  {
    ...{ name: 'idle_kill', target: 'plain', allowed: ['degraded', 'reachable'], watch_s: 120 },
    why: 'a session dies of a quiet minute, as at many home routers; new ones work: row 6, or 7 where the end looks like the pool’s own',
    setup: (vary) => ({
      rules: [{ when: abroad, do: { idle: { after_s: 30 * vary.scale, end: vary.pick('rst', 'drop') } } }],
      delay_ms: vary.between(5, 40),
      pool: { job_ms: 600_000 * vary.scale },
    }),
    proof: {
      ops: [{ ...site, again: { after_ms: 1500, send: pull(1) }, for_ms: 2500 }],
      struck: ([result]) => talked(result).bytes === 0 && talked(result).end === 'ECONNRESET',
    },
  },
  {
    ...{ name: 'age_kill', target: 'plain', allowed: ['blocked:throttled'] },
    why: 'sessions go silent at the same age, without an end: row 4',
    setup: (vary) => ({
      rules: [{ when: { ...abroad, hosts: [POOL.address] }, do: { age: vary.between(10, 20) * vary.scale } }],
      delay_ms: vary.between(5, 40),
    }),
    proof: subscribed(4000, (t) => t.bytes > 0 && (t.last_byte_ms ?? 0) < 2500 && t.end === null),
  },
  {
    ...{ name: 'two_stage_list', target: 'plain', allowed: ['blocked:tcp'], again_after_s: LIST_TIME_S },
    why: 'the first run passes and puts the address on the list; the second, after fifteen minutes, finds it dead: row 14',
    setup: (vary) => ({
      rules: [
        { when: { proto: 'tcp', needles: ['mining.'] }, do: { list_later: vary.between(300, 600) * vary.scale } },
      ],
      delay_ms: vary.between(5, 40),
    }),
    proof: {
      ops: [
        { op: 'talk', host: POOL.address, port: POOL.port, send: SUBSCRIBE, for_ms: 2000 },
        { op: 'talk', host: POOL.address, port: POOL.port, send: SUBSCRIBE, for_ms: 9000 },
      ],
      struck: ([first, second]) => talked(first).bytes > 0 && (talked(second).last_byte_ms ?? 0) < 7500,
    },
  },
];
