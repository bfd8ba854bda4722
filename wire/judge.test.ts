// Every technique of facts/censorship.md section 1 by its number, every row of the table, every trap of section 3.4.
import { describe, expect, it } from 'vitest';
import {
  answerOf,
  baselineOf,
  bulkOf,
  controlOf,
  deadSite,
  deadTrial,
  insideOf,
  poolTarget,
  reachabilityOf,
  stallOf,
  stratumTrial,
  thrice,
  tlsTrial,
  variantOf,
  wellTrial,
} from '../test/fakes/reachability.ts';
import { judge, type JudgeInput } from './judge.ts';
import type { ReachabilityRecord } from './reachability.ts';
import { Verdict } from './verdict.ts';

const IP = '203.0.113.10';
const OTHER_IP = '198.51.100.7';
const SINK = '192.0.2.80';
const tls = poolTarget('pool.example', 3334, true);

type Case = [name: string, input: Partial<JudgeInput>, expected: Partial<Verdict>];

function judged(input: Partial<JudgeInput>): Verdict {
  return judge({ sample: reachabilityOf(), history: [], controls: [], inside: [], ...input });
}

/** A sample with a live line. */
const sampleOf = (change: Partial<ReachabilityRecord>): ReachabilityRecord =>
  reachabilityOf({ baseline: baselineOf(), ...change });
/** Such a sample with a good control beside it. */
const seen = (change: Partial<ReachabilityRecord>, more: Partial<JudgeInput> = {}): Partial<JudgeInput> => ({
  sample: sampleOf(change),
  controls: [controlOf()],
  ...more,
});
const tlsControl = controlOf({ trials: [tlsTrial(IP, 0, { spki_sha256: 'pool-key' })] });
const seenTls = (change: Partial<ReachabilityRecord>, more: Partial<JudgeInput> = {}): Partial<JudgeInput> =>
  seen({ target: tls, ...change }, { controls: [tlsControl], ...more });
const downControl = (by: string): JudgeInput['controls'][number] =>
  controlOf({ by, operation: 'connect', failure: 'generic_timeout_error', trials: [deadTrial(IP)] });

const timeouts = thrice((n) => deadTrial(IP, n));
const unacked = { failure: 'generic_timeout_error', ms: 15_000, tx_unacked_bytes: 60, retransmits: 4 } as const;
const acked = { failure: 'generic_timeout_error', ms: 15_000, tx_unacked_bytes: 0, retransmits: 0 } as const;
const atCollector = [
  variantOf('innocent_at_collector', { address: OTHER_IP }),
  variantOf('at_collector', { address: OTHER_IP, operation: 'stratum_reply', failure: 'connection_reset' }),
];

