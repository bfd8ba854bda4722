import { describe, expect, it } from 'vitest';
import { event, hostGpus, machineFacts, NOW_MS, order, POOL, type Plan } from '../../test/fakes/machine-facts.ts';
import { MachineVerdict } from '../../wire/machine.ts';
import { MACHINE_VERDICTS, MACHINE_VERDICT_WORDS } from '../../wire/machine-names.ts';
import type { PoolFigure } from '../pool-api/figures.ts';
import type { MachineFacts } from './machine-facts.ts';
import { SEQUENTIAL } from './sequential-test.ts';
import { verdictsOf } from './verdicts.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;
const RATE_HS = 4 * 31e6;

function judged(plan: Plan = {}): MachineVerdict[] {
  return verdictsOf(machineFacts(plan)).map((one) => MachineVerdict.parse(one));
}

function names(plan: Plan = {}): string[] {
  return judged(plan).map(({ verdict }) => verdict);
}

/** The well machine's facts with records changed in the last `last_ms`. */
function changed<K extends 'hashrate' | 'shares' | 'gpu'>(
  kind: K,
  last_ms: number,
  change: (record: MachineFacts[K][number]['record'], at_ms: number) => object,
): Pick<MachineFacts, K> {
  const all = machineFacts()[kind].map(({ at_ms, record }) => ({
    at_ms,
    record: at_ms > NOW_MS - last_ms ? { ...record, ...change(record, at_ms) } : record,
  }));
  return { [kind]: all } as unknown as Pick<MachineFacts, K>;
}

const SILENT = { hashrate: [], shares: [], gpu: [], host: null, hello: null, last_report_ms: null } as const;

describe('verdicts on a machine', () => {
  it('are none for one that does well, with or without an order, and for one of which nothing is known', () => {
    expect(judged()).toEqual([]);
    expect(judged({ order: null })).toEqual([]);
    const exposure = { windows: [], excused_ms: machineFacts().exposure.excused_ms };
    expect(judged({ order: null, facts: { ...SILENT, exposure } })).toEqual([]);
  });

  it('have words, each one', () => {
    expect(MACHINE_VERDICTS).toHaveLength(15);
    for (const name of MACHINE_VERDICTS) expect(MACHINE_VERDICT_WORDS[name].length).toBeGreaterThan(10);
  });

  it('are the same each time', () => {
    const plan = { delivered_hs: RATE_HS * 0.4 };
    expect(judged(plan)).toEqual(judged(plan));
  });
});

describe('no_hello and stuck_at_stage', () => {
  const placed = (ago_ms: number, over = {}) => ({ order: order({ placed_at: new Date(NOW_MS - ago_ms).toISOString(), ...over }), facts: SILENT }); // prettier-ignore

  it('an order that never says hello, after ten minutes; not for an ended one, nor for the collector’s own absence', () => {
    expect(names(placed(9 * MIN))).toEqual([]);
    expect(judged(placed(11 * MIN))).toMatchObject([
      { verdict: 'no_hello', confidence: 0.8, since_ms: NOW_MS - 11 * MIN },
    ]);
    expect(judged(placed(30 * MIN))[0]?.confidence).toBe(0.95);
    expect(names(placed(30 * MIN, { ended_at: new Date(NOW_MS).toISOString() }))).toEqual([]);
    expect(names({ ...placed(30 * MIN), facts: { ...SILENT, listening_since_ms: NOW_MS - 5 * MIN } })).toEqual([]);
    const before = { stage: 'start', code: 0, at_ms: NOW_MS - HOUR };
    expect(names({ ...placed(30 * MIN), facts: { ...SILENT, hello: before } })).toContain('no_hello');
  });

  const hello = (stage: string, code: number, ago_ms: number) => ({ ...SILENT, hello: { stage, code, at_ms: NOW_MS - ago_ms } }); // prettier-ignore

  it('a head that fails: whose doing it is follows from the stage', () => {
    expect(names({ facts: hello('runtime', 28, 4 * MIN) })).toEqual([]);
    for (const [stage, blame] of [
      ['runtime', 'path'],
      ['settings', 'owner'],
      ['disk', 'host'],
    ] as const) {
      const [found] = judged({ facts: hello(stage, 1, 6 * MIN) });
      expect(found).toMatchObject({ verdict: 'stuck_at_stage', blame });
      expect(found?.evidence[0]).toContain(`stage ${stage} failed with code 1`);
    }
    expect(names({ facts: hello('start', 0, 16 * MIN) })).toEqual(['stuck_at_stage']);
    expect(names({ facts: hello('start', 0, 14 * MIN) })).toEqual([]);
  });

  it('a miner that does not get to hashing in a quarter of an hour', () => {
    const stuck = (ms: number, state: string) => judged({ facts: changed('hashrate', ms, () => ({ state, claimed_hs: null })) }); // prettier-ignore
    expect(stuck(10 * MIN, 'dag')).toEqual([]);
    expect(stuck(20 * MIN, 'dag')).toMatchObject([{ verdict: 'stuck_at_stage', blame: 'host' }]);
    expect(stuck(20 * MIN, 'preparing')).toMatchObject([{ blame: 'path' }]);
    const alone = { ...changed('hashrate', HOUR, () => ({ state: 'stalled' })), ...changed('shares', HOUR, () => ({ connected_ms: 0 })) }; // prettier-ignore
    expect(judged({ facts: alone })).toMatchObject([{ verdict: 'stuck_at_stage', blame: 'path' }]);
  });
});

