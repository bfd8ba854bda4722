// A made-up fleet as the reader's API tells it: one worker of every state, and one whose every text is markup.
import { EventsAnswer, SeriesAnswer, WorkerDetail, WorkersAnswer, WORKER_STATES } from '../../wire/api.ts';
import type { EventRow, WorkerRow } from '../../wire/api.ts';

/** What a hostile worker would write, hoping that some page makes elements of it. */
export const HOSTILE_LINE = '<img src=x onerror=alert(1)><script>alert(2)</script>';
/** The worker that writes it. */
export const HOSTILE_WORKER = 'rig-hostile';

const BOOT = '0123456789abcdef0123456789abcdef';

function iso(now_ms: number, ago_s: number): string {
  return new Date(now_ms - ago_s * 1000).toISOString();
}

function gpu(index: number, seed: number): WorkerRow['gpus'][number] {
  return {
    index,
    uuid: `GPU-${seed}-${index}`,
    pci_bus: `00000000:0${index + 1}:00.0`,
    model: 'NVIDIA GeForce RTX 3070',
    power_w: 121 + ((seed * 7 + index * 3) % 9),
    power_limit_w: 130,
    temperature_c: 56 + ((seed * 5 + index * 4) % 17),
    memory_temperature_c: index === 3 ? null : 78,
    fan_pct: 61,
    core_mhz: 1110,
    memory_mhz: 7800,
    utilization_pct: 100,
    memory_used_bytes: 5_260_000_000,
    throttle: index === 1 ? ['sw_power_cap'] : [],
    pcie_gen: 3,
    pcie_width: index === 2 ? 1 : 4,
    pcie_width_max: index === 2 ? 16 : 4,
  };
}

/** A worker that hashes well; `seed` varies its figures. */
export function hashingRow(id: string, seed: number, now_ms: number): WorkerRow {
  const delivered_hs = 118_000_000 + ((seed * 37) % 11) * 1_100_000;
  const gpus = [0, 1, 2, 3].map((index) => gpu(index, seed));
  return {
    id,
    state: 'hashing',
    last_seen_at: iso(now_ms, 6),
    boot: BOOT,
    miner: 't-rex',
    algo: 'kawpow',
    pool: 'stratum+tcp://eu.pool.example:6060',
    claimed_hs: delivered_hs * 1.012,
    delivered_hs,
    delivered_low_hs: delivered_hs * 0.91,
    delivered_high_hs: delivered_hs * 1.1,
    accepted: 1200 + seed * 13,
    rejected: seed % 4,
    unanswered: seed % 3,
    power_w: gpus.reduce((sum, { power_w }) => sum + (power_w ?? 0), 0),
    gpus,
    last_event: {
      at: iso(now_ms, 600 + seed * 240),
      event: 'pool_connected',
      level: 'info',
      detail: 'eu.pool.example:6060',
    },
  };
}

const UNKNOWN_FIGURES = {
  claimed_hs: null,
  delivered_hs: null,
  delivered_low_hs: null,
  delivered_high_hs: null,
  power_w: null,
};

function oneOfEveryState(now_ms: number): WorkerRow[] {
  return WORKER_STATES.filter((state) => state !== 'hashing').map((state, i): WorkerRow => {
    const row = hashingRow(`rig-${state.replace('_', '-')}`, i + 50, now_ms);
    const silent = state === 'stuck' || state === 'offline';
    return {
      ...row,
      ...(state === 'offline' ? {} : { ...UNKNOWN_FIGURES, gpus: [] }),
      state,
      last_seen_at: iso(now_ms, silent ? 1500 : 5),
      ...(state === 'stuck' ? { boot: null, miner: null, algo: null, pool: null, accepted: 0 } : {}),
      last_event:
        state === 'stuck'
          ? { at: iso(now_ms, 1500), event: 'hello', level: 'error', detail: 'stage runtime failed with code 28' }
          : { at: iso(now_ms, 90), event: 'miner_exited', level: 'warn', detail: `exit code 1 while ${state}` },
    };
  });
}

/** `hashing` good workers, one of every other state, an over-claiming one, and the hostile one. */
export function fleetAnswer(now_ms: number, hashing: number): WorkersAnswer {
  const good = Array.from({ length: hashing }, (_, i) => hashingRow(`rig-${i + 1}`, i, now_ms));
  const liar = { ...hashingRow('rig-liar', 3, now_ms), claimed_hs: 190_000_000 };
  const hostile: WorkerRow = {
    ...hashingRow(HOSTILE_WORKER, 8, now_ms),
    miner: HOSTILE_LINE,
    pool: HOSTILE_LINE,
    last_event: { at: iso(now_ms, 30), event: 'miner_started', level: 'info', detail: HOSTILE_LINE },
  };
  return WorkersAnswer.parse({ workers: [...good, hostile, liar, ...oneOfEveryState(now_ms)] });
}

