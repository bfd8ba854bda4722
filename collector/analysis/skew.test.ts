import { describe, expect, it } from 'vitest';
import { networkOf, reachabilityOf } from '../../test/fakes/reachability.ts';
import { envelope, hashrateRecord } from '../../test/fakes/reports.ts';
import { correctReport, stampedRecord } from './skew.ts';

const NOW = 1_790_000_000_000;
const DAY = 86_400_000;

function momentsOf(sentAt: number, at: number[]): [skew_ms: number, ...at: number[]] {
  const report = correctReport(envelope({ sentAt, records: at.map((ms) => hashrateRecord(ms)) }), NOW, 7 * DAY);
  return [report.skew_ms, ...report.records.map((timed) => timed.at_ms - NOW)];
}

describe('the moments of a report', () => {
  it('stay when the clocks agree within five seconds', () => {
    expect(momentsOf(NOW - 5000, [NOW - 20_000, NOW - 10_000])).toEqual([0, -20_000, -10_000]);
  });

  it('are moved by a wrong clock, ahead or behind', () => {
    expect(momentsOf(NOW - 5001, [NOW - 6001])).toEqual([5001, -1000]);
    expect(momentsOf(NOW + DAY, [NOW + DAY - 1000])).toEqual([-DAY, -1000]);
    expect(momentsOf(0, [0])).toEqual([NOW, 0]);
  });

  it('are never in the future, and too old ones are left out', () => {
    expect(momentsOf(NOW, [NOW + 3000, NOW - 7 * DAY, NOW - 7 * DAY - 1])).toEqual([0, 0, -7 * DAY]);
  });
});

describe('a reachability record', () => {
  const baseline = { at_ms: NOW - DAY - 2000, resolver_ok: true, sites: [], captive: null };

  it('has its baseline moved with it', () => {
    const record = reachabilityOf({ at_ms: NOW - DAY, baseline });
    const [moved] = correctReport(envelope({ sentAt: NOW - DAY, records: [record] }), NOW, 7 * DAY).records;
    expect(moved).toMatchObject({ at_ms: NOW, record: { baseline: { at_ms: NOW - 2000 } } });
  });

  it('has the network that the collector saw, and no copies of the collector’s own samples', () => {
    const control = (by: string) => ({
      ...{ entry: 'stratum+tcp://pool.example:3333', by, at_ms: NOW, operation: null, failure: null },
      ...{ addresses: [], dns_failure: null, trials: [] },
    });
    const record = reachabilityOf({ egress: networkOf(7, 'US'), controls: [control('here'), control('there')] });
    expect(stampedRecord(record, networkOf(1, 'RU'), 'here')).toEqual({
      ...{ ...record, egress: networkOf(1, 'RU'), controls: [control('there')] },
    });
    const other = hashrateRecord(NOW);
    expect(stampedRecord(other, networkOf(1, 'RU'), 'here')).toBe(other);
  });
});