describe('GPUs', () => {
  it('are counted against the promise, the order’s or the setting’s', () => {
    const three = { gpus: hostGpus(3) };
    const plan = (over: Plan): Plan => ({ ...over, facts: { gpu: [] } });
    expect(judged(plan({ host: three }))).toMatchObject([{ verdict: 'gpu_missing', confidence: 0.95 }]);
    expect(names(plan({ host: { ...three, expect: '4xRTX 3070' }, order: null }))).toEqual(['gpu_missing']);
    expect(names(plan({ host: { ...three, expect: '3xRTX 3070' }, order: null }))).toEqual([]);
    expect(judged(plan({ host: { gpus: [] } }))[0]?.evidence[0]).toContain('shows none: 4 too few');
    // No nvidia-smi: an AMD machine, say.
    expect(names(plan({ host: { gpus: null } }))).toEqual([]);
  });

  it('of another model are a false description', () => {
    const gpus = [...hostGpus(3), ...hostGpus(1, { model: 'NVIDIA GeForce RTX 3060' })];
    expect(judged({ host: { gpus }, facts: { gpu: [] } })).toMatchObject([
      {
        verdict: 'gpu_other_model',
        evidence: [
          'promised 4 × RTX 3070; the driver shows 3 × NVIDIA GeForce RTX 3070, 1 × NVIDIA GeForce RTX 3060: 1 of another model',
        ],
      },
    ]);
    const one = { host: { gpus: hostGpus(2, { model: 'NVIDIA GeForce RTX 3070 Laptop GPU' }) }, facts: { gpu: [] } };
    expect(names(one)).toEqual(['gpu_missing', 'gpu_other_model']);
    const mixed = order({ expect: [{ model: 'RTX 3060', count: 1 }, { model: 'RTX 3070', count: 3 }] }); // prettier-ignore
    expect(names({ order: mixed, host: { gpus }, facts: { gpu: [] } })).toEqual([]);
  });

  it('are lost when the driver shows them no more for two minutes, or the miner’s log says so', () => {
    const lost = (ms: number) => judged({ facts: changed('gpu', ms, (r) => ({ gpus: 'gpus' in r ? r.gpus.slice(0, 3) : [] })) }); // prettier-ignore
    expect(lost(MIN)).toEqual([]);
    expect(lost(10 * MIN)).toMatchObject([{ verdict: 'gpu_lost', since_ms: NOW_MS - 10 * MIN + 15_000 }]);
    const told = event(5 * MIN, { event: 'watchdog_gpu_lost', detail: 'the miner’s log told of a lost GPU' });
    expect(judged({ events: [told] })).toMatchObject([{ verdict: 'gpu_lost', confidence: 0.6 }]);
    expect(judged({ events: [told, event(MIN, { event: 'watchdog_gpu_lost' })] })).toMatchObject([{ confidence: 0.9 }]);
  });
});

