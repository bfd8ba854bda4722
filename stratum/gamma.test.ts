import { describe, expect, it } from 'vitest';
import { gammaQuantile } from './gamma.ts';

function relativeError(value: number, truth: number): number {
  return Math.abs(value - truth) / truth;
}

describe('gammaQuantile', () => {
  // χ² tables (NIST handbook 1.3.6.7.4; R's qchisq for the digits): degrees of freedom, upper tail, quantile.
  it.each([
    [1, 0.05, 3.841458820694124],
    [2, 0.05, 5.991464547107979],
    [10, 0.05, 18.307038053275146],
    [10, 0.001, 29.58829844507442],
    [10, 0.95, 3.940299136119061],
    [100, 0.01, 135.80672317102676],
  ])('is half of the published χ² quantile (%d degrees, upper tail %d)', (degrees, p, chiSquare) => {
    expect(relativeError(2 * gammaQuantile(degrees / 2, 'upper', p), chiSquare)).toBeLessThan(1e-12);
  });

  // By 30-digit arithmetic: bisection over the incomplete gamma function.
  it.each([
    [0.5, 'upper', 0.001, 5.413783085331366],
    [1, 'lower', 0.0005, 0.0005001250416822979],
    [1, 'upper', 0.0005, 7.600902459542082],
    [2, 'upper', 0.025, 5.571643390938899],
    [5, 'lower', 0.025, 1.6234863901184204],
    [10.5, 'lower', 0.0005, 2.947850068680401],
    [11.5, 'upper', 0.0005, 26.000094644539136],
    [13.25, 'upper', 1e-12, 56.71282198134745],
    [3, 'lower', 1e-9, 0.0018179466000270157],
    [50, 'upper', 0.01, 67.9033615855134],
    [1000, 'lower', 0.0005, 899.2086831191871],
    [1001, 'upper', 0.0005, 1108.3940211570052],
  ] as const)('is exact to 1e-11 (shape %d, %s tail %d)', (shape, tail, p, truth) => {
    expect(relativeError(gammaQuantile(shape, tail, p), truth)).toBeLessThan(1e-11);
  });

  it('goes over into the form for large shapes without a step', () => {
    for (const tail of ['lower', 'upper'] as const) {
      const series = gammaQuantile(1e7 * (1 - 1e-12), tail, 0.0005);
      const closed = gammaQuantile(1e7 * (1 + 1e-12), tail, 0.0005);
      expect(relativeError(closed, series)).toBeLessThan(1e-9);
    }
  });

  it('has both ends, and no answer to a question without sense', () => {
    expect(gammaQuantile(3, 'lower', 0)).toBe(0);
    expect(gammaQuantile(3, 'upper', 0)).toBe(Infinity);
    expect(gammaQuantile(3, 'lower', 1)).toBe(Infinity);
    expect(gammaQuantile(0, 'lower', 0.5)).toBeNaN();
    expect(gammaQuantile(Number.NaN, 'lower', 0.5)).toBeNaN();
    expect(gammaQuantile(3, 'lower', 1.5)).toBeNaN();
  });
});
