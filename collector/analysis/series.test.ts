import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gpuRecord, hashrateRecord, sharesRecord } from '../../test/fakes/reports.ts';
import { SeriesAnswer } from '../../wire/api.ts';
import { addToRollup, emptyRollup, spanStart } from '../store/rollup-sums.ts';
import { ROLLUP_SPANS_MS, type Rollup, type RollupSpan } from '../store/machine-store.ts';
import { SERIES_POINTS_MAX, seriesOf, seriesOfRollups } from './series.ts';

const NOW = 1_790_000_000_000;
const timed = <T extends { at_ms: number }>(record: T): { at_ms: number; record: T } => ({
  at_ms: record.at_ms,
  record,
});
const none = { hashrate: [], shares: [], gpu: [] };

describe('a series', () => {
  it('holds every record of its span in one bucket, whatever the span', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 86_400 }),
        fc.array(fc.nat(86_399_999), { maxLength: 50 }),
        (since_s, agos) => {
          const inside = agos.filter((ago) => ago < since_s * 1000).toSorted((a, b) => b - a);
          const shares = inside.map((ago) => timed(sharesRecord(NOW - ago, 1)));
          const series = SeriesAnswer.parse(seriesOf({ ...none, shares, since_ms: NOW - since_s * 1000, now_ms: NOW }));
          expect(series.t.length).toBeLessThanOrEqual(SERIES_POINTS_MAX);
          expect(series.t).toEqual(series.t.toSorted((a, b) => a - b));
          expect(series.accepted.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(inside.length);
        },
      ),
    );
  });

  it('means claims and power, takes the hottest GPU, and leaves gaps', () => {
    const series = seriesOf({
      hashrate: [
        timed(hashrateRecord(NOW - 30_000, { claimed_hs: 10 })),
        timed(hashrateRecord(NOW - 40_000, { claimed_hs: 20 })),
        timed(hashrateRecord(NOW, { claimed_hs: null })),
      ],
      shares: [],
      gpu: [timed(gpuRecord(NOW - 30_000, [100, 20])), timed(gpuRecord(NOW - 31_000, [100, null]))],
      since_ms: NOW - 60_000,
      now_ms: NOW,
    });
    expect(series).toMatchObject({
      claimed_hs: [null, 15, null, null],
      power_w: [null, 110, null, null],
      temperature_c: [null, 61, null, null],
      delivered_hs: [null, null, null, null],
    });
  });

  it('knows no delivered hashrate where shares were not measured or not read', () => {
    for (const over of [{ unmeasured: 1 }, { dialect: 'unknown', accepted: 0, work_hashes: 0 }] as const) {
      const shares = [timed(sharesRecord(NOW - 20_000, 4)), timed(sharesRecord(NOW - 5000, 4, over))];
      const series = seriesOf({ ...none, shares, since_ms: NOW - 60_000, now_ms: NOW });
      expect(series.delivered_hs.at(-1)).toBeNull();
      expect(series.delivered_high_hs.at(-1)).toBeNull();
    }
    const waiting = timed(sharesRecord(NOW - 5000, 0, { dialect: 'unknown', pool: null, share_work_hashes: null }));
    const series = seriesOf({ ...none, shares: [waiting], since_ms: NOW - 60_000, now_ms: NOW });
    expect(series.delivered_hs.at(-1)).toBe(0);
  });

  it('draws the delivered hashrate from the ten minutes before each point', () => {
    const shares = Array.from({ length: 120 }, (_, i) =>
      timed(sharesRecord(NOW - (119 - i) * 15_000, i < 60 ? 15 : 0)),
    );
    const series = seriesOf({ ...none, shares, since_ms: NOW - 1_800_000, now_ms: NOW });
    expect(series.delivered_hs[30]).toBeCloseTo(1e6, 0);
    expect(series.delivered_hs.at(-1)).toBe(0);
    for (const [i, value] of series.delivered_hs.entries()) {
      if (value === null) continue;
      expect(series.delivered_low_hs[i]).toBeLessThanOrEqual(value);
      expect(series.delivered_high_hs[i]).toBeGreaterThanOrEqual(value);
    }
  });
});

describe('a series of sums', () => {
  it('has every record of its span in one bucket, and the delivered hashrate of what was delivered', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<RollupSpan>('minute', 'hour'),
        fc.integer({ min: 1, max: 2000 }),
        fc.nat(3_599_999),
        fc.array(fc.nat(1999), { minLength: 1, maxLength: 50 }),
        (span, spans, offset, agos) => {
          const span_ms = ROLLUP_SPANS_MS[span];
          const now_ms = NOW + offset;
          const since_ms = now_ms - spans * span_ms;
          const first = spanStart(span, since_ms) + span_ms;
          const moments = agos.map((ago) => now_ms - ago * span_ms).filter((at_ms) => at_ms >= first);
          const rollups = new Map<number, Rollup>();
          for (const at_ms of moments) {
            const t_ms = spanStart(span, at_ms);
            const sum = rollups.get(t_ms) ?? emptyRollup(t_ms);
            addToRollup(sum, sharesRecord(at_ms, 3));
            rollups.set(t_ms, sum);
          }
          const ordered = [...rollups.values()].toSorted((a, b) => a.t_ms - b.t_ms);
          const series = SeriesAnswer.parse(seriesOfRollups({ rollups: ordered, span, since_ms, now_ms }));
          expect(series.t.length).toBeLessThanOrEqual(SERIES_POINTS_MAX + 1);
          expect(series.accepted.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(3 * moments.length);
          const known = series.delivered_hs.filter((value) => value !== null);
          expect(known.length > 0).toBe(moments.length > 0);
          // Three shares of a million hashes in fifteen seconds, whatever is added up.
          for (const value of known) expect(value).toBeCloseTo(200_000, 3);
        },
      ),
    );
  });
});
