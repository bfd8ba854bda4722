import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import {
  BOOT,
  envelope,
  gpuRecord,
  hashrateRecord,
  hostRecord,
  lifecycleRecord,
  logRecord,
  sharesRecord,
  typicalEnvelope,
} from '../../test/fakes/reports.ts';
import { EventsAnswer, SeriesAnswer, WorkerDetail, WorkersAnswer } from '../../wire/api.ts';

const HOSTILE = `<script>alert(1)</script>"'\`\${x}\\ \n\u0000\u001b[31m\u202e =cmd|' /C calc'!A0`;

let collector: FakeCollector;
let now: number;
beforeEach(async () => {
  collector = await fakeCollector();
  now = collector.clock.nowMs();
});
afterEach(() => collector[Symbol.asyncDispose]());

async function json(url: string): Promise<unknown> {
  const answer = await collector.get(url);
  expect([url, answer.statusCode]).toEqual([url, 200]);
  return answer.json();
}

describe('/api/v1/workers', () => {
  it('answers the shape the wire has, delivered hashrate with its interval', async () => {
    for (let i = 0; i < 40; i++) {
      await collector.report(
        envelope({
          seq: i,
          sentAt: now,
          records: [hashrateRecord(now), sharesRecord(now, 15, { accepted_total: 15 * (i + 1) })],
        }),
      );
      await collector.clock.advance(15_000);
      now = collector.clock.nowMs();
    }
    const [row] = WorkersAnswer.parse(await json('/api/v1/workers')).workers;
    // 15 shares of 1e6 hashes in each 15 s: 1 MH/s.
    expect(row).toMatchObject({ id: 'rig-1', state: 'hashing', boot: BOOT, accepted: 600 });
    expect(row?.delivered_hs).toBeCloseTo(1e6, 3);
    expect(row?.delivered_low_hs).toBeGreaterThan(8.5e5);
    expect(row?.delivered_high_hs).toBeLessThan(1.16e6);
  });

  it('turns offline after the limit and says so', async () => {
    await collector.report(typicalEnvelope({ sentAt: now }));
    await collector.clock.advance(60_000);
    expect(WorkersAnswer.parse(await json('/api/v1/workers')).workers[0]?.state).toBe('hashing');
    await collector.clock.advance(1);
    expect(WorkersAnswer.parse(await json('/api/v1/workers')).workers[0]).toMatchObject({
      state: 'offline',
      claimed_hs: null,
    });
  });

  it('gives hostile text back as data, everywhere', async () => {
    const records = [
      hostRecord(now, { os: HOSTILE, cpu_model: HOSTILE }),
      hashrateRecord(now, { miner: HOSTILE, algo: HOSTILE, pool: HOSTILE }),
      lifecycleRecord(now, { detail: HOSTILE, signal: HOSTILE, log: [HOSTILE] }),
      logRecord(now, [HOSTILE]),
    ];
    await collector.report(envelope({ sentAt: now, records }));
    const detail = WorkerDetail.parse(await json('/api/v1/workers/rig-1'));
    expect(detail.worker).toMatchObject({
      miner: HOSTILE,
      algo: HOSTILE,
      pool: HOSTILE,
      last_event: { detail: HOSTILE },
    });
    expect(detail.host).toMatchObject({ os: HOSTILE });
    expect(detail.log).toEqual([{ at: new Date(now).toISOString(), source: 'miner', line: HOSTILE }]);
    expect(detail.events[0]).toMatchObject({ signal: HOSTILE, log: [HOSTILE] });
    const metrics = await collector.get('/metrics');
    for (const line of metrics.body.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# (HELP|TYPE) .*|[a-z_]+\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\} -?[0-9.e+]+)$/);
    }
    expect(metrics.headers['content-type']).toMatch(/^text\/plain/);
  });
});

describe('/api/v1/workers/{id}', () => {
  it('answers the newest 200 log lines, oldest first, and events, newest first', async () => {
    const of = (seq: number): Parameters<typeof envelope>[0] => ({
      seq,
      sentAt: now + seq,
      records: [
        logRecord(
          now + seq,
          Array.from({ length: 50 }, (_, i) => `${seq * 50 + i}`),
        ),
        lifecycleRecord(now + seq, { event: `e${seq}` }),
      ],
    });
    await collector.clock.advance(1000);
    for (let seq = 0; seq < 6; seq++) await collector.report(envelope(of(seq)));
    const detail = WorkerDetail.parse(await json('/api/v1/workers/rig-1'));
    expect(detail.log.map((entry) => Number(entry.line))).toEqual(Array.from({ length: 200 }, (_, i) => 100 + i));
    expect(detail.events.map((event) => event.event)).toEqual(['e5', 'e4', 'e3', 'e2', 'e1', 'e0']);
    expect(detail.host).toBeNull();
  });

  it('is 404 for an unknown name and 400 for no name', async () => {
    expect((await collector.get('/api/v1/workers/rig-9')).statusCode).toBe(404);
    expect((await collector.get('/api/v1/workers/rig-9/series')).statusCode).toBe(404);
    expect((await collector.get('/api/v1/workers/..%2f..%2fetc')).statusCode).toBe(400);
    expect((await collector.get(`/api/v1/workers/${'x'.repeat(129)}`)).statusCode).toBeGreaterThanOrEqual(400);
  });
});

