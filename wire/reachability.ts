// What a reachability measurement says: one endpoint, step by step (worker or collector), and the surroundings that tell a block
// from a dead pool or a dead line. Thresholds and timers are the prober's data, not this file's. Unknown is null.
import * as z from 'zod/mini';
import { Failure, Operation } from './failure.ts';
import { Amount, Count, EndpointUrl, Name, UnixMs } from './fields.ts';
import { Dialect } from './dialect.ts';
import { Verdict } from './verdict.ts';

const Address = z.string().check(z.maxLength(64));
const HostName = z.string().check(z.maxLength(253));
const Step = { failure: z.nullable(Failure), ms: z.nullable(Amount) };

/** What the kernel knew of a connection when its answer was due (/proc/net/tcp): unacked bytes tell a lossy path from a silent peer. */
const Ack = { tx_unacked_bytes: z.nullable(Count), retransmits: z.nullable(Count) };

export const Target = z.object({
  role: z.enum(['pool', 'collector', 'frps', 'baseline']),
  /** `scheme://host:port` without a login: also the name that a control measurement is asked for by. */
  url: EndpointUrl,
  host: HostName,
  port: z.int().check(z.minimum(1), z.maximum(65535)),
  tls: z.boolean(),
  /** The name in the TLS hello; null = none is sent, or no TLS. */
  sni: z.nullable(HostName),
  dialect: z.nullable(Dialect),
});
export type Target = z.infer<typeof Target>;

/** One question to one resolver. `dns_bogon_error` as failure: it answered, with addresses that no public name has. */
export const DnsAnswer = z.object({
  resolver: Name,
  transport: z.enum(['system', 'udp', 'tcp', 'doh']),
  family: z.enum(['A', 'AAAA']),
  addresses: z.array(Address).check(z.maxLength(16)),
  /** Addresses of further answers to the same query that came later and differ: injection. */
  late: z.array(Address).check(z.maxLength(16)),
  ...Step,
});
export type DnsAnswer = z.infer<typeof DnsAnswer>;

export const TlsStep = z.object({
  ...Step,
  protocol: z.nullable(Name),
  /** Number of the TLS alert that ended the handshake. */
  alert: z.nullable(Count),
  /** Base64 SHA-256 of the peer's public key (SPKI); pools sign their own, so this is compared, never judged by authorities. */
  spki_sha256: z.nullable(Name),
  issuer: z.nullable(Name),
  /** Bytes that came on the raw connection during the handshake. */
  rx_raw_bytes: z.nullable(Count),
  ...Ack,
});
export type TlsStep = z.infer<typeof TlsStep>;

/** The dialect's first request and what came back. Any JSON line proves the path, also an error. */
export const StratumStep = z.object({
  ...Step,
  /** The request's method, `mining.subscribe`. */
  step: z.nullable(Name),
  /** What came: a JSON answer, a JSON error about the login (path is fine), a ban in JSON, an HTTP page, other bytes; null = nothing. */
  reply: z.nullable(z.enum(['json', 'auth_error', 'ban', 'page', 'other'])),
  /** Of an HTTP page: its status and the host that it sends the client to. */
  page: z.nullable(z.object({ status: Count, location_host: z.nullable(HostName) })),
  rx_raw_bytes: z.nullable(Count),
  ...Ack,
  /** The first bytes as Latin-1 text, at most 64, control characters replaced. */
  first_bytes: z.nullable(z.string().check(z.maxLength(64))),
});
export type StratumStep = z.infer<typeof StratumStep>;

/** One address of the target, tried once, from TCP up to the first step that failed; a step that was not reached is null. */
export const AddressTrial = z.object({
  address: Address,
  /** Ordinal of the attempt that it belongs to, from 0. */
  attempt: Count,
  tcp: z.nullable(z.object(Step)),
  tls: z.nullable(TlsStep),
  stratum: z.nullable(StratumStep),
  /** Of a collector or baseline target: the HTTP request instead of stratum. */
  http: z.nullable(
    z.object({
      ...Step,
      status: z.nullable(Count),
      location_host: z.nullable(HostName),
      rx_raw_bytes: z.nullable(Count),
      ...Ack,
    }),
  ),
});
export type AddressTrial = z.infer<typeof AddressTrial>;

/** The same with one thing changed; only after a failure. `operation` null = it worked. */
export const Variant = z.object({
  variant: z.enum([
    'no_sni',
    'innocent_sni',
    'split_hello',
    'tls12',
    'tls13',
    'alt_port',
    'alt_region',
    /** The step that failed (TLS hello with the pool's name, stratum line), spoken to the collector's own address. */
    'at_collector',
    /** An innocent line or hello to the collector in the same way: what `at_collector` is compared with. */
    'innocent_at_collector',
    /** The innocent test once more after the triggering ones: fails = residual blocking. */
    'innocent_again',
  ]),
  address: z.nullable(Address),
  operation: z.nullable(Operation),
  ...Step,
  ...Ack,
});
export type Variant = z.infer<typeof Variant>;