describe('limits', () => {
  const cards = (ms: number, over: object) =>
    judged({ facts: changed('gpu', ms, (r) => ({ gpus: 'gpus' in r ? r.gpus.map((g) => ({ ...g, ...over })) : [] })) });

  it('another power limit than ordered, for ten minutes; drivers may round', () => {
    expect(cards(HOUR, { power_limit_w: 154 })).toEqual([]);
    expect(cards(5 * MIN, { power_limit_w: 120 })).toEqual([]);
    expect(cards(HOUR, { power_limit_w: 120 })).toMatchObject([{ verdict: 'power_limit_other', since_ms: NOW_MS - HOUR + 15_000 }]); // prettier-ignore
    expect(cards(HOUR, { power_limit_w: null })).toEqual([]);
  });

  it('heat, the power brake and a narrow link throttle; a power cap at work does not', () => {
    expect(cards(HOUR, { throttle: ['sw_power_cap'] })).toEqual([]);
    expect(cards(HOUR, { throttle: null })).toEqual([]);
    expect(cards(MIN, { throttle: ['hw_thermal_slowdown'] })).toEqual([]);
    const said = (over: object): string => cards(HOUR, over)[0]?.evidence[0] ?? '';
    expect(said({ throttle: ['hw_slowdown', 'hw_thermal_slowdown'] })).toMatch(
      /^GPU 0: thermal, 100 % of the time, 60 °C now$/,
    );
    expect(said({ throttle: ['sw_thermal_slowdown'] })).toMatch(/thermal/);
    expect(said({ throttle: ['hw_power_brake_slowdown'] })).toMatch(/power, 100 %/);
    expect(cards(HOUR, { pcie_width: 1 })).toMatchObject([{ verdict: 'throttled', confidence: 0.2 }]);
  });
});

describe('speed', () => {
  it('slow by its own word: half an hour below 90 % of the low end, or ten minutes below 60 %', () => {
    // The low end of four is 91.7 MH/s.
    const claims = (ms: number, claimed_hs: number) =>
      names({ facts: changed('hashrate', ms, () => ({ claimed_hs })) });
    expect(claims(2 * HOUR, 84e6)).not.toContain('slow_claimed');
    expect(claims(40 * MIN, 80e6)).toContain('slow_claimed');
    expect(claims(20 * MIN, 80e6)).not.toContain('slow_claimed');
    expect(claims(12 * MIN, 50e6)).toContain('slow_claimed');
    expect(claims(6 * MIN, 50e6)).not.toContain('slow_claimed');
  });

  it('throttled to 60 % and claiming all: its shares prove it slow, and its claims false', () => {
    const found = judged({ delivered_hs: 91.7e6 * 0.6 });
    expect(found.map(({ verdict }) => verdict)).toEqual(['slow_delivered', 'claims_too_much']);
    expect(found[0]?.confidence).toBe(0.99);
    expect(found[0]?.evidence.join('\n')).toMatch(
      /shares found where \d+ were to be expected at least.*\n.*dev fee of t-rex on kawpow/,
    );
    expect(found[1]?.evidence.join('\n')).toContain('it claimed 124 MH/s on average');
  });

  it('an unknown GPU is not called slow, but a false claim is seen without any table', () => {
    const unknown = order({ expect: [{ model: 'RTX 5090', count: 4 }] });
    const gpus = hostGpus(4, { model: 'NVIDIA GeForce RTX 5090' });
    expect(names({ order: unknown, host: { gpus }, delivered_hs: 50e6 })).toEqual(['claims_too_much']);
    expect(names({ order: unknown, host: { gpus }, claimed_hs: 50e6, delivered_hs: 49e6 })).toEqual([]);
  });

  it('a suspicion is told before it is sure, and how sure depends on the settings', () => {
    const facts = machineFacts({ delivered_hs: 91.7e6 * 0.7 });
    const confidences = facts.exposure.windows.slice(0, 200).map((_, i) => {
      const exposure = { ...facts.exposure, windows: facts.exposure.windows.slice(0, i) };
      return verdictsOf({ ...facts, exposure }).find(({ verdict }) => verdict === 'slow_delivered')?.confidence ?? 0;
    });
    const first = confidences.find((confidence) => confidence > 0) ?? 0;
    expect(first).toBe(0.8);
    expect(confidences.at(-1)).toBe(0.99);
    const early = { ...facts, exposure: { ...facts.exposure, windows: facts.exposure.windows.slice(0, 150) } };
    const delivered = (alpha: number) =>
      verdictsOf(early, { ...SEQUENTIAL, alpha }).find(({ verdict }) => verdict === 'slow_delivered');
    expect(delivered(1e-9)?.confidence).toBe(0.8);
    expect(delivered(1e-9)?.evidence[1]).toMatch(/^not sure yet: the odds are \d+ to 1 of 1000000000$/);
    expect(delivered(0.1)?.confidence).toBe(0.9);
  });
});