function eventsOf(id: string, now_ms: number): EventRow[] {
  const base = { worker: id, claimed: null, boot: BOOT, exit_code: null, signal: null, log: [] };
  return [
    { ...base, at: iso(now_ms, 40), event: 'miner_started', level: 'info', detail: HOSTILE_LINE },
    {
      ...base,
      at: iso(now_ms, 95),
      event: 'miner_exited',
      level: 'error',
      detail: 'The miner ended while it was hashing.',
      exit_code: 1,
      log: ['20260102 10:11:12 GPU #1: illegal memory access', HOSTILE_LINE, 'cuda error, exiting'],
    },
    { ...base, at: iso(now_ms, 100), event: 'pool_disconnected', level: 'warn', detail: 'connection_reset' },
    { ...base, at: iso(now_ms, 3000), event: 'worker_started', level: 'info', detail: '' },
  ];
}

/** Events of two workers, and a stranger's whose every text is markup. */
export function eventsAnswer({ workers }: WorkersAnswer, now_ms: number): EventsAnswer {
  const stranger: EventRow = {
    ...{ worker: null, claimed: { frp_user: HOSTILE_LINE, frp_proxy: null }, boot: null, at: iso(now_ms, 10) },
    ...{ event: 'frp_refused', level: 'warn', detail: `Login of ${HOSTILE_LINE} refused: no ticket` },
    ...{ exit_code: null, signal: null, log: [] },
  };
  return EventsAnswer.parse({ events: [stranger, ...workers.slice(0, 2).flatMap(({ id }) => eventsOf(id, now_ms))] });
}

/** The detail of one row, with log lines that grow with time. */
export function detailAnswer(worker: WorkerRow, now_ms: number): WorkerDetail {
  const newest = Math.floor(now_ms / 1000);
  const log = Array.from({ length: 120 }, (_, i) => ({
    at: new Date((newest - 119 + i) * 1000).toISOString(),
    source: i < 3 ? ('head' as const) : i % 17 === 0 ? ('worker' as const) : ('miner' as const),
    line: i % 40 === 39 ? HOSTILE_LINE : `[ OK ] ${1000 + i}/1003 - 118.21 MH/s, 42 ms (line ${newest - 119 + i})`,
  }));
  return WorkerDetail.parse({
    worker,
    host: {
      release: '0.1.0',
      payload_sha256: 'ab'.repeat(32),
      os: 'Ubuntu 24.04 LTS',
      kernel: '6.8.0-45-generic',
      arch: 'x64',
      cpu_model: 'AMD Ryzen 5 3600',
      cpu_cores: 12,
      memory_bytes: 16_700_000_000,
      disk_free_bytes: 611_000_000,
      driver_version: '565.77',
      cuda_version: '12.7',
      gpus: worker.gpus.map(({ model }) => ({ model })),
      server: '48213',
      expect: '4xRTX 3070',
      country: 'KZ',
    },
    frp: {
      ...{ kind: 'frp', at_ms: now_ms - 42_000, state: 'up', frps: 'frp://tun.example.org:443', rung: 'tls_classic' },
      ...{ found_ms: 1740, canary_bytes: 65_536, canary_ms: 212, egress: [] },
      exposed: [
        { name: 'ssh', type: 'stcp', local_port: 22, remote_port: null, state: 'up', reason: null },
        { name: 'miner', type: 'tcp', local_port: 4067, remote_port: 20_003, state: 'up', reason: null },
        { name: 'web', type: 'stcp', local_port: 80, remote_port: null, state: 'refused', reason: HOSTILE_LINE },
      ],
    },
    log,
    events: eventsOf(worker.id, now_ms),
  });
}

/** An hour in steps of 15 s with a silence in it; the interval narrows as shares come. */
export function seriesAnswer(worker: WorkerRow, now_ms: number): SeriesAnswer {
  const now_s = Math.floor(now_ms / 1000);
  const t = Array.from({ length: 240 }, (_, i) => now_s - (239 - i) * 15).filter((_, i) => i < 90 || i > 110);
  const known = worker.claimed_hs !== null;
  const column = (value: (i: number) => number) => t.map((_, i) => (known ? value(i) : null));
  const claimed = worker.claimed_hs ?? 0;
  const delivered = (i: number) => (worker.delivered_hs ?? 0) * (1 + 0.05 * Math.sin(i / 9));
  return SeriesAnswer.parse({
    t,
    claimed_hs: column((i) => claimed * (1 + 0.01 * Math.sin(i / 3))),
    delivered_hs: column(delivered),
    delivered_low_hs: column((i) => delivered(i) * (1 - 0.8 / Math.sqrt(i + 2))),
    delivered_high_hs: column((i) => delivered(i) * (1 + 1.2 / Math.sqrt(i + 2))),
    accepted: column((i) => i % 5),
    rejected: column(() => 0),
    power_w: column((i) => (worker.power_w ?? 0) + 6 * Math.sin(i / 5)),
    temperature_c: column((i) => 63 + 4 * Math.sin(i / 30)),
  });
}