const techniques: Case[] = [
  [
    '1 NXDOMAIN',
    seen({
      dns: [answerOf({ failure: 'dns_nxdomain_error' }), answerOf({ transport: 'doh', resolver: 'doh1' })],
      addresses: [wellTrial(IP)],
    }),
    { verdict: 'blocked:dns', layer: 'dns', method: 'lie', confidence: 0.9, scope: 'host' },
  ],
  [
    '2 bogon',
    seen({
      dns: [answerOf({ failure: 'dns_bogon_error', addresses: ['10.10.10.10'] })],
      control_addresses: [IP],
    }),
    { verdict: 'blocked:dns', method: 'lie', confidence: 0.9, flags: ['dns_interference'] },
  ],
  [
    '3 wrong address, TCP/53 tells the truth',
    seen({
      dns: [answerOf({ addresses: [SINK] }), answerOf({ transport: 'tcp', resolver: 'tcp1' })],
      addresses: [...thrice((n) => stratumTrial(SINK, n, { failure: 'connection_reset', ms: 40 })), wellTrial(IP)],
    }),
    { verdict: 'blocked:dns', method: 'lie', confidence: 0.9 },
  ],
  [
    '3 wrong address, nobody else to ask',
    seen({
      dns: [answerOf({ addresses: [SINK] })],
      addresses: [...thrice((n) => deadTrial(SINK, n)), wellTrial(IP)],
      control_addresses: [IP],
    }),
    { verdict: 'blocked:dns', confidence: 0.7 },
  ],
  [
    '4 DNS dropped for the name',
    seen({
      dns: [
        answerOf({ failure: 'dns_temporary_failure', ms: 10_000 }),
        answerOf({ transport: 'udp', failure: 'generic_timeout_error' }),
        answerOf({ transport: 'doh' }),
      ],
    }),
    { verdict: 'blocked:dns', method: 'timeout', confidence: 0.9 },
  ],
  [
    '4 all of UDP/53 dropped',
    seen({
      baseline: baselineOf({}, { resolver_ok: false }),
      dns: [
        answerOf({ failure: 'dns_temporary_failure', ms: 10_000 }),
        answerOf({ transport: 'udp', failure: 'generic_timeout_error' }),
        answerOf({ transport: 'doh' }),
      ],
    }),
    { verdict: 'blocked:dns', method: 'timeout', confidence: 0.6 },
  ],
  [
    '5 DNS refused',
    seen({
      dns: [
        answerOf({ failure: 'dns_temporary_failure', ms: 4 }),
        answerOf({ transport: 'udp', failure: 'dns_refused_error' }),
      ],
      control_addresses: [IP],
    }),
    { verdict: 'blocked:dns', method: 'lie', confidence: 0.9 },
  ],
  [
    '5 DNS port unreachable',
    seen({
      dns: [answerOf({ failure: 'connection_refused', ms: 4 })],
      control_addresses: [IP],
    }),
    { verdict: 'blocked:dns', method: 'icmp' },
  ],
  [
    '6 DNS race',
    seen({
      dns: [answerOf({ addresses: [SINK] }), answerOf({ transport: 'udp', addresses: [SINK], late: [IP] })],
      addresses: [...thrice((n) => deadTrial(SINK, n)), wellTrial(IP)],
    }),
    { verdict: 'blocked:dns', method: 'lie', confidence: 0.97 },
  ],
  ['7 IP dropped', seen({ addresses: timeouts }), { verdict: 'blocked:tcp', method: 'timeout', confidence: 0.7 }],
  [
    '8 reset on SYN',
    seen({ addresses: thrice((n) => deadTrial(IP, n, 'connection_refused')) }),
    { verdict: 'blocked:tcp', method: 'rst', confidence: 0.7 },
  ],
  [
    '9 ICMP',
    seen({ addresses: thrice((n) => deadTrial(IP, n, 'host_unreachable')) }),
    { verdict: 'blocked:tcp', method: 'icmp', confidence: 0.7 },
  ],
  [
    '10 port',
    seen({ addresses: timeouts, variants: [variantOf('alt_port')] }),
    { verdict: 'blocked:tcp', scope: 'port', confidence: 0.85 },
  ],
  [
    '11 reset after the hello',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, { failure: 'connection_reset', ms: 42 })),
      variants: [variantOf('innocent_sni')],
    }),
    { verdict: 'blocked:tls', method: 'rst', confidence: 0.95, layer: 'tls' },
  ],
  [
    '12 silence after the hello',
    seenTls({ addresses: thrice((n) => tlsTrial(IP, n, unacked)), variants: [variantOf('split_hello')] }),
    { verdict: 'blocked:tls', method: 'timeout', confidence: 0.95 },
  ],
  [
    '12 no variant helped, unacknowledged',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, unacked)),
      variants: [
        variantOf('no_sni', { operation: 'tls_handshake', failure: 'generic_timeout_error', tx_unacked_bytes: 60 }),
      ],
    }),
    { verdict: 'blocked:tls', confidence: 0.7 },
  ],
  [
    '13 alert by an interceptor',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, { failure: 'ssl_failed_handshake', alert: 40 })),
      variants: [variantOf('no_sni')],
    }),
    { verdict: 'blocked:tls', method: 'alert', confidence: 0.95 },
  ],
  [
    '14 MITM certificate',
    seenTls({
      addresses: thrice((n) => ({
        ...stratumTrial(IP, n, { failure: 'eof_error' }),
        tls: tlsTrial(IP, n, { spki_sha256: 'strange', issuer: 'State CA' }).tls,
      })),
    }),
    { verdict: 'blocked:tls', method: 'mitm', confidence: 0.9 },
  ],
  [
    '15 TLS 1.2 and a foreign name',
    seenTls({ addresses: thrice((n) => tlsTrial(IP, n, unacked)), variants: [variantOf('tls13')] }),
    { verdict: 'blocked:tls', confidence: 0.95 },
  ],
  [
    '16 throttle',
    {
      sample: sampleOf({
        target: { ...poolTarget('collector.example', 443, true), role: 'collector' },
        bulk: [bulkOf({ ms: 8192 }), bulkOf({ peer: 'baseline', ms: 200 })],
      }),
      controls: [controlOf()],
    },
    { verdict: 'blocked:throttled', method: 'slow', layer: 'transfer', confidence: 0.8 },
  ],
  [
    '16 random loss',
    seen({
      addresses: [stratumTrial(IP, 0, { reply: 'json', retransmits: 2 }), ...timeouts.slice(1, 2), wellTrial(IP, 2)],
    }),
    { verdict: 'degraded', confidence: 0.6 },
  ],
  [
    '17 freeze by packets, twice',
    seen({ stalls: [stallOf(), stallOf({ raw_bytes: 1310 })] }),
    { verdict: 'blocked:throttled', method: 'freeze', confidence: 0.9 },
  ],
  ['17 freeze, seen once', seen({ stalls: [stallOf()] }), { verdict: 'blocked:throttled', confidence: 0.6 }],
  [
    '16 loss: one silence, and another connection carried more',
    seen({ stalls: [stallOf(), stallOf({ end: 'alive', raw_bytes: 33_000, tx_unacked_bytes: 0 })] }),
    { verdict: 'degraded' },
  ],
  [
    '16 loss: one silence, and an attempt that failed',
    seen({ stalls: [stallOf()], addresses: [deadTrial(IP, 0), wellTrial(IP, 1), wellTrial(IP, 2)] }),
    { verdict: 'degraded' },
  ],
  [
    '17 freeze, again as in an earlier sample',
    {
      ...seen({ at_ms: 900_000, baseline: baselineOf({}, { at_ms: 900_000 }), stalls: [stallOf()] }),
      controls: [controlOf({ at_ms: 900_000 })],
      history: [sampleOf({ stalls: [stallOf()] })],
    },
    { verdict: 'blocked:throttled', confidence: 0.9 },
  ],
  [
    '18 reset on subscribe',
    seen({
      addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
      variants: atCollector,
    }),
    { verdict: 'blocked:stratum', method: 'rst', confidence: 0.9 },
  ],
  [
    '18 reset sooner than the round trip, nothing tried',
    seen({ addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 5 })) }),
    { verdict: 'blocked:stratum', method: 'rst', confidence: 0.6 },
  ],
  [
    '18 the TLS port of the pool works',
    seen({
      addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
      variants: [variantOf('alt_port')],
    }),
    { verdict: 'blocked:stratum', confidence: 0.9, scope: 'port' },
  ],
  [
    '19 silence on subscribe',
    seen({ addresses: thrice((n) => stratumTrial(IP, n, unacked)) }),
    { verdict: 'blocked:stratum', method: 'timeout', confidence: 0.6 },
  ],
  [
    '20 idle kill',
    seen({ stalls: [stallOf({ end: 'rst', idle_ms: 120_000, age_ms: 130_000 })] }),
    { verdict: 'degraded', layer: 'transfer' },
  ],
  [
    '21 age kill: dead for every new connection',
    seen({
      addresses: [wellTrial(IP), deadTrial(IP, 1), deadTrial(IP, 2)],
      stalls: [stallOf({ age_ms: 20_000 })],
    }),
    { verdict: 'blocked:tcp', method: 'timeout', scope: 'endpoint', confidence: 0.7 },
  ],
  [
    '22 block page',
    seen({
      addresses: thrice((n) =>
        stratumTrial(IP, n, {
          failure: 'json_parse_error',
          reply: 'page',
          page: { status: 302, location_host: 'warning.isp.example' },
        }),
      ),
    }),
    { verdict: 'blocked:stratum', method: 'page', confidence: 0.95 },
  ],
  [
    '23 prefix',
    seen({
      addresses: [...timeouts, deadTrial('203.0.113.11'), deadTrial('203.0.113.11', 1)],
      variants: [variantOf('alt_region', { address: OTHER_IP })],
    }),
    { verdict: 'blocked:tcp', scope: 'prefix', confidence: 0.85 },
  ],
  [
    '24 allow-list',
    seen({ baseline: baselineOf({ ru_ordinary: deadSite, foreign_ordinary: deadSite }), addresses: timeouts }),
    { verdict: 'blocked:tcp', scope: 'all_foreign', flags: ['allow_list'], confidence: 0.8 },
  ],
  [
    '25 no IPv6, and IPv4 is well',
    seen({ addresses: [deadTrial('2001:db8::1', 0, 'network_unreachable'), wellTrial(IP)] }),
    { verdict: 'reachable' },
  ],
  [
    '27 refusal by the pool',
    seen({ addresses: thrice((n) => stratumTrial(IP, n, { failure: 'eof_error', ms: 40 })) }),
    { verdict: 'pool_refuses', method: 'fin', confidence: 0.6 },
  ],
  [
    '28 residual blocking',
    seen({
      addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
      variants: [
        ...atCollector,
        variantOf('innocent_again', { operation: 'connect', failure: 'generic_timeout_error' }),
      ],
    }),
    { verdict: 'blocked:stratum', flags: ['residual'] },
  ],
];