describe('/api/v1/workers/{id}/series', () => {
  it('answers columns of equal length, 720 points at most', async () => {
    await collector.report(
      envelope({
        sentAt: now,
        records: [hashrateRecord(now - 1), sharesRecord(now - 1, 4), gpuRecord(now - 1, [100, 50])],
      }),
    );
    for (const [query, points] of [
      ['', 240],
      ['?since_s=60', 4],
      ['?since_s=86400', 720],
    ] as const) {
      const series = SeriesAnswer.parse(await json(`/api/v1/workers/rig-1/series${query}`));
      expect(Object.values(series).map((column) => column.length)).toEqual(Array.from({ length: 9 }, () => points));
      expect(series.t.at(-1)).toBe(now / 1000);
      expect(series.claimed_hs.at(-1)).toBe(1_000_000);
      expect(series.claimed_hs.slice(0, -1).every((value) => value === null)).toBe(true);
      expect([series.accepted.at(-1), series.power_w.at(-1), series.temperature_c.at(-1)]).toEqual([4, 150, 61]);
      expect(series.delivered_hs.at(-1)).toBeCloseTo(4e6 / 15);
    }
  });

  it('is drawn from the sums where more than a day is asked for, also when the records are gone', async () => {
    await collector.report(envelope({ sentAt: now, records: [sharesRecord(now - 3_600_000, 4)] }));
    await collector.deps.store.machines.rollUp(100);
    while ((await collector.deps.store.prune(now + 1, 100)) > 0);
    for (const since_s of [86_401, 34_560_000]) {
      const series = SeriesAnswer.parse(await json(`/api/v1/workers/rig-1/series?since_s=${since_s}`));
      expect(series.accepted.filter((value) => value !== null)).toEqual([4]);
    }
    expect((await collector.get('/api/v1/workers/rig-2/series?since_s=86401')).statusCode).toBe(404);
  });

  it.each(['0', '59', '34560001', '-1', 'x', '1e9', ''])('refuses since_s=%s', async (since_s) => {
    await collector.report(envelope({ sentAt: now }));
    expect((await collector.get(`/api/v1/workers/rig-1/series?since_s=${since_s}`)).statusCode).toBe(400);
  });
});

describe('/api/v1/events', () => {
  it('answers events of all workers or of one', async () => {
    await collector.report(envelope({ sentAt: now, records: [lifecycleRecord(now - 2, { event: 'a' })] }));
    await collector.report(
      envelope({ worker: 'rig-2', sentAt: now, records: [lifecycleRecord(now - 1, { event: 'b' })] }),
    );
    const names = async (query: string): Promise<string[]> =>
      EventsAnswer.parse(await json(`/api/v1/events${query}`)).events.map((event) => event.event);
    expect(await names('')).toEqual(['b', 'a']);
    expect(await names('?limit=1')).toEqual(['b']);
    expect(await names('?worker=rig-1')).toEqual(['a']);
    expect((await collector.get('/api/v1/events?limit=0')).statusCode).toBe(400);
    expect((await collector.get('/api/v1/events?of=nobody')).statusCode).toBe(400);
    expect((await collector.get('/api/v1/events?worker=A%27')).statusCode).toBe(400);
  });

  it('tells events of no worker too, with what a stranger calls itself as text, also as CSV', async () => {
    await collector.report(envelope({ sentAt: now, records: [lifecycleRecord(now - 2, { event: 'a' })] }));
    const claimed = { user: HOSTILE.slice(0, 80), proxy: '=cmd' };
    await collector.deps.store.addEvent({
      ...{ worker: null, boot: null, at_ms: now, claimed },
      record: lifecycleRecord(now, { event: 'frp_refused', detail: HOSTILE }),
    });
    const all = EventsAnswer.parse(await json('/api/v1/events')).events;
    expect(all.map(({ worker, event }) => [worker, event])).toEqual([
      [null, 'frp_refused'],
      ['rig-1', 'a'],
    ]);
    expect(all[0]).toMatchObject({ claimed: { frp_user: claimed.user, frp_proxy: '=cmd' }, detail: HOSTILE });
    expect(all[1]?.claimed).toBeNull();
    expect(EventsAnswer.parse(await json('/api/v1/events?of=collector')).events).toEqual(all.slice(0, 1));
    const csv = await collector.get('/api/v1/events.csv');
    expect(csv.headers['content-type']).toMatch(/^text\/csv/);
    expect(csv.body).toMatch(/^at,worker,claimed_frp_user,claimed_frp_proxy,boot,/);
    expect(csv.body).toContain(`,'=cmd,`);
    expect((await collector.get('/api/v1/events.csv?worker=rig-1')).body.trimEnd().split('\r\n')).toHaveLength(2);
  });
});