describe('what the pool says', () => {
  const figure = (ago_ms: number, over: Partial<PoolFigure> = {}): PoolFigure => ({
    ...{ at_ms: NOW_MS - ago_ms, api: 'rvn', as_of_ms: NOW_MS - ago_ms - 60_000, listed: false, pool_hs: null },
    ...{ last_share_ms: null, others: 3, ...over },
  });
  const figures = (over: Partial<PoolFigure> = {}) => [2, 20, 40, 55].map((m) => figure(m * MIN, over));
  const said = (pool_figures: PoolFigure[]) => names({ facts: { pool_figures } });

  it('not_at_pool needs three answers over 45 minutes that credit others of ours', () => {
    expect(judged({ facts: { pool_figures: figures() } })).toMatchObject([{ verdict: 'not_at_pool', confidence: 0.9 }]);
    expect(said(figures({ listed: true, pool_hs: 0 }))).toEqual(['not_at_pool']);
    expect(judged({ facts: { pool_figures: [...figures(), figure(89 * MIN), figure(93 * MIN)] } })).toMatchObject([
      { verdict: 'not_at_pool', confidence: 0.96 },
    ]);
  });

  it.each([
    ['undated: nobody knows how old they are', figures({ as_of_ms: null })],
    ['lagging: the list is old', figures({ as_of_ms: NOW_MS - 3 * HOUR })],
    ['frozen: the list never moves', figures({ as_of_ms: NOW_MS - 20 * MIN }).map((f) => ({ ...f, at_ms: f.at_ms }))],
    ['wrong: it credits nobody of ours', figures({ others: 0 })],
    ['missing or hanging: no figures', []],
    ['too few', figures().slice(0, 2)],
    ['too short', [2, 10, 20, 30].map((m) => figure(m * MIN))],
    ['old: nobody has asked for an hour', [60, 80, 110].map((m) => figure(m * MIN))],
    ['one good answer in between', figures().with(2, figure(40 * MIN, { listed: true, pool_hs: 1e8 }))],
    ['it has its shares, late', figures({ listed: true, pool_hs: 0, last_share_ms: NOW_MS - 10 * MIN })],
    ['without a rate', figures({ listed: true, pool_hs: null, last_share_ms: NOW_MS })],
  ])('never by answers that are %s', (_, pool_figures) => {
    expect(said(pool_figures)).toEqual([]);
  });

  it.each([
    ['half of the others are missing too', 0.5],
    ['nobody knows yet whether others are', null],
  ])('nor where %s', (_, absent_share) => {
    const peers = { reject_share: null, silent_share: null, absent_share };
    expect(names({ facts: { pool_figures: figures(), peers } })).toEqual([]);
  });

  it('nor while the relay saw few shares, or the machine moved between pools', () => {
    const facts = { pool_figures: figures() };
    expect(names({ facts: { ...facts, ...changed('shares', 2 * HOUR, () => ({ accepted: 0 })) } })).toEqual([]);
    const moved = changed('shares', HOUR, (_, at_ms) => ({
      pool: at_ms > NOW_MS - 20 * MIN ? POOL : 'stratum+tcp://b.example:1',
    }));
    expect(names({ facts: { ...facts, ...moved } })).toEqual([]);
  });

  it('rejects: by the lower bound of their share, and less sure where others have them too', () => {
    const rejecting = (over: object, peers?: MachineFacts['peers']) =>
      judged({ facts: { ...changed('shares', HOUR, () => over), ...(peers && { peers }) } });
    expect(rejecting({ accepted: 40, rejected: 1 })).toEqual([]);
    expect(rejecting({ accepted: 2, rejected: 1 })).toMatchObject([
      { verdict: 'rejects', confidence: 0.95, blame: 'host' },
    ]);
    expect(rejecting({ accepted: 10, rejected: 1 })).toMatchObject([{ verdict: 'rejects', confidence: 0.8 }]);
    expect(rejecting({ accepted: 2, stale: 1 })).toMatchObject([{ blame: 'path' }]);
    const common = rejecting(
      { accepted: 2, rejected: 1 },
      { reject_share: 0.3, silent_share: null, absent_share: null },
    );
    expect(common).toMatchObject([{ verdict: 'rejects', confidence: 0.5, blame: 'path' }]);
  });
});