/** A connection that worked and then went quiet without an end. */
export const Stall = z.object({
  raw_bytes: Count,
  /** Segments both ways as far as the kernel tells; null where it does not. */
  packets: z.nullable(Count),
  messages: Count,
  age_ms: Amount,
  /** How long nothing had passed before the write that got no answer: tells an idle kill from a freeze. Null: nothing was written. */
  idle_ms: z.nullable(Amount),
  /** How it ended: silence (a freeze), a reset, a normal end, or not at all while it was watched (all is well). */
  end: z.enum(['silence', 'rst', 'fin', 'alive']),
  ...Ack,
});
export type Stall = z.infer<typeof Stall>;

/** Many bytes or many small messages, against the collector or a baseline site, never against a pool. */
export const Bulk = z.object({
  peer: z.enum(['collector', 'baseline']),
  form: z.enum(['push', 'pull', 'messages']),
  /** What was to be moved, and what was moved before it ended. */
  wanted: Count,
  moved: Count,
  ms: Amount,
  failure: z.nullable(Failure),
});
export type Bulk = z.infer<typeof Bulk>;

/** A site that has nothing to do with the target: is the line alive, and towards whom? */
export const BaselineSite = z.object({
  kind: z.enum(['ru_allowlisted', 'ru_ordinary', 'foreign_ordinary', 'collector']),
  host: HostName,
  operation: z.nullable(Operation),
  ...Step,
});
export type BaselineSite = z.infer<typeof BaselineSite>;

export const Baseline = z.object({
  at_ms: UnixMs,
  /** The system's resolver answered for an innocent name. */
  resolver_ok: z.nullable(z.boolean()),
  sites: z.array(BaselineSite).check(z.maxLength(12)),
  /** A plain HTTP request to a known page got something else: a login page stands in the way. */
  captive: z.nullable(z.object({ status: Count, location_host: z.nullable(HostName) })),
});
export type Baseline = z.infer<typeof Baseline>;

/** How a network looks from the collector: what workers in the same network have in common. */
export const Network = z.object({
  address: z.nullable(Address),
  /** Number of the autonomous system; null where the collector has no file that tells. */
  asn: z.nullable(Count),
  country: z.nullable(Name),
  /** `AS12345`, or the prefix (/24, /48) where the AS is not known. */
  key: Name,
});
export type Network = z.infer<typeof Network>;

/** The same steps as the worker's, from the collector's line. */
export const ControlSample = z.object({
  entry: EndpointUrl,
  /** Which vantage point: the collector's own name, so that two collectors count as two controls. */
  by: Name,
  at_ms: UnixMs,
  /** The deepest step that failed; both null when all went well. */
  operation: z.nullable(Operation),
  failure: z.nullable(Failure),
  /** Addresses that the name has, by the collector's own resolver; [] for none. Fit to be pinned. */
  addresses: z.array(z.string().check(z.maxLength(64))).check(z.maxLength(16)),
  dns_failure: z.nullable(Failure),
  trials: z.array(AddressTrial).check(z.maxLength(16)),
});
export type ControlSample = z.infer<typeof ControlSample>;

/** Control samples that a record carries. */
export const RECORD_CONTROLS_MAX = 4;

/** One endpoint, measured by a worker. A failed step is a good sample. */
export const ReachabilityRecord = z.object({
  kind: z.literal('reachability'),
  at_ms: UnixMs,
  target: Target,
  /** The deepest step that any attempt came to and where it failed there, and its failure; both null when all went well. */
  operation: z.nullable(Operation),
  failure: z.nullable(Failure),
  baseline: z.nullable(Baseline),
  dns: z.array(DnsAnswer).check(z.maxLength(16)),
  /** All attempts, oldest first. */
  addresses: z.array(AddressTrial).check(z.maxLength(24)),
  /** Addresses among these that only the collector's answer gave. */
  control_addresses: z.array(Address).check(z.maxLength(16)),
  attempts: Count,
  /**
   * What collectors answered about this target, one sample each: the collector that stores the record knows its own, and learns
   * the others' from here. They count for this record alone, because a worker could have made them up.
   */
  controls: z.array(ControlSample).check(z.maxLength(RECORD_CONTROLS_MAX)),
  variants: z.array(Variant).check(z.maxLength(16)),
  stalls: z.array(Stall).check(z.maxLength(4)),
  bulk: z.array(Bulk).check(z.maxLength(6)),
  egress: z.nullable(Network),
  /** Of role frps, where frpc came so far: its login, and the canary (bytes that came back, and when the last one did). */
  frp: z.optional(
    z.object({ login_ms: z.nullable(Amount), canary_bytes: z.nullable(Count), canary_ms: z.nullable(Amount) }),
  ),
  /** The worker's clock less the collector's. */
  clock_skew_ms: z.nullable(z.number()),
  verdict: z.nullable(Verdict),
});
export type ReachabilityRecord = z.infer<typeof ReachabilityRecord>;
