import { afterEach, describe, expect, it } from 'vitest';
import { ShareMeter } from '../../stratum/share-meter.ts';
import type { SharesRecord } from '../../wire/records.ts';
import { compareBooks, PoolBook, type Stored } from './ledger.ts';

const BOOT = 'a'.repeat(32);
const BEGIN = Date.now();
let pool: PoolBook | undefined;

afterEach(() => pool?.close());

/** A window of ten seconds that ends so many seconds after the begin. */
function window(end_s: number, accepted: number, unanswered = 0): Stored['shares'][number] {
  const empty = new ShareMeter({ nowMs: () => 0, monoMs: () => 0 }).takeWindow();
  const record: SharesRecord = { ...empty, at_ms: BEGIN + end_s * 1000, window_ms: 10_000, accepted, unanswered };
  return { boot: BOOT, record };
}

/** A pool that had accepted nothing before the first window, and so many from then on. */
function booked(accepted: number): PoolBook {
  let now = 0;
  pool = new PoolBook(() => now);
  now = accepted;
  pool.take(BEGIN + 5000);
  return pool;
}

describe('books of a series', () => {
  it('agree when every spooled report is stored once and the shares are the pool’s', () => {
    const stored = { reports: [`${BOOT} 0`, `${BOOT} 1`], shares: [window(10, 40), window(20, 0)] };
    expect(compareBooks({ spooled: new Set([`${BOOT} 0`]), stored, pool: booked(40) })).toEqual([]);
  });

  it('tell of a spooled report that is nowhere, and of one that is there twice', () => {
    const stored = { reports: [`${BOOT} 1`, `${BOOT} 1`], shares: [] };
    const wrong = compareBooks({ spooled: new Set([`${BOOT} 0`]), stored, pool: booked(0) });
    expect(wrong).toEqual([
      `1 spooled reports are not at the collector: ${BOOT} 0`,
      'a report is at the collector twice',
    ]);
  });

  it('tell of shares counted twice, and of shares that a reported window misses', () => {
    const twice = { reports: [], shares: [window(10, 41)] };
    expect(compareBooks({ spooled: new Set(), stored: twice, pool: booked(40) })).toHaveLength(1);
    const missed = { reports: [], shares: [window(10, 30, 3)] };
    expect(compareBooks({ spooled: new Set(), stored: missed, pool: booked(40) })).toHaveLength(1);
    const explained = { reports: [], shares: [window(10, 30, 9)] };
    expect(compareBooks({ spooled: new Set(), stored: explained, pool: booked(40) })).toEqual([]);
  });
});