const rows: Case[] = [
  [
    '1 no site answers',
    seen({
      baseline: baselineOf({ ru_allowlisted: deadSite, ru_ordinary: deadSite, foreign_ordinary: deadSite }),
      addresses: timeouts,
    }),
    { verdict: 'worker_offline', confidence: 0.95 },
  ],
  [
    '1b the resolver is dead',
    seen({
      baseline: baselineOf({}, { resolver_ok: false }),
      dns: [answerOf({ failure: 'dns_temporary_failure' }), answerOf({ transport: 'udp' })],
      addresses: [wellTrial(IP)],
    }),
    { verdict: 'worker_offline', confidence: 0.8 },
  ],
  [
    '2 captive portal',
    seen({
      baseline: baselineOf({}, { captive: { status: 302, location_host: 'login.hotel.example' } }),
      addresses: timeouts,
    }),
    { verdict: 'worker_offline', flags: ['captive_portal'], confidence: 0.9 },
  ],
  [
    '6 attempts disagree',
    seen({ addresses: [...timeouts.slice(0, 2), wellTrial(IP, 2)] }),
    { verdict: 'degraded', confidence: 0.4 },
  ],
  ['7 well', seen({}), { verdict: 'reachable', confidence: 0.9, flags: [] }],
  [
    '7 well, the login is not',
    seen({ addresses: [stratumTrial(IP, 0, { reply: 'auth_error' })] }),
    { verdict: 'reachable', flags: ['auth_error'] },
  ],
  [
    '7 well, the control is not',
    seen({}, { controls: [downControl('a'), downControl('b')] }),
    { verdict: 'reachable', flags: ['control_broken'] },
  ],
  [
    '8 one control',
    seen({ addresses: timeouts }, { controls: [downControl('a')] }),
    { verdict: 'pool_down', confidence: 0.6 },
  ],
  [
    '8 two controls',
    seen({ addresses: timeouts }, { controls: [downControl('a'), downControl('b')] }),
    { verdict: 'pool_down', confidence: 0.9 },
  ],
  [
    '8 and the name is spoilt',
    seen(
      { dns: [answerOf({ failure: 'dns_nxdomain_error' })], addresses: timeouts, control_addresses: [IP] },
      { controls: [downControl('a'), downControl('b')] },
    ),
    { verdict: 'pool_down', flags: ['dns_interference'] },
  ],
  ['9 no control', seen({ addresses: timeouts }, { controls: [] }), { verdict: 'inconclusive' }],
  [
    '9 a control of another time',
    seen({ addresses: timeouts }, { controls: [controlOf({ at_ms: 300_001 })] }),
    { verdict: 'inconclusive' },
  ],
  [
    '11 the name and the address',
    seen({ dns: [answerOf({ failure: 'dns_nxdomain_error' })], addresses: timeouts, control_addresses: [IP] }),
    { verdict: 'blocked:dns', confidence: 0.8 },
  ],
  [
    '12 others of the country are turned away too',
    seen(
      { addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })) },
      {
        inside: ['AS1', 'AS2'].map((as) => insideOf(as, { operation: 'stratum_reply', failure: 'connection_reset' })),
      },
    ),
    { verdict: 'pool_refuses', confidence: 0.8 },
  ],
  [
    '12 a ban in JSON',
    seen({ addresses: [stratumTrial(IP, 0, { reply: 'ban' })] }),
    { verdict: 'pool_refuses', flags: ['ip_ban'], confidence: 0.8 },
  ],
  [
    '13 we asked a lot and others are served',
    {
      ...seen({ at_ms: 3_600_000, baseline: baselineOf({}, { at_ms: 3_600_000 }), addresses: timeouts }),
      controls: [controlOf({ at_ms: 3_600_000 })],
      history: [0, 1, 2, 3, 4, 5].map((n) => sampleOf({ at_ms: 3_500_000 - n * 500_000 })),
      inside: ['AS1', 'AS2'].map((as) => insideOf(as, { at_ms: 3_600_000 })),
    },
    { verdict: 'pool_refuses', flags: ['ip_ban'], confidence: 0.7 },
  ],
  [
    '15 plain text on a TLS port',
    seenTls({ addresses: thrice((n) => tlsTrial(IP, n, { failure: 'non_tls_reply', rx_raw_bytes: 120 })) }),
    { verdict: 'blocked:tls', method: 'page', confidence: 0.7 },
  ],
  [
    '19 acknowledged silence',
    seen({ addresses: thrice((n) => stratumTrial(IP, n, acked)) }),
    { verdict: 'inconclusive', layer: 'stratum', confidence: 0.5 },
  ],
  ['20 nothing was measured', seen({ addresses: [] }), { verdict: 'inconclusive', confidence: 0.3 }],
];

