// What a worker reports. Every record has a kind and the moment it speaks of (`at_ms`, the worker's clock).
// Units are in the field names; unknown is null, never 0. Zod objects drop fields they do not know, so a newer worker
// may add fields without breaking an older collector.
import * as z from 'zod/mini';
import { Dialect } from './dialect.ts';
import { Amount, Count, Detail, EndpointUrl, LogLines, Name, Sha256, UnixMs } from './fields.ts';
import { FrpRecord } from './frp.ts';
import { GPUS_MAX, NAME_MAX_CHARS } from './limits.ts';
import { ReachabilityRecord } from './reachability.ts';

/** One GPU as the driver describes it; constant while the container lives. */
export const HostGpu = z.object({
  index: Count,
  uuid: z.nullable(Name),
  /** PCI bus id, `00000000:01:00.0`. */
  pci_bus: z.nullable(Name),
  model: z.nullable(Name),
  memory_bytes: z.nullable(Count),
  power_limit_w: z.nullable(Amount),
  power_limit_max_w: z.nullable(Amount),
  pcie_gen_max: z.nullable(Count),
  pcie_width_max: z.nullable(Count),
});
export type HostGpu = z.infer<typeof HostGpu>;

/** Facts about the machine and the order: once per boot. */
export const HostRecord = z.object({
  kind: z.literal('host'),
  at_ms: UnixMs,
  /** spotrig's own version, and the SHA-256 of the payload that runs. */
  release: Name,
  payload_sha256: z.nullable(Sha256),
  os: z.nullable(Name),
  kernel: z.nullable(Name),
  arch: z.nullable(Name),
  cpu_model: z.nullable(Name),
  cpu_cores: z.nullable(Count),
  memory_bytes: z.nullable(Count),
  disk_free_bytes: z.nullable(Count),
  driver_version: z.nullable(Name),
  cuda_version: z.nullable(Name),
  /** null = no nvidia-smi here; [] = it ran and saw none. */
  gpus: z.nullable(z.array(HostGpu).check(z.maxLength(GPUS_MAX))),
  /** The market's server id, what the renter expects there (`4xRTX 3070`), and its country, where the order said so. */
  server: z.nullable(Name),
  expect: z.nullable(Name),
  country: z.nullable(Name),
});
export type HostRecord = z.infer<typeof HostRecord>;

/** What the miner's process is doing, as the worker's supervisor sees it. */
export const MINER_STATES = ['preparing', 'starting', 'dag', 'hashing', 'stalled', 'backing_off', 'stopped'] as const;
export const MinerState = z.enum(MINER_STATES);
export type MinerState = z.infer<typeof MinerState>;

/** Hashrate: what the miner claims (its API), and what accepted shares prove (the relay's meter). */
export const HashrateRecord = z.object({
  kind: z.literal('hashrate'),
  at_ms: UnixMs,
  state: MinerState,
  miner: Name,
  miner_version: z.nullable(Name),
  algo: z.nullable(Name),
  /** The endpoint that the relay talks to: scheme, host and port, never a login. */
  pool: z.nullable(EndpointUrl),
  miner_uptime_s: z.nullable(Amount),
  claimed_hs: z.nullable(Amount),
  claimed_gpus: z
    .array(z.object({ index: Count, pci_bus: z.nullable(Name), hashrate_hs: z.nullable(Amount) }))
    .check(z.maxLength(GPUS_MAX)),
  /** The miner's own share counters since its start; the relay's are in the shares record. */
  claimed_accepted: z.nullable(Count),
  claimed_rejected: z.nullable(Count),
  /** By accepted shares over the window, with a 99.9 % interval (stratum/interval.ts); null while nothing can be said. */
  delivered_hs: z.nullable(Amount),
  delivered_low_hs: z.nullable(Amount),
  delivered_high_hs: z.nullable(Amount),
  delivered_window_ms: z.nullable(Amount),
});
export type HashrateRecord = z.infer<typeof HashrateRecord>;

/**
 * Shares between two reports, from the relay. Counts are of the window; the sums let a reader add windows and draw an
 * interval over any span: work = Σ expected hashes of the accepted shares (2^256 / target each), work_sq = Σ of their squares.
 */
export const SharesRecord = z.object({
  kind: z.literal('shares'),
  /** End of the window. */
  at_ms: UnixMs,
  window_ms: Amount,
  /** Of which a miner was logged in at the pool through the relay. */
  connected_ms: Amount,
  pool: z.nullable(EndpointUrl),
  dialect: Dialect,
  accepted: Count,
  rejected: Count,
  /** Rejected because the job was gone (error 21, or words like "stale"); not part of `rejected`. */
  stale: Count,
  /** Submits whose answer never came: the connection ended first, or 60 s passed. Neither lost nor accepted. */
  unanswered: Count,
  /** Accepted shares whose target the meter did not know: they prove no work. Part of `accepted`. */
  unmeasured: Count,
  work_hashes: Amount,
  work_sq_hashes2: Amount,
  work_max_hashes: Amount,
  /** Expected hashes per share at the end of the window; null before the first target. */
  share_work_hashes: z.nullable(Amount),
  /** Median time from a submit to the pool's answer in this window. */
  pool_rtt_ms: z.nullable(Amount),
  /** Since the boot began, for a reader that missed windows. */
  accepted_total: Count,
  rejected_total: Count,
  stale_total: Count,
  unanswered_total: Count,
});
export type SharesRecord = z.infer<typeof SharesRecord>;

