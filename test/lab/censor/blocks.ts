// Blocks of addresses, ports, TLS names and stratum (facts/censorship.md section 1, rows 7 to 15, 18 to 23).
import { HOME, KNOWN_PAGE, MITM, NEIGHBOURS, POOL, POOL_PREFIX } from './places.ts';
import { securely, subscribed, SUBSCRIBE, talked } from './proofs.ts';
import type { BoxRule } from '../box/box-rules.ts';
import type { Technique, Vary } from './techniques.ts';

const TCP: Pick<Technique, 'target' | 'allowed' | 'why'> = {
  target: 'plain',
  allowed: ['blocked:tcp'],
  why: 'no connection to the address, and the control has one: row 14',
};
const TLS: Pick<Technique, 'target' | 'allowed' | 'why'> = {
  target: 'tls',
  allowed: ['blocked:tls'],
  why: 'TCP connects, TLS with the name does not, without it does: row 15',
};
const STRATUM: Pick<Technique, 'target' | 'allowed' | 'why'> = {
  target: 'plain',
  allowed: ['blocked:stratum'],
  why: 'connects, and dies of the line itself, without the pool having acknowledged it: row 18',
};

const NEEDLES = ['mining.subscribe', 'eth_submitLogin', '"login"'];
const HELLO_ALERT_UNRECOGNIZED_NAME = '15030300020270';
const HELLO_ALERT_HANDSHAKE_FAILURE = '15030300020228';

function boxed(vary: Vary, ...rules: BoxRule[]): { rules: BoxRule[]; delay_ms: number } {
  return { rules, delay_ms: vary.between(5, 40) };
}

const poolHost = { proto: 'tcp', hosts: [POOL.address] } as const;
const named = { proto: 'tcp', hello: { sni: [POOL.host] } } as const;
const page = `HTTP/1.1 302 Found\r\nLocation: http://warning.example/\r\nContent-Length: 0\r\n\r\n`;

export const blocks: Technique[] = [
  {
    ...{
      name: 'ip_drop',
      ...TCP,
      setup: (vary) => boxed(vary, { when: { hosts: [POOL.address] }, do: { drop: true } }),
    },
    proof: subscribed(1500, (t) => t.connected_ms === null && t.end === null),
  },
  {
    ...{ name: 'ip_rst', ...TCP, setup: (vary) => boxed(vary, { when: poolHost, do: { kill: 'rst' } }) },
    proof: subscribed(1500, (t) => t.end === 'ECONNREFUSED'),
  },
  {
    ...{ name: 'ip_icmp', ...TCP },
    setup: (vary) => boxed(vary, { when: poolHost, do: { icmp: vary.pick('host', 'net', 'forbidden', 'port') } }),
    proof: subscribed(1500, (t) => t.end === 'EHOSTUNREACH'),
  },
  {
    ...{ name: 'port_drop', ...TCP },
    setup: (vary) => boxed(vary, { when: { ...poolHost, ports: [POOL.port] }, do: { drop: true } }),
    proof: {
      ops: [
        { op: 'talk', host: POOL.address, port: POOL.port, send: SUBSCRIBE, for_ms: 1500 },
        { op: 'talk', host: POOL.address, port: POOL.tlsPort, tls: {}, for_ms: 800 },
      ],
      struck: ([plain, other]) => talked(plain).connected_ms === null && talked(other).secure,
    },
  },
  {
    ...{ name: 'sni_rst', ...TLS, setup: (vary) => boxed(vary, { when: named, do: { kill: 'rst' } }) },
    proof: securely((n, nameless) => !n.secure && n.end === 'ECONNRESET' && nameless.secure),
  },
  {
    ...{ name: 'sni_drop', ...TLS, setup: (vary) => boxed(vary, { when: named, do: { kill: 'drop' } }) },
    proof: securely((n, nameless) => !n.secure && n.connected_ms !== null && n.end === null && nameless.secure),
  },
  {
    name: 'tls_below_13',
    target: 'tls',
    allowed: ['blocked:tls'],
    why: 'the handshake dies of a version that the pool needs; without the name it lives: row 15',
    setup(vary) {
      const hello = { negotiated_below_13: true, sni_not_ru: true };
      const rule: BoxRule = { when: { proto: 'tcp', hello }, do: { kill: vary.pick('rst', 'drop') } };
      return { ...boxed(vary, rule), pool: { tls_max: 'TLSv1.2' } };
    },
    proof: securely((n) => !n.secure && n.connected_ms !== null, 'TLSv1.2'),
  },
  {
    ...{ name: 'tls_mitm', target: 'tls', allowed: ['blocked:tls'], again_after_s: 900 },
    why: "the handshake ends with another key than the control's, twice: row 16 (a pool may have several keys, so once is no proof)",
    setup: (vary) => boxed(vary, { when: { ...poolHost, ports: [POOL.tlsPort] }, do: { redirect: { host: MITM } } }),
    // The pool's own certificate has many more.
    proof: securely((n) => n.secure && n.names === 2),
  },
  {
    ...{ name: 'tls_alert', ...TLS },
    setup: (vary) =>
      boxed(vary, {
        when: named,
        do: { inject: { hex: vary.pick(HELLO_ALERT_UNRECOGNIZED_NAME, HELLO_ALERT_HANDSHAKE_FAILURE) } },
      }),
    proof: securely((n, nameless) => n.end === 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME' && nameless.secure),
  },
  {
    ...{ name: 'stratum_rst', ...STRATUM },
    setup: (vary) => boxed(vary, { when: { proto: 'tcp', needles: NEEDLES }, do: { kill: 'rst' } }),
    proof: subscribed(1500, (t) => t.connected_ms !== null && t.end === 'ECONNRESET' && t.bytes === 0),
  },
  {
    ...{ name: 'stratum_silence', ...STRATUM },
    setup: (vary) => boxed(vary, { when: { proto: 'tcp', needles: NEEDLES }, do: { kill: 'drop' } }),
    proof: subscribed(1500, (t) => t.connected_ms !== null && t.end === null && t.bytes === 0),
  },
  {
    ...{ name: 'block_page', target: 'plain', allowed: ['blocked:stratum'] },
    why: "a page that sends the client to another host, where the control gets the pool's answer: row 17",
    setup: (vary) => boxed(vary, { when: { proto: 'tcp', needles: NEEDLES }, do: { inject: { text: page } } }),
    proof: subscribed(1500, (t) => t.text.startsWith('HTTP/1.1 302') && t.end === 'FIN'),
  },
  {
    ...{ name: 'prefix_block', ...TCP },
    setup: (vary) => boxed(vary, { when: { hosts: [POOL_PREFIX] }, do: { drop: true } }),
    proof: {
      ops: [
        { op: 'talk', host: POOL.address, port: POOL.port, for_ms: 800 },
        ...NEIGHBOURS.map(({ address }) => ({ op: 'talk', host: address, port: 443, for_ms: 800 }) as const),
      ],
      struck: (results) => results.every((result) => talked(result).connected_ms === null),
    },
  },
  {
    ...{ name: 'allow_list', target: 'plain', allowed: ['blocked:tcp', 'inconclusive'] },
    why: "only the state's allow-list is up: row 3; the collector is behind the wall too, so nobody outside confirms it in time: row 9",
    setup: (vary) =>
      boxed(vary, { when: { not_hosts: HOME.filter((h) => !h.startsWith('198.18.41.')) }, do: { drop: true } }),
    proof: {
      ops: [{ op: 'talk', host: KNOWN_PAGE.address, port: 80, for_ms: 800 }],
      struck: ([result]) => talked(result).connected_ms === null,
    },
  },
];
