// What must hold of the verdict for any record that the wire lets pass.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answerOf,
  baselineOf,
  controlOf,
  deadTrial,
  poolTarget,
  reachabilityOf,
  stallOf,
  stratumTrial,
  thrice,
  tlsTrial,
  variantOf,
} from '../../test/fakes/reachability.ts';
import type { ControlSample, InsideControl } from '../control.ts';
import type { Failure, Operation } from '../failure.ts';
import { judge, type JudgeInput } from '../judge.ts';
import {
  ReachabilityRecord,
  type AddressTrial,
  type Baseline,
  type Bulk,
  type DnsAnswer,
  type Stall,
  type Variant,
} from '../reachability.ts';
import { Verdict } from '../verdict.ts';
import { DEPTH } from './ending.ts';

const ADDRESSES = ['203.0.113.10', '203.0.113.11', '198.51.100.7', '192.0.2.80', '2001:db8::1'];
const MINUTE = 60_000;
const NONE = fc.constant<never[]>([]);

const address = fc.constantFrom(...ADDRESSES);
const addresses = fc.uniqueArray(address, { maxLength: 3 });
const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(some, { nil: null });
const ms = maybe(fc.constantFrom(0, 5, 40, 90, 1100, 3050, 10_000));
const failing: fc.Arbitrary<Failure> = fc.constantFrom(
  'generic_timeout_error',
  'connection_reset',
  'connection_refused',
  'eof_error',
  'host_unreachable',
  'network_unreachable',
  'permission_denied',
  'address_not_available',
  'json_parse_error',
  'non_tls_reply',
  'ssl_failed_handshake',
  'ssl_invalid_certificate',
  'http_unexpected_redirect_url',
  'unknown_failure: something',
);
const failure = fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: failing });
const operation = maybe(
  fc.constantFrom<Operation>('resolve', 'connect', 'tls_handshake', 'stratum_reply', 'http_reply', 'transfer'),
);
const count = maybe(fc.constantFrom(0, 1, 3, 60));
const ack = { tx_unacked_bytes: count, retransmits: count };
const page = (proves: boolean) =>
  proves
    ? maybe(
        fc.record({
          status: fc.constantFrom(200, 302, 451),
          location_host: maybe(fc.constantFrom('isp.test', 'pool.example')),
        }),
      )
    : fc.constant(null);

function trials(proves: boolean): fc.Arbitrary<AddressTrial[]> {
  const tls = fc.record({
    ...{ failure, ms, protocol: fc.constant(null), alert: maybe(fc.constantFrom(40, 112)) },
    ...{ spki_sha256: maybe(fc.constantFrom('k1', 'k2')), issuer: fc.constant(null), rx_raw_bytes: count },
    ...ack,
  });
  const stratum = fc.record({
    ...{ failure, ms, step: fc.constant('mining.subscribe'), page: page(proves), rx_raw_bytes: count },
    reply: maybe(fc.constantFrom('json', 'auth_error', 'ban', 'page', 'other')),
    ...ack,
    first_bytes: fc.constant(null),
  });
  const http = fc.record({
    ...{ failure, ms, status: fc.constant(null), rx_raw_bytes: count },
    location_host: proves ? maybe(fc.constantFrom('isp.test')) : fc.constant(null),
    ...ack,
  });
  const trial = fc.record({
    ...{ address, attempt: fc.nat({ max: 2 }), tcp: maybe(fc.record({ failure, ms })) },
    ...{ tls: maybe(tls), stratum: maybe(stratum), http: maybe(http) },
  });
  // Often three alike, as a real failure is.
  const alike = trial.map((one) => [0, 1, 2].map((attempt) => ({ ...one, attempt })));
  return fc.oneof(
    alike,
    fc.array(trial, { maxLength: 6 }),
    fc.tuple(alike, alike).map((two) => two.flat()),
  );
}

const dns = (proves: boolean): fc.Arbitrary<DnsAnswer[]> =>
  fc.array(
    fc.record({
      resolver: fc.constantFrom('r1', 'r2'),
      transport: fc.constantFrom('system', 'udp', 'tcp', 'doh'),
      family: fc.constantFrom('A', 'A', 'AAAA'),
      addresses,
      late: proves ? addresses : NONE,
      failure: maybe(
        fc.constantFrom<Failure>(
          ...(['dns_nxdomain_error', 'dns_bogon_error', 'dns_temporary_failure', 'dns_refused_error'] as const),
          ...(['generic_timeout_error', 'connection_refused', 'dns_no_answer', 'interrupted'] as const),
        ),
      ),
      ms,
    }),
    { maxLength: 5 },
  );

