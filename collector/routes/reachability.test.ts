import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { deadTrial, poolTarget, reachabilityOf } from '../../test/fakes/reachability.ts';
import { envelope } from '../../test/fakes/reports.ts';
import { MatrixAnswer, ReachabilityAnswer } from '../../wire/api.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import { defaultConfig } from '../config.ts';
import { AsnTable } from '../networks/asn-table.ts';

let collector: FakeCollector;
let now: number;
beforeEach(async () => {
  const asns = new AsnTable([{ name: 'asn.csv', text: '5.8.0.0/16,12389,RU\n2.72.0.0/16,9198,KZ\n' }]);
  collector = await fakeCollector({ settings: { config: { ...defaultConfig(), asns } } });
  now = collector.clock.nowMs();
});
afterEach(() => collector[Symbol.asyncDispose]());

function sample(ago_ms: number, host: string, change: Partial<ReachabilityRecord> = {}): ReachabilityRecord {
  return reachabilityOf({ at_ms: now - ago_ms, target: poolTarget(host, 3333), ...change });
}

const RUSSIAN = '5.8.1.1';

function report(worker: string, from: string, records: ReachabilityRecord[]) {
  return collector.report(envelope({ worker, sentAt: now, records }), undefined, from);
}

async function json(url: string): Promise<unknown> {
  const answer = await collector.get(url);
  expect([url, answer.statusCode]).toEqual([url, 200]);
  return answer.json();
}

/** A failure that no control explains. */
const RESET: Partial<ReachabilityRecord> = {
  operation: 'connect',
  failure: 'connection_reset',
  addresses: [deadTrial('203.0.113.10', 0, 'connection_reset')],
};

describe('/api/v1/reachability', () => {
  it('answers the newest sample of each worker and target, of all or of those asked for', async () => {
    expect(await json('/api/v1/reachability')).toEqual({ reachability: [] });
    const records = [sample(2, 'a.example'), sample(1, 'a.example', RESET), sample(3, 'b.example')];
    await report('rig-1', RUSSIAN, records);
    await report('rig-2', '2.72.3.4', [sample(4, 'a.example')]);
    const ask = async (query: string): Promise<unknown[]> =>
      ReachabilityAnswer.parse(await json(`/api/v1/reachability${query}`)).reachability.map(
        ({ worker, record, network, verdict }) =>
          [worker, record.target.host, record.failure, network.key, verdict.verdict].join(' '),
      );
    const a1 = 'rig-1 a.example connection_reset AS12389 inconclusive';
    const b1 = 'rig-1 b.example  AS12389 reachable';
    const a2 = 'rig-2 a.example  AS9198 reachable';
    expect(await ask('')).toEqual([a1, b1, a2]);
    expect(await ask('?worker=rig-1')).toEqual([a1, b1]);
    const target = encodeURIComponent('stratum+tcp://a.example:3333');
    expect(await ask(`?target=${target}`)).toEqual([a1, a2]);
    expect(await ask(`?target=${target}&network=AS9198`)).toEqual([a2]);
    expect(await ask('?network=AS1')).toEqual([]);
    expect((await collector.get('/api/v1/reachability?worker=A%27')).statusCode).toBe(400);
    expect((await collector.get(`/api/v1/reachability?target=${'x'.repeat(301)}`)).statusCode).toBe(400);
  });
});

describe('/api/v1/reachability/matrix', () => {
  it('answers cells, the same as CSV, and keeps hostile text harmless', async () => {
    const hostile = `=cmd|'/C calc'!A0,"x"`;
    const target = { ...poolTarget('b.example', 1), url: hostile };
    const records = [sample(1, 'a.example', RESET), sample(2, 'b.example', { target })];
    await report('rig-1', RUSSIAN, records);
    const { cells } = MatrixAnswer.parse(await json('/api/v1/reachability/matrix'));
    expect(cells.map(({ target: url, verdict, workers }) => [url, verdict.verdict, workers])).toEqual([
      ['stratum+tcp://a.example:3333', 'inconclusive', 1],
      [hostile, 'reachable', 1],
    ]);
    const csv = await collector.get('/api/v1/reachability/matrix.csv');
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    expect(csv.headers['content-disposition']).toMatch(
      /^attachment; filename="spotrig-reachability-\d{4}-\d\d-\d\d\.csv"$/,
    );
    const lines = csv.body.split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines[1]).toMatch(/^pool,stratum\+tcp:\/\/a\.example:3333,AS12389,12389,RU,inconclusive,/);
    expect(lines[2]).toContain(`pool,"'=cmd|'/C calc'!A0,""x""",AS12389`);
  });

  it('forgets a cell whose newest sample is a day old, and names a network that no table has by its prefix', async () => {
    await report('rig-1', '198.51.100.7', [sample(1, 'a.example')]);
    const cells = async () => MatrixAnswer.parse(await json('/api/v1/reachability/matrix')).cells;
    expect((await cells()).map(({ network }) => network)).toEqual([
      { address: null, asn: null, country: null, key: '198.51.100.0/24' },
    ]);
    await collector.clock.advance(86_400_000);
    expect(await cells()).toEqual([]);
  });

  it('tells of a new sample ten seconds later', async () => {
    const targets = async () => MatrixAnswer.parse(await json('/api/v1/reachability/matrix')).cells.length;
    expect(await targets()).toBe(0);
    await report('rig-1', RUSSIAN, [sample(1, 'a.example')]);
    expect(await targets()).toBe(0);
    await collector.clock.advance(10_000);
    expect(await targets()).toBe(1);
  });

  it('is for readers only', async () => {
    for (const path of ['matrix', 'matrix.csv']) {
      const stranger = await collector.get(`/api/v1/reachability/${path}`, { host: 'evil.example' });
      expect(stranger.statusCode).toBeGreaterThanOrEqual(400);
      expect(stranger.body).not.toContain('cells');
    }
  });
});
