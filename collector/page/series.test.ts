import { describe, expect, it } from 'vitest';
import type { SeriesAnswer } from '../../wire/api.ts';
import { hashrateTop, hasAny, powerTop, withGaps } from './series.ts';

function series(t: number[], claimed: (number | null)[] = t.map(() => null)): SeriesAnswer {
  const none = t.map(() => null);
  return {
    t,
    claimed_hs: claimed,
    delivered_hs: none,
    delivered_low_hs: none,
    delivered_high_hs: none,
    accepted: none,
    rejected: none,
    power_w: none,
    temperature_c: none,
  };
}

describe('withGaps', () => {
  it('leaves an even series as it is', () => {
    const columns = withGaps(series([0, 15, 30, 45], [1, 2, 3, 4]));
    expect(columns.t).toEqual([0, 15, 30, 45]);
    expect(columns.claimed_hs).toEqual([1, 2, 3, 4]);
  });
  it('breaks the line where the worker was silent, in every column', () => {
    const columns = withGaps(series([0, 15, 30, 300, 315], [1, 2, 3, 4, 5]));
    expect(columns.t).toEqual([0, 15, 30, 165, 300, 315]);
    expect(columns.claimed_hs).toEqual([1, 2, 3, null, 4, 5]);
    expect(columns.power_w).toHaveLength(6);
  });
  it('takes nothing and one point', () => {
    expect(withGaps(series([])).t).toEqual([]);
    expect(withGaps(series([5], [1])).claimed_hs).toEqual([1]);
  });
});

describe('axes', () => {
  it('lets a wide interval leave the plot', () => {
    const columns = { ...withGaps(series([0, 15], [100, 100])), delivered_hs: [90, 95], delivered_high_hs: [900, 120] };
    expect(hashrateTop(columns)).toBeCloseTo(160 * 1.08);
  });
  it('shows a narrow interval whole', () => {
    const columns = { ...withGaps(series([0], [100])), delivered_hs: [95], delivered_high_hs: [120] };
    expect(hashrateTop(columns)).toBeCloseTo(120 * 1.08);
  });
  it('has some height without a value', () => {
    expect(hashrateTop(withGaps(series([0])))).toBe(1);
    expect(powerTop(withGaps(series([0])))).toBe(1);
  });
  it('tells nothing from something', () => {
    expect(hasAny([null, null], [null])).toBe(false);
    expect(hasAny([null], [0])).toBe(true);
  });
});
