import { describe, expect, it } from 'vitest';
import { RECORDS_MAX } from '../wire/limits.ts';
import type { LifecycleRecord, LogRecord } from '../wire/records.ts';
import { packReports, REPORT_TARGET_BYTES } from './packing.ts';

const small: LifecycleRecord = {
  kind: 'lifecycle',
  at_ms: 1,
  event: 'x',
  level: 'info',
  detail: '',
  exit_code: null,
  signal: null,
  log: [],
};
const large: LogRecord = {
  kind: 'log',
  at_ms: 1,
  source: 'miner',
  lines: Array<string>(60).fill('ж'.repeat(400)),
  skipped: 0,
};

describe('packReports', () => {
  it('puts what fits into one report, in order', () => {
    expect(packReports([])).toEqual([]);
    expect(packReports([small, small])).toEqual([[small, small]]);
  });

  it('splits by size; a record that is too large alone goes alone', () => {
    const many = packReports(Array<LifecycleRecord>(1000).fill(small));
    expect(many.flat()).toHaveLength(1000);
    expect(Math.max(...many.map((r) => r.length))).toBeLessThanOrEqual(RECORDS_MAX);
    const reports = packReports([small, large, small]);
    expect(reports.map((r) => r.length)).toEqual([1, 1, 1]);
    for (const r of packReports(Array.from({ length: 90 }, () => ({ ...small, detail: 'y'.repeat(600) })))) {
      expect(JSON.stringify(r).length).toBeLessThanOrEqual(REPORT_TARGET_BYTES + 2);
    }
  });
});
