// Reachability records as the tests need them.
import type { AddressTrial, Network, ReachabilityRecord } from '../../wire/reachability.ts';
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