const variants = (proves: boolean): fc.Arbitrary<Variant[]> =>
  fc.array(
    fc.record({
      variant: proves
        ? fc.constantFrom<Variant['variant']>(
            ...(['no_sni', 'innocent_sni', 'split_hello', 'tls12', 'tls13', 'alt_port', 'alt_region'] as const),
            ...(['at_collector', 'innocent_at_collector', 'innocent_again'] as const),
          )
        : fc.constantFrom<Variant['variant']>('tls12', 'tls13', 'alt_port', 'alt_region', 'innocent_at_collector'),
      ...{ address: maybe(address), operation, failure, ms },
      ...ack,
    }),
    { maxLength: 5 },
  );

const stalls: fc.Arbitrary<Stall[]> = fc.array(
  fc.record({
    ...{ raw_bytes: fc.constantFrom(0, 1200, 1300, 16_000), packets: maybe(fc.constantFrom(25, 26)) },
    ...{ messages: fc.nat({ max: 12 }), age_ms: fc.constantFrom(8000, 60_000), idle_ms: ms },
    end: fc.constantFrom('silence', 'rst', 'fin', 'alive'),
    ...ack,
  }),
  { maxLength: 3 },
);
const bulk: fc.Arbitrary<Bulk[]> = fc.array(
  fc.record({
    ...{ peer: fc.constantFrom('collector', 'baseline'), form: fc.constantFrom('push', 'pull', 'messages') },
    ...{ wanted: fc.constant(131_072), moved: fc.constantFrom(0, 16_000, 17_000, 131_072) },
    ...{ ms: fc.constantFrom(0, 200, 9000), failure },
  }),
  { maxLength: 4 },
);
const baseline = (atMs: number): fc.Arbitrary<Baseline> =>
  fc.record({
    at_ms: fc.constantFrom(atMs, Math.max(0, atMs - 5 * MINUTE), atMs + 20 * MINUTE),
    resolver_ok: maybe(fc.boolean()),
    sites: fc.array(
      fc.record({
        kind: fc.constantFrom('ru_allowlisted', 'ru_ordinary', 'foreign_ordinary', 'collector'),
        host: fc.constant('site.example'),
        operation: fc.oneof(fc.constant(null), operation),
        ...{ failure, ms },
      }),
      { maxLength: 6 },
    ),
    captive: fc.option(fc.constant({ status: 302, location_host: 'login.example' }), { nil: null, freq: 9 }),
  });

function record(proves: boolean, atMs: number): fc.Arbitrary<ReachabilityRecord> {
  const pool = fc.boolean().map((tls) => poolTarget('pool.example', 3333, tls));
  const role = fc.constantFrom('pool', 'pool', 'collector', 'frps', 'baseline');
  return fc.record({
    kind: fc.constant('reachability'),
    at_ms: fc.constant(atMs),
    target: fc.tuple(pool, role).map(([target, one]) => ({ ...target, role: one })),
    ...{ operation, failure, baseline: maybe(baseline(atMs)) },
    ...{ dns: fc.oneof(NONE, dns(proves)), addresses: trials(proves), control_addresses: addresses },
    attempts: fc.constant(3),
    ...{ variants: fc.oneof(NONE, variants(proves)) },
    stalls: proves ? fc.oneof(NONE, stalls) : stalls.map((some) => some.slice(0, 1)),
    bulk: proves ? fc.oneof(NONE, bulk) : bulk.map((some) => some.slice(0, 1)),
    ...{ egress: fc.constant(null), controls: NONE, verdict: fc.constant(null) },
    clock_skew_ms: maybe(fc.constantFrom(0, 1000, -400_000)),
  });
}

const NOW = 200 * MINUTE;
const control = (proves = true): fc.Arbitrary<ControlSample> =>
  fc.record({
    ...{ entry: fc.constant('stratum+tcp://pool.example:3333'), by: fc.constantFrom('a', 'b', 'c') },
    at_ms: fc.constantFrom(NOW, NOW - 4 * MINUTE, NOW - 6 * MINUTE),
    ...{ operation, failure, addresses, dns_failure: fc.constant(null), trials: trials(proves) },
  });
const inside: fc.Arbitrary<InsideControl> = fc.record({
  ...{ network: fc.constantFrom('AS1', 'AS2', 'AS3', 'AS4'), country: fc.constant('RU') },
  ...{ at_ms: fc.constantFrom(NOW, NOW - 40 * MINUTE), operation, failure, ms },
});
const anything: fc.Arbitrary<JudgeInput> = fc.record({
  sample: record(true, NOW),
  history: fc.array(
    fc.constantFrom(NOW - 20 * MINUTE, NOW - 5 * MINUTE).chain((atMs) => record(true, atMs)),
    { maxLength: 2 },
  ),
  controls: fc.array(control(), { maxLength: 3 }),
  inside: fc.array(inside, { maxLength: 4 }),
});

