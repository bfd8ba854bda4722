// Reports as a worker sends them, for tests and benches of the collector.
import { gzipSync } from 'node:zlib';
import type { Envelope } from '../../wire/envelope.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type {
  GpuRecord,
  HashrateRecord,
  HostRecord,
  LifecycleRecord,
  LogRecord,
  SharesRecord,
} from '../../wire/records.ts';

export const BOOT = '0123456789abcdef0123456789abcdef';

export function hostRecord(at_ms: number, over: Partial<HostRecord> = {}): HostRecord {
  return {
    kind: 'host',
    at_ms,
    release: '0.1.0',
    payload_sha256: null,
    os: 'Ubuntu 24.04',
    kernel: '6.8.0',
    arch: 'x64',
    cpu_model: 'Intel Celeron G3930',
    cpu_cores: 2,
    memory_bytes: 4_000_000_000,
    disk_free_bytes: 650_000_000,
    driver_version: '550.54',
    cuda_version: '12.4',
    gpus: null,
    server: '1234',
    expect: '4xRTX 3070',
    country: 'KZ',
    ...over,
  };
}

export function frpRecord(at_ms: number, over: Partial<FrpRecord> = {}): FrpRecord {
  return {
    ...{ kind: 'frp', at_ms, state: 'connecting', frps: null, rung: null, found_ms: null },
    ...{ canary_bytes: null, canary_ms: null, exposed: [], egress: [] },
    ...over,
  };
}

export function hashrateRecord(at_ms: number, over: Partial<HashrateRecord> = {}): HashrateRecord {
  return {
    kind: 'hashrate',
    at_ms,
    state: 'hashing',
    miner: 't-rex',
    miner_version: '0.26.8',
    algo: 'kawpow',
    pool: 'stratum+tcp://pool.example:3333',
    miner_uptime_s: 120,
    claimed_hs: 1_000_000,
    claimed_gpus: [0, 1, 2, 3].map((index) => ({ index, pci_bus: `00000000:0${index}:00.0`, hashrate_hs: 250_000 })),
    claimed_accepted: 10,
    claimed_rejected: 0,
    delivered_hs: null,
    delivered_low_hs: null,
    delivered_high_hs: null,
    delivered_window_ms: null,
    ...over,
  };
}

/** `shares` accepted shares of 1e6 expected hashes each in 15 s. */
export function sharesRecord(at_ms: number, shares: number, over: Partial<SharesRecord> = {}): SharesRecord {
  return {
    kind: 'shares',
    at_ms,
    window_ms: 15_000,
    connected_ms: 15_000,
    pool: 'stratum+tcp://pool.example:3333',
    dialect: 'bitcoin',
    accepted: shares,
    rejected: 0,
    stale: 0,
    unanswered: 0,
    unmeasured: 0,
    work_hashes: shares * 1e6,
    work_sq_hashes2: shares * 1e12,
    work_max_hashes: shares > 0 ? 1e6 : 0,
    share_work_hashes: 1e6,
    pool_rtt_ms: 40,
    accepted_total: shares,
    rejected_total: 0,
    stale_total: 0,
    unanswered_total: 0,
    ...over,
  };
}

export function gpuRecord(at_ms: number, power_w: readonly (number | null)[]): GpuRecord {
  return {
    kind: 'gpu',
    at_ms,
    gpus: power_w.map((watts, index) => ({
      index,
      uuid: `GPU-${index}`,
      pci_bus: `00000000:0${index}:00.0`,
      model: 'NVIDIA GeForce RTX 3070',
      power_w: watts,
      power_limit_w: 220,
      temperature_c: 60 + index,
      memory_temperature_c: null,
      fan_pct: 55,
      core_mhz: 1500,
      memory_mhz: 7000,
      utilization_pct: 100,
      memory_used_bytes: 6_000_000_000,
      throttle: ['sw_power_cap'],
      pcie_gen: 1,
      pcie_width: 1,
      pcie_width_max: 16,
    })),
  };
}

export function lifecycleRecord(at_ms: number, over: Partial<LifecycleRecord> = {}): LifecycleRecord {
  return {
    kind: 'lifecycle',
    at_ms,
    event: 'miner_started',
    level: 'info',
    detail: 't-rex started',
    exit_code: null,
    signal: null,
    log: [],
    ...over,
  };
}

export function logRecord(at_ms: number, lines: string[]): LogRecord {
  return { kind: 'log', at_ms, source: 'miner', lines, skipped: 0 };
}

export function envelope(over: Partial<Envelope> & { sentAt: number }): Envelope {
  return { v: 1, worker: 'rig-1', boot: BOOT, seq: 0, records: [hashrateRecord(over.sentAt)], ...over };
}

/** What a worker with four GPUs sends every 15 s. */
export function typicalEnvelope(over: Partial<Envelope> & { sentAt: number }): Envelope {
  const at = over.sentAt;
  return envelope({
    records: [
      hashrateRecord(at),
      sharesRecord(at, 3),
      gpuRecord(at, [118, 121, 119.5, null]),
      logRecord(at, ['GPU #0: RTX 3070 - 25.01 MH/s, [T:60C, P:118W, F:55%]', '[ OK ] 10/10 - 100.1 MH/s, 41ms']),
    ],
    ...over,
  });
}

export function gzipped(body: unknown): Buffer {
  return gzipSync(JSON.stringify(body));
}