/** Section 3.4, and the innocent causes of section 1b: none may be called blocked. */
const traps: Case[] = [
  [
    '1 geo DNS: another address that answers',
    seen({ dns: [answerOf({ addresses: [OTHER_IP] })], addresses: [wellTrial(OTHER_IP)] }),
    { verdict: 'reachable' },
  ],
  [
    "1 geo DNS: the region's node is down, DoH names the same",
    seen({
      dns: [answerOf({ addresses: [OTHER_IP] }), answerOf({ transport: 'doh', addresses: [OTHER_IP] })],
      addresses: [...thrice((n) => deadTrial(OTHER_IP, n)), wellTrial(IP)],
      control_addresses: [IP],
    }),
    { verdict: 'inconclusive', confidence: 0.4 },
  ],
  [
    '1 one node of several is down, for the control too',
    seen(
      { dns: [answerOf()], addresses: [...timeouts, wellTrial('203.0.113.11')], control_addresses: ['203.0.113.11'] },
      {
        controls: [controlOf({ addresses: [IP, '203.0.113.11'], trials: [deadTrial(IP), wellTrial('203.0.113.11')] })],
      },
    ),
    { verdict: 'inconclusive' },
  ],
  [
    'local loss: the one question to the resolver was lost, half of the sites were lucky',
    seen({
      baseline: baselineOf({ ru_ordinary: { ms: 1900 } }),
      dns: [answerOf({ addresses: [], failure: 'generic_timeout_error' }), answerOf({ transport: 'doh' })],
      addresses: [wellTrial(IP)],
      control_addresses: [],
    }),
    { verdict: 'inconclusive' },
  ],
  [
    '2 PMTU hole',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, acked)),
      variants: [
        variantOf('no_sni', { operation: 'tls_handshake', failure: 'generic_timeout_error' }),
        variantOf('innocent_sni', { operation: 'tls_handshake', failure: 'generic_timeout_error' }),
      ],
    }),
    { verdict: 'inconclusive', flags: ['pmtu'] },
  ],
  [
    '2 PMTU hole that swallows our own large hello',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, unacked)),
      variants: [
        variantOf('no_sni', { operation: 'tls_handshake', failure: 'generic_timeout_error', tx_unacked_bytes: 1568 }),
        variantOf('tls12', { operation: 'tls_handshake', failure: 'generic_timeout_error', tx_unacked_bytes: 0 }),
      ],
    }),
    { verdict: 'inconclusive', flags: ['pmtu'] },
  ],
  [
    '2 a hello acknowledged, nothing else tried',
    seenTls({ addresses: thrice((n) => tlsTrial(IP, n, acked)) }),
    { verdict: 'inconclusive' },
  ],
  [
    '2 large packets are lost later on: our own are acknowledged',
    seen({ stalls: [stallOf({ tx_unacked_bytes: 0 }), stallOf({ tx_unacked_bytes: 0 })] }),
    { verdict: 'degraded' },
  ],
  [
    '4 a ban that shows as a reset',
    seen({ addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })) }),
    { verdict: 'inconclusive' },
  ],
  [
    '4 a ban on the TLS port: every hello ends alike',
    seenTls({
      addresses: thrice((n) => tlsTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
      variants: [variantOf('no_sni', { operation: 'tls_handshake', failure: 'connection_reset' })],
    }),
    { verdict: 'pool_refuses', confidence: 0.5 },
  ],
  [
    "13 the server's own alert",
    seenTls(
      { addresses: thrice((n) => tlsTrial(IP, n, { failure: 'ssl_invalid_hostname', alert: 112 })) },
      { controls: [controlOf({ trials: [tlsTrial(IP, 0, { failure: 'ssl_invalid_hostname', alert: 112 })] })] },
    ),
    { verdict: 'pool_refuses', method: 'alert' },
  ],
  [
    '14 a pool with its own certificate',
    seenTls({ addresses: [tlsTrial(IP, 0, { spki_sha256: 'pool-key', issuer: 'pool' })] }),
    { verdict: 'reachable' },
  ],
  [
    '14 a man in the middle from the first sample on: his key is no good past',
    seenTls(
      { at_ms: 2_000_000, addresses: [tlsTrial(IP, 0, { spki_sha256: 'strange' })] },
      {
        controls: [{ ...tlsControl, at_ms: 2_000_000 }],
        history: [
          sampleOf({
            ...{ target: tls, at_ms: 1_000_000, controls: [{ ...tlsControl, at_ms: 1_000_000 }] },
            addresses: [tlsTrial(IP, 0, { spki_sha256: 'strange' })],
          }),
        ],
      },
    ),
    { verdict: 'blocked:tls', method: 'mitm' },
  ],
  [
    "14 a second server's key, known from before",
    seenTls(
      { at_ms: 2_000_000, addresses: [tlsTrial(IP, 0, { spki_sha256: 'second-key' })] },
      {
        controls: [{ ...tlsControl, at_ms: 2_000_000 }],
        history: [
          sampleOf({ target: tls, at_ms: 1_500_000, addresses: [tlsTrial(IP, 0, { spki_sha256: 'second-key' })] }),
        ],
      },
    ),
    { verdict: 'reachable' },
  ],
  [
    '14 a second server of the pool with another key, seen once',
    seenTls({ addresses: [tlsTrial(IP, 0, { spki_sha256: 'second-key' })] }),
    { verdict: 'reachable' },
  ],
  [
    '6 a pool that closes idle connections',
    seen({ stalls: [stallOf({ end: 'fin', idle_ms: 20_000 })] }),
    { verdict: 'reachable' },
  ],
  ['6 CGNAT forgets an idle connection', seen({ stalls: [stallOf({ idle_ms: 90_000 })] }), { verdict: 'degraded' }],
  [
    '7 a wrong clock',
    seenTls(
      {
        clock_skew_ms: -864_000_000,
        at_ms: 0,
        addresses: thrice((n) => tlsTrial(IP, n, { failure: 'ssl_invalid_certificate' })),
      },
      { controls: [{ ...tlsControl, at_ms: 864_000_000 }] },
    ),
    { verdict: 'inconclusive' },
  ],
  [
    '9 residue: innocent lines die at the collector as well',
    seen({
      addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
      variants: [
        variantOf('innocent_at_collector', { operation: 'connect', failure: 'generic_timeout_error' }),
        variantOf('at_collector', { operation: 'connect', failure: 'generic_timeout_error' }),
      ],
    }),
    { verdict: 'inconclusive' },
  ],
  [
    "10 the collector's hoster is unreachable, the pool is not",
    seen({ baseline: baselineOf({ collector: deadSite }) }),
    { verdict: 'reachable' },
  ],
  [
    'local loss',
    seen({
      baseline: baselineOf({ ru_ordinary: { ms: 1900 }, foreign_ordinary: deadSite }),
      addresses: timeouts,
    }),
    { verdict: 'inconclusive', confidence: 0.4 },
  ],
  ['silent pool', seen({ addresses: thrice((n) => stratumTrial(IP, n, acked)) }), { verdict: 'inconclusive' }],
  [
    'a quiet pool that is watched',
    seen({ stalls: [stallOf({ end: 'alive', tx_unacked_bytes: 0 })] }),
    { verdict: 'reachable' },
  ],
  [
    'no route on this machine',
    seen({
      addresses: thrice((n) => ({
        ...deadTrial(IP, n, 'network_unreachable'),
        tcp: { failure: 'network_unreachable', ms: 0 },
      })),
    }),
    { verdict: 'inconclusive' },
  ],
  [
    'the gateway is silent',
    seen({ addresses: thrice((n) => ({ ...deadTrial(IP, n), tcp: { failure: 'host_unreachable', ms: 3060 } })) }),
    { verdict: 'inconclusive' },
  ],
  [
    'IPv6 alone',
    seen({ addresses: thrice((n) => deadTrial('2001:db8::1', n)) }, { controls: [controlOf({ addresses: [] })] }),
    { verdict: 'inconclusive' },
  ],
  [
    'a bogon that the control sees too',
    seen(
      { dns: [answerOf({ failure: 'dns_bogon_error', addresses: ['10.1.2.3'] })], addresses: [wellTrial('10.1.2.3')] },
      { controls: [controlOf({ addresses: ['10.1.2.3'] })] },
    ),
    { verdict: 'reachable', flags: [] },
  ],
  [
    'a name that DoH does not know either',
    seen({
      dns: [answerOf({ failure: 'dns_nxdomain_error' }), answerOf({ transport: 'doh', failure: 'dns_nxdomain_error' })],
      addresses: [],
    }),
    { verdict: 'pool_refuses', layer: 'dns' },
  ],
  [
    'a page by the pool itself',
    seen(
      {
        addresses: thrice((n) =>
          stratumTrial(IP, n, {
            failure: 'json_parse_error',
            reply: 'page',
            page: { status: 301, location_host: 'www.pool.example' },
          }),
        ),
      },
      {},
    ),
    { verdict: 'inconclusive' },
  ],
  ['one attempt only', seen({ addresses: [deadTrial(IP)] }), { verdict: 'inconclusive' }],
  [
    'no baseline',
    { sample: reachabilityOf({ addresses: timeouts }), controls: [controlOf()] },
    { verdict: 'inconclusive' },
  ],
  [
    'two controls fail, a third does not',
    seen({ addresses: timeouts }, { controls: [downControl('a'), downControl('b'), controlOf({ by: 'c' })] }),
    { verdict: 'inconclusive' },
  ],
  [
    'three attempts, three steps',
    seen({
      target: tls,
      addresses: [deadTrial(IP, 0), tlsTrial(IP, 1, unacked), stratumTrial(IP, 2, unacked)],
    }),
    { verdict: 'degraded', confidence: 0.4 },
  ],
];

