// A rented machine that does well, and everything that can be changed about it.
import { expectationOf, RECENT_MS, type MachineFacts } from '../../collector/judge/machine-facts.ts';
import { exposureOf } from '../../collector/judge/exposure.ts';
import { NO_SHARES, type StoredEvent, type Timed } from '../../collector/store/store.ts';
import type { LifecycleRecord, HostGpu, HostRecord } from '../../wire/records.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { gpuRecord, hashrateRecord, hostRecord, lifecycleRecord, sharesRecord, BOOT } from './reports.ts';

export const NOW_MS = Date.UTC(2026, 10, 1, 12);
export const POOL = 'stratum+tcp://pool.example:3333';
/** Four RTX 3070 at 150 W: the tables say 22.9 to 38.2 MH/s each. */
const RATE_HS = 4 * 31e6;
/** A share each ten seconds. */
const SHARE_HASHES = RATE_HS * 10;

const STEP_MS = 15_000;
/** Of records. */
const SPAN_MS = RECENT_MS;

export function order(over: Partial<OrderRegistration> = {}): OrderRegistration {
  return {
    ...{ server: 4711, host: 'host-9', worker: 'rig-1', bid_clore_day: 120 },
    ...{ placed_at: new Date(NOW_MS - 4 * 3_600_000).toISOString(), ended_at: null, order_id: 1 },
    ...{ expect: [{ model: 'RTX 3070', count: 4 }], power_limits_w: [150, 150, 150, 150] },
    ...over,
  };
}

export function hostGpus(count: number, over: Partial<HostGpu> = {}): HostGpu[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ index, uuid: `GPU-${index}`, pci_bus: `00000000:0${index}:00.0`, model: 'NVIDIA GeForce RTX 3070' },
    ...{
      memory_bytes: 8192 * 1_048_576,
      power_limit_w: 150,
      power_limit_max_w: 240,
      pcie_gen_max: 4,
      pcie_width_max: 16,
    },
    ...over,
  }));
}

export interface Plan {
  /** What the miner claims, and what it delivers, in H/s. */
  claimed_hs?: number;
  delivered_hs?: number;
  /** The host's record, the order and the rest, where they are to be other. */
  host?: Partial<HostRecord>;
  order?: OrderRegistration | null;
  events?: readonly StoredEvent[];
  facts?: Partial<MachineFacts>;
}

/** Two hours of a machine, shares as regular as a clock. */
export function machineFacts(plan: Plan = {}): MachineFacts {
  const times = Array.from({ length: SPAN_MS / STEP_MS }, (_, i) => NOW_MS - SPAN_MS + (i + 1) * STEP_MS);
  const claimed_hs = plan.claimed_hs ?? RATE_HS;
  const per_step = ((plan.delivered_hs ?? RATE_HS * 0.99) * STEP_MS) / 1000 / SHARE_HASHES;
  const timed = <T extends { at_ms: number }>(record: T): Timed<T> => ({ at_ms: record.at_ms, record });
  const hashrate = times.map((at_ms, i) =>
    timed(hashrateRecord(at_ms, { claimed_hs, miner_uptime_s: 7200 + i * 15, pool: POOL })),
  );
  const shares = times.map((at_ms, i) => {
    const accepted = Math.floor((i + 1) * per_step) - Math.floor(i * per_step);
    const work = { work_hashes: accepted * SHARE_HASHES, work_sq_hashes2: accepted * SHARE_HASHES ** 2 };
    const work_max_hashes = accepted > 0 ? SHARE_HASHES : 0;
    return timed(
      sharesRecord(at_ms, accepted, { ...work, work_max_hashes, share_work_hashes: SHARE_HASHES, pool: POOL }),
    );
  });
  const gpu = times.map((at_ms) => {
    const record = gpuRecord(at_ms, [140, 140, 140, 140]);
    const cards = record.gpus.map((card) => ({ ...card, power_limit_w: 150, pcie_width: 16, pcie_gen: 4 }));
    return timed({ ...record, gpus: cards });
  });
  const host = timed(hostRecord(NOW_MS - 3 * 3_600_000, { expect: null, gpus: hostGpus(4), ...plan.host }));
  const placed = plan.order === undefined ? order() : plan.order;
  const delivered = { ...NO_SHARES, records: shares.length, window_ms: SPAN_MS };
  for (const { record } of shares) {
    delivered.work_hashes += record.work_hashes;
    delivered.work_sq_hashes2 += record.work_sq_hashes2;
    delivered.work_max_hashes = Math.max(delivered.work_max_hashes, record.work_max_hashes);
  }
  const facts: MachineFacts = {
    ...{ worker: 'rig-1', now_ms: NOW_MS, listening_since_ms: 0, order: placed },
    hello: { stage: 'start', code: 0, at_ms: NOW_MS - 3.9 * 3_600_000 },
    last_report_ms: NOW_MS - 3000,
    ...{ host, hashrate, shares, gpu, events: plan.events ?? [] },
    exposure: exposureOf({ shares, hashrate, troubles: [] }),
    ...{ delivered, pool_figures: [], expectation: null },
    peers: { reject_share: null, silent_share: null, absent_share: 0 },
    earlier_bad_orders: 0,
    ...plan.facts,
  };
  return { ...facts, expectation: plan.facts?.expectation ?? expectationOf(facts, { own: [], fleet: [] }) };
}

/** An event, so many milliseconds ago. */
export function event(ago_ms: number, over: Partial<LifecycleRecord> & { boot?: string } = {}): StoredEvent {
  const { boot = BOOT, ...record } = over;
  const at_ms = NOW_MS - ago_ms;
  return { worker: 'rig-1', boot, at_ms, record: lifecycleRecord(at_ms, record) };
}
