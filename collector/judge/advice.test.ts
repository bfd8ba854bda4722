import { describe, expect, it } from 'vitest';
import { event, hostGpus, machineFacts, NOW_MS, order, type Plan } from '../../test/fakes/machine-facts.ts';
import { adviseHost, adviseMachine, ranked, type HostMachine } from './advice.ts';
import { costOf, spentClore } from './cost.ts';

const LOW_HS = 91.7e6;

function advice(plan: Plan = {}) {
  const { advice: what, because, against_host } = adviseMachine(machineFacts(plan));
  return [what, because.join('+'), against_host];
}

describe('advice about a machine', () => {
  it('is keep while nothing is wrong, or what is wrong does not cost anything', () => {
    expect(advice()).toEqual(['keep', '', false]);
    const gpu = machineFacts().gpu.map(({ at_ms, record }) => ({ at_ms, record: { ...record, gpus: record.gpus.map((g) => ({ ...g, pcie_width: 1 })) } })); // prettier-ignore
    expect(advice({ facts: { gpu } })).toEqual(['keep', '', false]);
  });

  it('is watch for what is suspected, or is the owner’s own doing', () => {
    expect(advice({ events: [event(60_000, { event: 'duplicate_boot' })] })).toEqual([
      'watch',
      'duplicate_boot',
      false,
    ]);
    expect(advice({ facts: { last_report_ms: NOW_MS - 6 * 60_000 } })).toEqual(['watch', 'offline', false]);
    const lost = event(60_000, { event: 'watchdog_gpu_lost' });
    expect(advice({ events: [lost] })).toEqual(['watch', 'gpu_lost', false]);
    const hello = { stage: 'settings', code: 78, at_ms: NOW_MS - 3_600_000 };
    expect(advice({ facts: { hello, last_report_ms: null, hashrate: [] } })).toEqual([
      'watch',
      'stuck_at_stage',
      false,
    ]);
  });

  it('is cancel for what is sure, and against the host only where it is his doing', () => {
    expect(advice({ host: { gpus: hostGpus(3) }, facts: { gpu: [] } })).toEqual(['cancel', 'gpu_missing', true]);
    expect(advice({ claimed_hs: LOW_HS * 0.7, delivered_hs: LOW_HS * 0.7 })).toEqual(['cancel', 'slow_claimed+slow_delivered', true]); // prettier-ignore
    const silent = { hello: null, last_report_ms: null, host: null, hashrate: [], shares: [], gpu: [] };
    expect(advice({ facts: silent })).toEqual(['cancel', 'no_hello', false]);
  });

  it('is blacklist for a lie: another model, or slow and claiming otherwise', () => {
    const other = hostGpus(4, { model: 'NVIDIA GeForce RTX 3060' });
    expect(advice({ host: { gpus: other }, facts: { gpu: [] } })).toEqual(['blacklist', 'gpu_other_model', true]);
    expect(advice({ delivered_hs: LOW_HS * 0.6 })).toEqual(['blacklist', 'slow_delivered+claims_too_much', true]);
  });

  it('is blacklist for the second order that ends so on one server, and never for the owner’s mistakes', () => {
    const facts = { earlier_bad_orders: 1, gpu: [] };
    expect(advice({ host: { gpus: hostGpus(3) }, facts })).toEqual(['blacklist', 'gpu_missing', true]);
    expect(advice({ facts })).toEqual(['keep', '', false]);
    const twice = event(60_000, { event: 'duplicate_boot' });
    expect(advice({ facts, events: [twice] })).toEqual(['watch', 'duplicate_boot', false]);
  });
});

describe('a machine is proven', () => {
  it('when its shares have shown it, and not while nobody says what to expect', () => {
    expect(adviseMachine(machineFacts()).proven).toBe(true);
    expect(adviseMachine(machineFacts({ delivered_hs: LOW_HS * 0.8 })).proven).toBe(false);
    const unknown = order({ expect: [{ model: 'RTX 5090', count: 4 }] });
    expect(adviseMachine(machineFacts({ order: unknown })).proven).toBeNull();
  });
});

describe('advice about a host', () => {
  const machines = (bad: number, good: number): HostMachine[] => [
    ...Array.from({ length: bad }, (_, i) => ({ server: i, advice: 'cancel' as const, against_host: true })),
    ...Array.from({ length: good }, (_, i) => ({ server: 100 + i, advice: 'keep' as const, against_host: false })),
  ];

  it.each([
    [0, 5, 'keep'],
    [1, 0, 'watch'],
    [1, 9, 'watch'],
    [2, 9, 'cancel'],
    [2, 4, 'blacklist'],
    [3, 0, 'blacklist'],
  ])('%d bad servers beside %d good ones: %s', (bad, good, what) => {
    expect(adviseHost(machines(bad, good))).toEqual({ advice: what, judged: bad + good, bad });
  });

  it('counts a server once, and not what was the path’s or the owner’s doing', () => {
    const twice = [...machines(1, 0), ...machines(1, 0)];
    expect(adviseHost(twice)).toEqual({ advice: 'watch', judged: 1, bad: 1 });
    expect(adviseHost([{ server: 1, advice: 'cancel', against_host: false }]).advice).toBe('keep');
    expect(adviseHost([])).toEqual({ advice: 'keep', judged: 0, bad: 0 });
  });
});

describe('the cost of a delivered hash', () => {
  it('is the bid by what accepted shares prove over all the time that is paid for', () => {
    const facts = machineFacts();
    const cost = costOf(facts);
    const proven_hs = facts.delivered.work_hashes / (4 * 3600);
    expect(cost.delivered_hs).toBeCloseTo(proven_hs, -3);
    expect(cost.clore_per_ths_day).toBeCloseTo((120 * 1e12) / proven_hs, 0);
    expect(cost.clore_per_ths_day_low).toBeLessThan(cost.clore_per_ths_day ?? NaN);
    expect(cost.clore_per_ths_day_high).toBeGreaterThan(cost.clore_per_ths_day ?? NaN);
    expect(spentClore(facts)).toBeCloseTo(20, 6);
  });

  it('ends with the order, and is not known without a bid or a share', () => {
    const ended = order({ ended_at: new Date(NOW_MS - 2 * 3_600_000).toISOString() });
    expect(spentClore(machineFacts({ order: ended }))).toBeCloseTo(10, 6);
    expect(costOf(machineFacts({ order: null }))).toMatchObject({ clore_per_ths_day: null, delivered_hs: expect.closeTo(122.8e6, -6) as number }); // prettier-ignore
    expect(spentClore(machineFacts({ order: null }))).toBeNull();
    const none = costOf(machineFacts({ delivered_hs: 0 }));
    expect(none).toMatchObject({ delivered_hs: 0, clore_per_ths_day: null, clore_per_ths_day_high: null });
  });

  it('ranks the cheapest first and the unknown last', () => {
    const cost = costOf(machineFacts());
    const at = (worker: string, clore_per_ths_day: number | null) => ({ worker, cost: { ...cost, clore_per_ths_day } });
    const all = [at('d', null), at('b', 3), at('c', 1), at('a', null), at('e', 2)];
    expect(ranked(all).map(({ worker }) => worker)).toEqual(['c', 'e', 'b', 'a', 'd']);
  });
});
