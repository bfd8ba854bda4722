import { describe, expect, it } from 'vitest';
import { median, quantile } from './statistics.ts';

describe('quantile', () => {
  it('interpolates between neighbours, whatever the order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(quantile([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 0.9)).toBe(90);
    expect(quantile([0, 10], 0.25)).toBe(2.5);
  });

  it('has both ends, one value, and none', () => {
    expect([quantile([5, 9, 7], 0), quantile([5, 9, 7], 1)]).toEqual([5, 9]);
    expect(quantile([7], 0.9)).toBe(7);
    expect(median([])).toBeNaN();
  });
});