describe('staying', () => {
  it('flapping: six ends in two hours are told, fifteen are enough', () => {
    const ends = (count: number) => judged({ events: Array.from({ length: count }, (_, i) => event((i + 1) * 5 * MIN, { event: 'miner_exited', detail: 'it ended' })).toReversed() }); // prettier-ignore
    expect(ends(5)).toEqual([]);
    expect(ends(6)).toMatchObject([{ verdict: 'flapping', confidence: 0.7 }]);
    expect(ends(16)).toMatchObject([{ verdict: 'flapping', confidence: 0.95 }]);
    const boots = Array.from({ length: 8 }, (_, i) =>
      event((9 - i) * MIN, { event: 'worker_started', boot: String(i) }),
    );
    expect(judged({ events: boots })[0]?.evidence[0]).toContain('7 new starts');
  });

  it('offline: told after five minutes, sure after thirty', () => {
    const silent = (ms: number, over: Partial<MachineFacts> = {}) =>
      judged({ facts: { last_report_ms: NOW_MS - ms, ...over } });
    const told = (ms: number, over: Partial<MachineFacts> = {}) =>
      silent(ms, over).filter((v) => v.verdict === 'offline');
    expect(told(4 * MIN)).toEqual([]);
    expect(told(6 * MIN)).toMatchObject([{ confidence: 0.6, since_ms: NOW_MS - 6 * MIN }]);
    expect(told(31 * MIN)).toMatchObject([{ confidence: 0.95, blame: 'host' }]);
    expect(told(HOUR, { listening_since_ms: NOW_MS - MIN })).toEqual([]);
    expect(told(HOUR, { order: order({ ended_at: new Date(NOW_MS - HOUR).toISOString() }) })).toEqual([]);
    expect(told(HOUR, { peers: { reject_share: null, silent_share: 0.8, absent_share: null } })).toMatchObject([
      { blame: 'owner', confidence: 0.3 },
    ]);
    const figure = {
      at_ms: NOW_MS,
      api: 'a',
      as_of_ms: null,
      listed: true,
      pool_hs: 1e8,
      last_share_ms: NOW_MS - MIN,
      others: 2,
    };
    expect(told(HOUR, { pool_figures: [figure] })).toMatchObject([{ blame: 'path', confidence: 0.4 }]);
  });

  it('duplicate_boot: what the collector noticed, and the owner’s own doing', () => {
    const told = { event: 'duplicate_boot' };
    expect(judged({ events: [event(10 * MIN, told)] })).toMatchObject([{ verdict: 'duplicate_boot', blame: 'owner' }]);
    expect(judged({ events: [event(2 * HOUR, told)] })).toEqual([]);
  });
});