describe.each<[string, Case[]]>([
  ['trap', traps],
  ['technique', techniques],
  ['row', rows],
])('%s', (_, cases) => {
  it.each(cases)('%s', (_name, input, expected) => {
    const verdict = judged(input);
    expect(verdict).toMatchObject(expected);
    expect(Verdict.parse(verdict)).toEqual(verdict);
    expect(verdict.evidence.length).toBeGreaterThan(0);
  });
});

describe('without a control', () => {
  const alone: Case[] = [
    [
      'two racing answers',
      {
        sample: sampleOf({
          dns: [answerOf({ addresses: [SINK] }), answerOf({ transport: 'udp', addresses: [SINK], late: [IP] })],
          addresses: [...thrice((n) => deadTrial(SINK, n)), wellTrial(IP)],
        }),
      },
      { verdict: 'blocked:dns', confidence: 0.87 },
    ],
    [
      'the name in the hello changes the result',
      {
        sample: sampleOf({
          target: tls,
          addresses: thrice((n) => tlsTrial(IP, n, { failure: 'connection_reset', ms: 42 })),
          variants: [variantOf('no_sni')],
        }),
      },
      { verdict: 'blocked:tls', confidence: 0.85 },
    ],
    [
      'the line dies at the collector too',
      {
        sample: sampleOf({
          addresses: thrice((n) => stratumTrial(IP, n, { failure: 'connection_reset', ms: 41 })),
          variants: atCollector,
        }),
      },
      { verdict: 'blocked:stratum', confidence: 0.8 },
    ],
    [
      'a foreign page',
      {
        sample: sampleOf({
          addresses: thrice((n) =>
            stratumTrial(IP, n, { reply: 'page', page: { status: 302, location_host: 'isp.test' } }),
          ),
        }),
      },
      { verdict: 'blocked:stratum', confidence: 0.85 },
    ],
    [
      'a freeze at the same count, with a Russian site well',
      { sample: sampleOf({ stalls: [stallOf(), stallOf({ raw_bytes: 1250 })] }) },
      { verdict: 'blocked:throttled', confidence: 0.8 },
    ],
  ];
  it.each(alone)('%s proves itself', (_name, input, expected) => {
    expect(judged(input)).toMatchObject({ ...expected, flags: expect.arrayContaining(['self_proven']) as string[] });
  });

  it('a pool that answers another hello is not down, whatever one control says', () => {
    const sample = sampleOf({
      target: tls,
      addresses: thrice((n) => tlsTrial(IP, n, { failure: 'connection_reset', ms: 42 })),
      variants: [variantOf('no_sni')],
    });
    expect(judged({ sample, controls: [downControl('a')] })).toMatchObject({ verdict: 'blocked:tls', confidence: 0.7 });
    expect(judged({ sample, controls: [downControl('a'), downControl('b')] }).verdict).toBe('inconclusive');
  });
});

