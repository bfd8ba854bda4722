import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POOL_API_FORMS, readPoolAnswer } from './forms.ts';

const CREATED = '2026-11-26T12:00:00';
const workers = { 'rig-1': { hashrate: 31.3e6, sharesPerSecond: 0.007 }, '': { hashrate: 'fast' } };
const reading = {
  as_of_ms: Date.parse(`${CREATED}Z`),
  workers: [
    { name: 'rig-1', hashrate_hs: 31.3e6, last_share_ms: null },
    { name: '', hashrate_hs: null, last_share_ms: null },
  ],
};

describe('miningcore', () => {
  it('is read in its three shapes, a moment without a zone as UTC', () => {
    const account = { pendingShares: 1, performance: { created: CREATED, workers } };
    expect(readPoolAnswer('miningcore', account)).toEqual(reading);
    expect(readPoolAnswer('miningcore', { success: true, result: account })).toEqual(reading);
    const older = { created: '2026-11-26T11:00:00Z', workers: { old: { hashrate: 1 } } };
    expect(readPoolAnswer('miningcore', [older, account.performance, older])).toEqual(reading);
  });

  it('knows an account without a worker from an answer that is none', () => {
    const none = { as_of_ms: null, workers: [] };
    expect(readPoolAnswer('miningcore', { pendingShares: 0, performance: null })).toEqual(none);
    expect(readPoolAnswer('miningcore', {})).toBeNull();
    expect(readPoolAnswer('miningcore', { success: false, error: 'x' })).toBeNull();
    expect(readPoolAnswer('miningcore', 'maintenance')).toBeNull();
  });
});

describe('2Miners', () => {
  it('is read with the last beat; what it does not tell is null', () => {
    const body = {
      currentHashrate: 5,
      workers: { a: { hr: 5, hr2: 4, lastBeat: 1_790_000_000 }, b: { hr: -1 }, c: 7 },
    };
    expect(readPoolAnswer('2miners', { workers: { b: { hr: 1 } } })?.as_of_ms).toBeNull();
    const read = readPoolAnswer('2miners', body);
    // It has no moment of its own.
    expect(read?.as_of_ms).toBe(1_790_000_000_000);
    expect(read?.workers).toEqual([
      { name: 'a', hashrate_hs: 5, last_share_ms: 1_790_000_000_000 },
      { name: 'b', hashrate_hs: null, last_share_ms: null },
      { name: 'c', hashrate_hs: null, last_share_ms: null },
    ]);
  });
});

describe('any answer', () => {
  it('never throws, and never makes up a rate', () => {
    fc.assert(
      fc.property(fc.constantFrom(...POOL_API_FORMS), fc.jsonValue(), fc.jsonValue(), (form, rate, rest) => {
        const body = {
          performance: { created: rest, workers: { a: { hashrate: rate } } },
          workers: { a: { hr: rate } },
        };
        const isRate = typeof rate === 'number' && rate >= 0;
        expect(readPoolAnswer(form, body)?.workers[0]?.hashrate_hs ?? null).toBe(isRate ? rate : null);
        expect(() => readPoolAnswer(form, rest)).not.toThrow();
      }),
    );
  });
});
