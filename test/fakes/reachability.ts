// Reachability records as the tests need them.
import type { ControlSample, InsideControl } from '../../wire/control.ts';
import type {
  AddressTrial,
  Baseline,
  BaselineSite,
  Bulk,
  DnsAnswer,
  Network,
  ReachabilityRecord,
  Stall,
  StratumStep,
  TlsStep,
  Variant,
} from '../../wire/reachability.ts';
import type { Verdict, VerdictName } from '../../wire/verdict.ts';

/** A plain pool that answered its first step; `change` overrides fields. */
export function reachabilityOf(change: Partial<ReachabilityRecord> = {}): ReachabilityRecord {
  return {
    kind: 'reachability',
    at_ms: 0,
    target: poolTarget('pool.example', 3333),
    operation: null,
    failure: null,
    baseline: null,
    dns: [],
    addresses: [wellTrial('203.0.113.10')],
    control_addresses: [],
    attempts: 1,
    controls: [],
    variants: [],
    stalls: [],
    bulk: [],
    egress: null,
    clock_skew_ms: null,
    verdict: null,
    ...change,
  };
}

export function poolTarget(host: string, port: number, tls = false): ReachabilityRecord['target'] {
  const url = `${tls ? 'stratum+ssl' : 'stratum+tcp'}://${host}:${port}`;
  return { role: 'pool', url, host, port, tls, sni: tls ? host : null, dialect: 'bitcoin' };
}

/** An address where every step of a plain pool went well. */
export function wellTrial(address: string, attempt = 0): AddressTrial {
  return {
    address,
    attempt,
    tcp: { failure: null, ms: 40 },
    tls: null,
    stratum: {
      failure: null,
      ms: 42,
      step: 'mining.subscribe',
      reply: 'json',
      page: null,
      rx_raw_bytes: 80,
      tx_unacked_bytes: 0,
      retransmits: 0,
      first_bytes: '{"id":1,"result":[null,"64290b"],"error":null}',
    },
    http: null,
  };
}

/** A verdict of this name without details. */
export function verdictOf(verdict: VerdictName): Verdict {
  return { verdict, layer: null, method: null, scope: null, flags: [], confidence: 0.9, evidence: [] };
}

/** An autonomous system as the collector's file names it. */
export function networkOf(asn: number, country: string | null): Network {
  return { address: null, asn, country, key: `AS${asn}` };
}

/** Sites by their kind; `change` of a kind makes all of that kind so. */
export function baselineOf(
  change: Partial<Record<BaselineSite['kind'], Partial<BaselineSite>>> = {},
  more: Partial<Baseline> = {},
): Baseline {
  const kinds = ['ru_allowlisted', 'ru_ordinary', 'foreign_ordinary'] as const;
  const sites = kinds.flatMap((kind) =>
    [1, 2].map((n) => ({ kind, host: `${kind}${n}.example`, operation: null, failure: null, ms: 90, ...change[kind] })),
  );
  return { at_ms: 0, resolver_ok: true, sites, captive: null, ...more };
}

/** A site that did not answer. */
export const deadSite: Partial<BaselineSite> = { operation: 'connect', failure: 'generic_timeout_error', ms: 10_000 };

export function answerOf(change: Partial<DnsAnswer> = {}): DnsAnswer {
  const base = { resolver: 'system', transport: 'system', family: 'A', late: [], failure: null, ms: 8 } as const;
  return { ...base, addresses: change.failure == null ? ['203.0.113.10'] : [], ...change, late: change.late ?? [] };
}

/** TCP failed: nothing behind it was reached. */
export function deadTrial(
  address: string,
  attempt = 0,
  failure: TlsStep['failure'] = 'generic_timeout_error',
): AddressTrial {
  const ms = failure === 'generic_timeout_error' ? 10_000 : 41;
  return { address, attempt, tcp: { failure, ms }, tls: null, stratum: null, http: null };
}

/** TCP worked, TLS did as `change` says (by default: a good handshake, and step 1 answered if `wellBehind`). */
export function tlsTrial(address: string, attempt: number, change: Partial<TlsStep> = {}): AddressTrial {
  const tls: TlsStep = {
    failure: null,
    ms: 90,
    protocol: 'TLSv1.3',
    alert: null,
    spki_sha256: null,
    issuer: null,
    rx_raw_bytes: 0,
    tx_unacked_bytes: 0,
    retransmits: 0,
    ...change,
  };
  const well = wellTrial(address, attempt);
  return { ...well, tls, stratum: tls.failure === null ? well.stratum : null };
}

/** TCP worked, step 1 ended as `change` says: nothing came back by default. */
export function stratumTrial(address: string, attempt: number, change: Partial<StratumStep>): AddressTrial {
  const nothing = { reply: null, page: null, rx_raw_bytes: 0, first_bytes: null } as const;
  const well = wellTrial(address, attempt);
  return { ...well, stratum: well.stratum && { ...well.stratum, ...nothing, ...change } };
}

/** Three attempts by the same maker. */
export const thrice = (make: (attempt: number) => AddressTrial): AddressTrial[] => [0, 1, 2].map(make);

export function variantOf(variant: Variant['variant'], change: Partial<Variant> = {}): Variant {
  const base = {
    address: '203.0.113.10',
    operation: null,
    failure: null,
    ms: 120,
    tx_unacked_bytes: 0,
    retransmits: 0,
  };
  return { ...base, ...change, variant };
}

/** A connection that was watched and swallowed our last bytes. */
export function stallOf(change: Partial<Stall> = {}): Stall {
  return {
    raw_bytes: 1200,
    packets: 25,
    messages: 10,
    age_ms: 8000,
    idle_ms: 5000,
    end: 'silence',
    tx_unacked_bytes: 1,
    retransmits: 4,
    ...change,
  };
}

export function bulkOf(change: Partial<Bulk> = {}): Bulk {
  return { peer: 'collector', form: 'pull', wanted: 131_072, moved: 131_072, ms: 900, failure: null, ...change };
}

/** A control that got the pool's answer on its address. */
export function controlOf(change: Partial<ControlSample> = {}): ControlSample {
  return {
    entry: 'stratum+tcp://pool.example:3333',
    by: 'collector-a',
    at_ms: 0,
    operation: null,
    failure: null,
    addresses: ['203.0.113.10'],
    dns_failure: null,
    trials: [wellTrial('203.0.113.10')],
    ...change,
  };
}

export function insideOf(network: string, change: Partial<InsideControl> = {}): InsideControl {
  return { network, country: 'RU', at_ms: 0, operation: null, failure: null, ms: 80, ...change };
}