describe('reachable_stable', () => {
  const minute = 60_000;
  const at = (minutes: number, change: Partial<ReachabilityRecord> = {}): ReachabilityRecord =>
    reachabilityOf({ at_ms: minutes * minute, ...change });
  const verdictAfter = (...history: ReachabilityRecord[]): string => judged({ sample: at(200), history }).verdict;

  it('needs a good sample 15 minutes to two hours before, and none bad since', () => {
    expect(verdictAfter()).toBe('reachable');
    expect(verdictAfter(at(186))).toBe('reachable');
    expect(verdictAfter(at(185))).toBe('reachable_stable');
    expect(verdictAfter(at(80))).toBe('reachable_stable');
    expect(verdictAfter(at(79))).toBe('reachable');
    expect(verdictAfter(at(190, { addresses: timeouts }), at(180))).toBe('reachable');
    expect(verdictAfter(at(190, { stalls: [stallOf()] }), at(180))).toBe('reachable');
    expect(verdictAfter(at(181), at(170, { addresses: timeouts }))).toBe('reachable_stable');
  });

  it('is not said of a connection that nothing was asked on', () => {
    const sample = at(200, { addresses: [{ ...wellTrial(IP), stratum: null }] });
    expect(judged({ sample, history: [at(180)] })).toMatchObject({ verdict: 'reachable', confidence: 0.6 });
  });
});

