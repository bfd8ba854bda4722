import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatAgeOf,
  formatBounds,
  formatBytes,
  formatClock,
  formatCount,
  formatHashrate,
  formatMs,
  formatPower,
  formatShare,
  formatWhole,
} from './format.ts';

describe('unknown', () => {
  it('is a dash everywhere, never 0', () => {
    const texts = [
      formatHashrate(null),
      formatCount(null),
      formatPower(null),
      formatWhole(null, '°C'),
      formatBytes(null),
      formatMs(null),
      formatAge(null),
      formatAgeOf(null, 0),
      formatAgeOf('not a time', 0),
      formatClock(Number.NaN),
    ];
    expect(new Set(texts)).toEqual(new Set(['–']));
  });
});

describe('formatHashrate', () => {
  it.each([
    [0, '0 H/s'],
    [0.5, '0.50 H/s'],
    [7, '7.00 H/s'],
    [148, '148 H/s'],
    [999.4, '999 H/s'],
    [999.6, '1.00 kH/s'],
    [1480, '1.48 kH/s'],
    [99_960, '100 kH/s'],
    [148_200, '148 kH/s'],
    [999_999, '1.00 MH/s'],
    [61_230_000, '61.2 MH/s'],
    [1e9, '1.00 GH/s'],
    [2.5e18, '2.50 EH/s'],
    [2.5e22, '25,000 EH/s'],
  ])('%d is %s', (hs, text) => {
    expect(formatHashrate(hs)).toBe(text);
  });
});

describe('formatBounds', () => {
  it('shares the unit of the middle', () => {
    expect(formatBounds(148_000, 131_000, 167_000)).toBe('131–167');
    expect(formatBounds(980_000, 870_000, 1_100_000)).toBe('870–1,100');
    expect(formatBounds(1_020_000, 870_000, 1_200_000)).toBe('0.87–1.20');
  });
  it('brings a unit of its own before the first share', () => {
    expect(formatBounds(0, 0, 52_000)).toBe('0–52.0 kH/s');
  });
  it('says nothing when a bound is unknown', () => {
    expect(formatBounds(148_000, null, 167_000)).toBeNull();
    expect(formatBounds(null, 1, 2)).toBeNull();
  });
});

describe('other units', () => {
  it('keeps watts up to ten kilowatts', () => {
    expect(formatPower(182.4)).toBe('182 W');
    expect(formatPower(1240)).toBe('1,240 W');
    expect(formatPower(124_300)).toBe('124 kW');
  });
  it('groups counts', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatCount(0)).toBe('0');
  });
  it('counts bytes in binary units', () => {
    expect(formatBytes(512)).toBe('512 B');
    expect(formatBytes(1024)).toBe('1.00 KiB');
    expect(formatBytes(1_048_400)).toBe('1.00 MiB');
    expect(formatBytes(25_232_932_864)).toBe('23.5 GiB');
  });
});

describe('time', () => {
  it.each([
    [-5000, '0 s'],
    [4999, '4 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
  ])('an age of %d ms is %s', (age, text) => {
    expect(formatAge(age)).toBe(text);
  });
  it('shows 24-hour time', () => {
    expect(formatClock(Date.UTC(2026, 0, 2, 0, 3, 7), 'UTC')).toBe('00:03:07');
    expect(formatClock(Date.UTC(2026, 0, 2, 15, 3, 7), 'UTC')).toBe('15:03:07');
  });
});

describe('formatMs and formatShare', () => {
  it.each([
    [0, '0 ms'],
    [0.42, '0.4 ms'],
    [0.96, '1 ms'],
    [42.4, '42 ms'],
    [9_999.4, '9,999 ms'],
    [15_000, '15.0 s'],
  ])('writes %s ms as %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text);
  });
  it('writes a share as a percentage', () => {
    expect([0, 0.955, 1].map(formatShare)).toEqual(['0 %', '96 %', '100 %']);
  });
});
