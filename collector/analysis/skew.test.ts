import { describe, expect, it } from 'vitest';
import { envelope, hashrateRecord } from '../../test/fakes/reports.ts';
import { correctReport } from './skew.ts';

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