describe('degraded', () => {
  it('knows the usual handshake from three good samples', () => {
    const slow = { ...wellTrial(IP), tcp: { failure: null, ms: 400 } };
    const sample = reachabilityOf({ at_ms: 10, addresses: [slow] });
    const before = [1, 2, 3].map((n) => reachabilityOf({ at_ms: n }));
    expect(judged({ sample, history: before }).verdict).toBe('degraded');
    expect(judged({ sample, history: before.slice(1) }).verdict).toBe('reachable');
  });

  it('is what a freeze comes to that nobody outside confirms', () => {
    expect(judged({ sample: sampleOf({ stalls: [stallOf()] }) })).toMatchObject({
      verdict: 'degraded',
      layer: 'transfer',
    });
  });
});

describe('a collector', () => {
  const target = { ...poolTarget('collector.example', 443, true), role: 'collector' } as const;
  const trial = (n: number, failure: 'generic_timeout_error' | null, unackedBytes = 0) => ({
    ...tlsTrial('203.0.113.10', n),
    stratum: null,
    http: {
      ...{ failure, ms: 90, status: failure === null ? 200 : null, location_host: null },
      ...{ rx_raw_bytes: 0, tx_unacked_bytes: unackedBytes, retransmits: 4 },
    },
  });
  const controls = [controlOf({ trials: [trial(0, null)] })];

  it('is judged by its HTTP answer', () => {
    expect(judged({ sample: sampleOf({ target, addresses: [trial(0, null)] }) }).verdict).toBe('reachable');
    const dropped = sampleOf({ target, addresses: thrice((n) => trial(n, 'generic_timeout_error', 90)) });
    expect(judged({ sample: dropped, controls }).verdict).toBe('blocked:stratum');
    const silent = sampleOf({ target, addresses: thrice((n) => trial(n, 'generic_timeout_error')) });
    expect(judged({ sample: silent, controls }).verdict).toBe('inconclusive');
  });

  it('is frozen where its bulk stops at the same count twice', () => {
    const stopped = { moved: 16_000, failure: 'generic_timeout_error' } as const;
    const bulk = [bulkOf(stopped), bulkOf({ ...stopped, form: 'push', moved: 17_500 })];
    const frozen = sampleOf({ target, addresses: [trial(0, null)], bulk });
    expect(judged({ sample: frozen, controls })).toMatchObject({ verdict: 'blocked:throttled', confidence: 0.9 });
    const pool = sampleOf({ bulk });
    expect(judged({ sample: pool, controls: [controlOf()] }).verdict).toBe('reachable');
  });
});

describe('other networks', () => {
  const dropped = seen({ addresses: timeouts });
  const alike = ['AS1', 'AS2'].map((as) => insideOf(as, { operation: 'connect', failure: 'generic_timeout_error' }));
  const well = ['AS3', 'AS4'].map((as) => insideOf(as));

  it('only lower the confidence in blocked, and count from two on', () => {
    const confidence = (inside: JudgeInput['inside']): number => judged({ ...dropped, inside }).confidence;
    expect(confidence(alike.slice(1))).toBe(0.7);
    expect(confidence(alike)).toBe(0.55);
    expect(confidence(well)).toBe(0.6);
    expect(confidence([...well, ...alike])).toBe(0.45);
  });

  it('do not count where they are this network itself, or of another hour', () => {
    const same = judged({ ...dropped, inside: alike.map((one) => ({ ...one, network: 'AS1' })) });
    expect(same.confidence).toBe(0.7);
    expect(judged({ ...dropped, inside: alike.map((one) => ({ ...one, at_ms: 1_800_001 })) }).confidence).toBe(0.7);
  });
});