/** Blocks as they are, each with a control: a few changes of these come nearer to the rules' edges than anything at random. */
const BLOCKED: readonly Partial<ReachabilityRecord>[] = [
  { dns: [answerOf({ failure: 'dns_nxdomain_error' })] },
  { addresses: thrice((n) => deadTrial('203.0.113.10', n)) },
  {
    target: poolTarget('pool.example', 3334, true),
    addresses: thrice((n) => tlsTrial('203.0.113.10', n, { failure: 'connection_reset' })),
    variants: [variantOf('no_sni')],
  },
  {
    addresses: thrice((n) =>
      stratumTrial('203.0.113.10', n, { failure: 'generic_timeout_error', tx_unacked_bytes: 60 }),
    ),
  },
  { stalls: [stallOf(), stallOf()] },
];
const FIELDS = ['dns', 'addresses', 'variants', 'stalls', 'baseline', 'clock_skew_ms'] as const;
const changed: fc.Arbitrary<JudgeInput> = fc
  .tuple(fc.constantFrom(...BLOCKED), anything, fc.subarray([...FIELDS], { maxLength: 2 }), fc.boolean())
  .map(([block, random, fields, isKept]) => {
    const base = { at_ms: NOW, baseline: baselineOf({}, { at_ms: NOW }), ...block };
    const change = Object.fromEntries(fields.map((field) => [field, random.sample[field]]));
    const well = controlOf({ at_ms: NOW, trials: [tlsTrial('203.0.113.10', 0)] });
    return {
      ...random,
      sample: reachabilityOf({ ...base, ...change }),
      controls: isKept ? [well] : [well, ...random.controls],
    };
  });
const input = fc.oneof(anything, changed);

const isBlocked = (verdict: Verdict): boolean => verdict.verdict.startsWith('blocked:');
const LAYERS: Record<string, number> = { ...DEPTH, transfer: DEPTH.done };
const RUNS = { numRuns: 300 };

describe('judge, for any record', () => {
  it('gives a verdict that the wire takes, and the same again', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(input, (some) => {
        expect(ReachabilityRecord.safeParse(some.sample).success).toBe(true);
        const verdict = judge(some);
        seen.add(verdict.verdict);
        expect(Verdict.parse(verdict)).toEqual(verdict);
        expect(judge(structuredClone(some))).toEqual(verdict);
      }),
      RUNS,
    );
    // The generator reaches what it is to prove something about.
    expect([...seen].filter((name) => name.startsWith('blocked:')).length).toBeGreaterThan(3);
  });

  it('never says blocked without a fresh control or what proves itself', () => {
    const alone = fc.record({ sample: record(false, NOW), stale: fc.array(control(false), { maxLength: 2 }) });
    fc.assert(
      fc.property(alone, fc.array(inside, { maxLength: 4 }), ({ sample, stale }, others) => {
        const controls = stale.map((one) => ({ ...one, at_ms: NOW - 60 * MINUTE }));
        expect(isBlocked(judge({ sample, history: [], controls, inside: others }))).toBe(false);
      }),
      RUNS,
    );
  });

  it('says so where the evidence has to prove itself', () => {
    fc.assert(
      fc.property(input, (some) => {
        const verdict = judge({ ...some, controls: [] });
        expect(isBlocked(verdict)).toBe(verdict.flags.includes('self_proven'));
      }),
      RUNS,
    );
  });

  it('is never surer of blocked for what another network saw', () => {
    const sureness = (verdict: Verdict): number => (isBlocked(verdict) ? verdict.confidence : 0);
    fc.assert(
      fc.property(input, inside, (some, one) => {
        const after = judge({ ...some, inside: [...some.inside, one] });
        expect(sureness(after)).toBeLessThanOrEqual(sureness(judge(some)));
      }),
      RUNS,
    );
  });

  it('never says blocked at or behind the layer where two controls fail', () => {
    const layer = fc.constantFrom(
      ['resolve', DEPTH.dns] as const,
      ['connect', DEPTH.tcp] as const,
      ['tls_handshake', DEPTH.tls] as const,
      ['stratum_reply', DEPTH.stratum] as const,
    );
    fc.assert(
      fc.property(input, layer, failing, (some, [failed, depth], reason) => {
        const more = ['y', 'z'].map((by) => ({
          ...{ entry: some.sample.target.url, by, at_ms: NOW - (some.sample.clock_skew_ms ?? 0) },
          ...{ operation: failed, failure: reason, addresses: [], dns_failure: null, trials: [] },
        }));
        const verdict = judge({ ...some, controls: [...some.controls, ...more] });
        if (isBlocked(verdict)) expect(LAYERS[verdict.layer ?? 'dns']).toBeLessThan(depth);
      }),
      RUNS,
    );
  });
});
