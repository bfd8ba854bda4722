import * as fc from 'fast-check';
import * as z from 'zod/mini';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../test/fakes/clock.ts';
import { SharesRecord } from '../wire/records.ts';
import { ShareMeter, type MeterState } from './share-meter.ts';

const COUNTS = ['accepted', 'rejected', 'stale', 'unanswered'] as const;

describe('ShareMeter', () => {
  it('knows for a watchdog since when shares could come, and when the last one did, whatever the windows', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    expect(meter.facts()).toEqual({ logged_in_since_ms: null, last_accepted_ms: null, share_work_hashes: null });
    await clock.advance(1000);
    meter.onLogin(1);
    meter.onTarget(100);
    await clock.advance(500);
    meter.takeWindow();
    meter.onSubmit(1, 'a', 100);
    meter.onAnswer(1, 'a', 'accepted');
    meter.onSubmit(1, 'b', 100);
    meter.onAnswer(1, 'b', 'rejected');
    expect(meter.facts()).toEqual({ logged_in_since_ms: 1000, last_accepted_ms: 1500, share_work_hashes: 100 });
    meter.onDisconnect(1);
    expect(meter.facts()?.logged_in_since_ms).toBeNull();
    meter.onDialect('stratum+tcp://p:1', 'kaspa');
    expect(meter.facts()?.share_work_hashes).toBeNull();
    meter.onDialect('stratum+tcp://p:1', 'unknown');
    expect(meter.facts()).toBeNull();
  });

  it('tells no rate while shares of unknown work are accepted', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    meter.onDialect('stratum+tcp://pool:1', 'bitcoin');
    meter.onLogin(1);
    await clock.advance(10_000);
    meter.onSubmit(1, 'a', null);
    meter.onAnswer(1, 'a', 'accepted');
    expect(meter.delivered(60_000)).toEqual({ rate_hs: null, low_hs: null, high_hs: null, window_ms: 10_000 });
    expect(meter.takeWindow()).toMatchObject({ accepted: 1, unmeasured: 1, work_hashes: 0, share_work_hashes: null });
  });

  it('counts a window, gives a record that the wire takes, and begins anew', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    await clock.advance(1000);
    meter.onDialect('stratum+tcp://pool:1', 'bitcoin');
    meter.onLogin(1);
    meter.onTarget(100);
    for (const [id, outcome] of [
      ['a', 'accepted'],
      ['b', 'rejected'],
      ['c', 'stale'],
    ] as const) {
      meter.onSubmit(1, id, 100);
      await clock.advance(50);
      meter.onAnswer(1, id, outcome);
    }
    meter.onSubmit(1, 'd', null);
    meter.onAnswer(1, 'd', 'accepted');
    await clock.advance(850);
    const record = meter.takeWindow();
    expect(z.parse(SharesRecord, record)).toEqual(record);
    expect(record).toEqual({
      kind: 'shares',
      at_ms: clock.nowMs(),
      window_ms: 2000,
      connected_ms: 1000,
      pool: 'stratum+tcp://pool:1',
      dialect: 'bitcoin',
      accepted: 2,
      rejected: 1,
      stale: 1,
      unanswered: 0,
      unmeasured: 1,
      work_hashes: 100,
      work_sq_hashes2: 10_000,
      work_max_hashes: 100,
      share_work_hashes: 100,
      pool_rtt_ms: 50,
      accepted_total: 2,
      rejected_total: 1,
      stale_total: 1,
      unanswered_total: 0,
    });
    expect(meter.takeWindow()).toMatchObject({
      window_ms: 0,
      accepted: 0,
      work_hashes: 0,
      pool_rtt_ms: null,
      accepted_total: 2,
    });
  });

  it('gives up on an answer after 60 s, or when the connection ends', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    meter.onSubmit(1, 'a', 1);
    await clock.advance(59_999);
    expect(meter.totals().unanswered_total).toBe(0);
    await clock.advance(1);
    expect(meter.totals().unanswered_total).toBe(1);
    meter.onSubmit(1, 'b', 1);
    meter.onDisconnect(1);
    meter.onDisconnect(1);
    expect(meter.totals()).toMatchObject({ unanswered_total: 2, accepted_total: 0 });
  });

  it('does not take a late answer for the next submit, when a miner gives all submits one id', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    meter.onSubmit(1, 'n4', 1);
    await clock.advance(60_000);
    meter.tick();
    meter.onSubmit(1, 'n4', 7);
    meter.onAnswer(1, 'n4', 'accepted');
    expect(meter.takeWindow()).toMatchObject({ accepted: 0, unanswered: 1 });
    meter.onAnswer(1, 'n4', 'accepted');
    expect(meter.takeWindow()).toMatchObject({ accepted: 1, work_hashes: 7 });
  });

  it('ignores answers to what was no submit, also of another connection', () => {
    const meter = new ShareMeter(new FakeClock());
    meter.onSubmit(1, 'a', 1);
    meter.onAnswer(1, 'b', 'accepted');
    meter.onAnswer(2, 'a', 'accepted');
    expect(meter.totals()).toEqual({ accepted_total: 0, rejected_total: 0, stale_total: 0, unanswered_total: 0 });
  });

  it('measures the time with a login, with overlapping connections counted once', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    meter.onLogin(1);
    await clock.advance(10);
    meter.onLogin(2);
    await clock.advance(10);
    meter.onDisconnect(1);
    await clock.advance(10);
    expect(meter.takeWindow().connected_ms).toBe(30);
    await clock.advance(10);
    meter.onDisconnect(2);
    await clock.advance(100);
    expect(meter.takeWindow().connected_ms).toBe(10);
  });

  it('goes on where a killed one was: totals, window, and what waited is unanswered', async () => {
    const clock = new FakeClock();
    const states: MeterState[] = [];
    const killed: ShareMeter = new ShareMeter(clock, () => states.push(killed.state()));
    killed.onLogin(1);
    killed.takeWindow();
    await clock.advance(4000);
    killed.onSubmit(1, 'a', 100);
    killed.onAnswer(1, 'a', 'accepted');
    killed.onSubmit(1, 'b', 100);
    expect(states).toHaveLength(4);
    await clock.advance(3000);

    const next = new ShareMeter(clock);
    next.restore(JSON.parse(JSON.stringify(states.at(-1))) as MeterState, 3000);
    expect(next.totals()).toMatchObject({ accepted_total: 1, unanswered_total: 1 });
    expect(next.takeWindow()).toMatchObject({ window_ms: 7000, accepted: 1, unanswered: 1, work_hashes: 100 });
    expect(next.takeWindow()).toMatchObject({ window_ms: 0, accepted: 0, unanswered: 0 });
  });

  it('gives the rate of the last minutes since the first login, and nothing before one', async () => {
    const clock = new FakeClock();
    const meter = new ShareMeter(clock);
    const unknown = { rate_hs: null, low_hs: null, high_hs: null, window_ms: null };
    expect(meter.delivered(60_000)).toEqual(unknown);
    await clock.advance(3000);
    meter.onLogin(1);
    meter.onTarget(600);
    await clock.advance(2000);
    expect(meter.delivered(60_000)).toMatchObject({ rate_hs: 0, low_hs: 0, window_ms: 2000 });
    for (let second = 2; second < 120; second += 1) {
      meter.onSubmit(1, 'a', 600);
      meter.onAnswer(1, 'a', 'accepted');
      await clock.advance(1000);
      if (second !== 29) continue;
      const early = meter.delivered(60_000);
      expect(early.window_ms).toBe(30_000);
      expect(early.rate_hs).toBeCloseTo((28 * 600) / 30, 6);
    }
    const rate = meter.delivered(60_000);
    expect(rate.rate_hs).toBeGreaterThan(580);
    expect(rate.rate_hs).toBeLessThan(620);
    await clock.advance(120_000);
    expect(meter.delivered(60_000).rate_hs).toBe(0);
  });

  it('loses no share and counts none twice, whatever happens in whatever order', async () => {
    const connection = fc.integer({ min: 1, max: 3 });
    const id = fc.constantFrom('a', 'b', null);
    const outcome = fc.constantFrom('accepted', 'rejected', 'stale');
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('submit'), connection, id, work: fc.option(fc.nat(99)) }) },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('answer'), connection, id: fc.constantFrom('a', 'b'), outcome }),
      },
      fc.record({ do: fc.constantFrom('disconnect', 'login'), connection }),
      fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 0, max: 40_000 }) }),
      fc.record({ do: fc.constant('window') }),
    );
    const runs = fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
      const clock = new FakeClock();
      const meter = new ShareMeter(clock);
      const windows: SharesRecord[] = [];
      let submits = 0;
      for (const a of actions) {
        if ('work' in a) {
          submits += 1;
          meter.onSubmit(a.connection, a.id, a.work);
        } else if ('outcome' in a) meter.onAnswer(a.connection, a.id, a.outcome);
        else if ('ms' in a) await clock.advance(a.ms);
        else if (!('connection' in a)) windows.push(meter.takeWindow());
        else if (a.do === 'login') meter.onLogin(a.connection);
        else meter.onDisconnect(a.connection);
        const totals = meter.totals();
        expect(COUNTS.reduce((sum, name) => sum + totals[`${name}_total`], 0)).toBeLessThanOrEqual(submits);
      }
      for (const number of [1, 2, 3]) meter.onDisconnect(number);
      windows.push(meter.takeWindow());
      const totals = meter.totals();
      for (const name of COUNTS) {
        expect(windows.reduce((sum, w) => sum + w[name], 0)).toBe(totals[`${name}_total`]);
      }
      expect(COUNTS.reduce((sum, name) => sum + totals[`${name}_total`], 0)).toBe(submits);
      for (const w of windows) {
        expect(z.safeParse(SharesRecord, w).success).toBe(true);
        expect(w.connected_ms).toBeLessThanOrEqual(w.window_ms);
        expect(w.unmeasured).toBeLessThanOrEqual(w.accepted);
      }
    });
    await fc.assert(runs, { numRuns: 60 });
  });
});