/** Why a GPU runs slower than it could (names of nvidia-smi's clocks_event_reasons, without the prefix). */
export const THROTTLE_REASONS = [
  'gpu_idle',
  'applications_clocks_setting',
  'sw_power_cap',
  'hw_slowdown',
  'hw_thermal_slowdown',
  'hw_power_brake_slowdown',
  'sw_thermal_slowdown',
  'sync_boost',
] as const;

export const GpuSample = z.object({
  index: Count,
  uuid: z.nullable(Name),
  pci_bus: z.nullable(Name),
  model: z.nullable(Name),
  power_w: z.nullable(Amount),
  power_limit_w: z.nullable(Amount),
  temperature_c: z.nullable(z.number()),
  memory_temperature_c: z.nullable(z.number()),
  fan_pct: z.nullable(Amount),
  core_mhz: z.nullable(Amount),
  memory_mhz: z.nullable(Amount),
  utilization_pct: z.nullable(Amount),
  memory_used_bytes: z.nullable(Count),
  /** null = not told; [] = none. */
  throttle: z.nullable(z.array(z.enum(THROTTLE_REASONS)).check(z.maxLength(THROTTLE_REASONS.length))),
  pcie_gen: z.nullable(Count),
  pcie_width: z.nullable(Count),
  pcie_width_max: z.nullable(Count),
});
export type GpuSample = z.infer<typeof GpuSample>;

/** GPUs at one moment. */
export const GpuRecord = z.object({
  kind: z.literal('gpu'),
  at_ms: UnixMs,
  gpus: z.array(GpuSample).check(z.maxLength(GPUS_MAX)),
});
export type GpuRecord = z.infer<typeof GpuRecord>;

/** Events a worker sends. A collector takes names it does not know, so that a newer worker is not refused. */
export const LIFECYCLE_EVENTS = [
  'worker_started',
  'settings_refused',
  'worker_stopping',
  'artifact_ready',
  'artifact_failed',
  'mirror_dropped',
  'miner_started',
  'miner_adopted',
  'miner_exited',
  'miner_restarting',
  'miner_stopped',
  'miner_api_bad_answer',
  'watchdog_api_silent',
  'watchdog_zero_hashrate',
  'watchdog_no_share',
  'watchdog_gpu_idle',
  'watchdog_gpu_lost',
  'watchdog_cuda_error',
  'pool_connected',
  'pool_disconnected',
  'pool_unreachable',
  'pool_login_refused',
  'pool_key_changed',
  'pool_switched',
  'pool_blocked',
  'pool_unblocked',
  'pool_dns_repaired',
  'collector_blocked',
  'collector_unblocked',
  'probe_failed',
  'frp_up',
  'frp_down',
  'frp_refused',
  'frp_exposed',
  'frp_egress_used',
  'frp_egress_left',
  'gpu_tool_absent',
  'gpu_tool_failed',
  'spool_dropped',
  'spool_damaged',
  'collector_refused',
  'disk_low',
  'internal_error',
] as const;
export type LifecycleEvent = (typeof LIFECYCLE_EVENTS)[number];

/** Something happened. Where something died, the last log lines are the evidence. */
export const LifecycleRecord = z.object({
  kind: z.literal('lifecycle'),
  at_ms: UnixMs,
  event: z.string().check(z.regex(/^[a-z][a-z0-9_]*$/), z.maxLength(NAME_MAX_CHARS)),
  level: z.enum(['info', 'warn', 'error']),
  detail: Detail,
  exit_code: z.nullable(z.int()),
  signal: z.nullable(Name),
  log: LogLines,
});
export type LifecycleRecord = z.infer<typeof LifecycleRecord>;

/** An event as the worker's parts tell it: kind and time are added on its way into the spool, and what is left out is null. */
export interface LifecycleInput {
  event: LifecycleEvent;
  level: LifecycleRecord['level'];
  detail: string;
  exit_code?: number | null;
  signal?: string | null;
  log?: readonly string[];
}

/** New lines of a log since the last report. A renter cannot read a container's output: this is how he does. */
export const LogRecord = z.object({
  kind: z.literal('log'),
  at_ms: UnixMs,
  source: z.enum(['head', 'worker', 'miner']),
  lines: LogLines,
  /** Lines left out between the last record and this one, because there were too many. */
  skipped: Count,
});
export type LogRecord = z.infer<typeof LogRecord>;

export const WireRecord = z.discriminatedUnion('kind', [
  HostRecord,
  HashrateRecord,
  SharesRecord,
  GpuRecord,
  ReachabilityRecord,
  LifecycleRecord,
  LogRecord,
  FrpRecord,
]);
export type WireRecord = z.infer<typeof WireRecord>;
