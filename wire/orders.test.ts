import { describe, expect, it } from 'vitest';
import { BLACKLIST_ENTRIES_MAX, BLACKLIST_MAX_BYTES, Blacklist } from './blacklist.ts';
import { formatExpected, parseExpected } from './expected-gpus.ts';
import { OrderRegistrations, REGISTRATIONS_BODY_MAX_BYTES, REGISTRATIONS_MAX } from './orders.ts';

const order = {
  ...{ server: 1701, host: '88', worker: 'rig-1701', bid_clore_day: 4.25, placed_at: '2026-11-26T10:00:00Z' },
  ...{ ended_at: null, expect: [{ model: 'RTX 3070', count: 2 }], power_limits_w: [130, 130], order_id: null },
};

describe('what the market promised', () => {
  it.each(['4xRTX 3070', '2xRTX 3070+1xRTX 3080 Ti', '1xRTX A4000 (Laptop)', '32xP104-100'])(
    '%s goes there and back',
    (text) => {
      expect(formatExpected(parseExpected(text) ?? [])).toBe(text);
    },
  );

  it.each(['', 'RTX 3070', '0xRTX 3070', '4x', '100xRTX 3070', '32xRTX 3070+1xRTX 3080', '1xA+', '1xA\nB'])(
    '%j is not of the form',
    (text) => {
      expect(parseExpected(text)).toBeNull();
    },
  );
});

describe('a registered order', () => {
  it('is taken, up to a thousand in one body', () => {
    expect(OrderRegistrations.parse([order])).toEqual([order]);
    expect(OrderRegistrations.safeParse([]).success).toBe(false);
    expect(OrderRegistrations.safeParse(Array.from({ length: 1001 }, () => order)).success).toBe(false);
  });

  it('fits the body, however long', () => {
    const long = {
      ...{
        ...order,
        server: 999_999_999_999,
        host: 'h'.repeat(80),
        worker: 'w'.repeat(63),
        bid_clore_day: 4999.123456789012,
      },
      ...{
        placed_at: '2026-11-26T10:00:00.000000Z',
        ended_at: '2026-11-26T10:00:00.000000Z',
        order_id: 999_999_999_999,
      },
      expect: Array.from({ length: 32 }, () => ({ model: 'M'.repeat(60), count: 32 })),
      power_limits_w: Array.from({ length: 32 }, () => 100_000),
    };
    const body = JSON.stringify(OrderRegistrations.parse([long]));
    expect(body.length * REGISTRATIONS_MAX).toBeLessThan(REGISTRATIONS_BODY_MAX_BYTES);
  });

  it.each([
    ['server', -1],
    ['server', 1.5],
    ['worker', 'Rig 1'],
    ['bid_clore_day', 0],
    ['placed_at', 'today'],
    ['expect', []],
    ['power_limits_w', [130.5]],
  ])('is refused with a bad %s (%j)', (field, value) => {
    expect(OrderRegistrations.safeParse([{ ...order, [field]: value }]).success).toBe(false);
  });
});

it('the black list has servers by number and hosts by text', () => {
  const list = { v: 1, servers: [{ id: 17, reason: 'slow', at: '2026-11-26T10:00:00Z' }], hosts: [] };
  expect(Blacklist.parse(list)).toEqual(list);
  const full = JSON.stringify({ id: 999_999_999_999, reason: 'r'.repeat(90), at: '2026-11-26T10:00:00.000Z' });
  expect(full.length * BLACKLIST_ENTRIES_MAX * 2).toBeLessThan(BLACKLIST_MAX_BYTES);
  expect(Blacklist.safeParse({ ...list, v: 2 }).success).toBe(false);
  expect(Blacklist.safeParse({ ...list, servers: [{ id: 'x', reason: '', at: '2026-11-26T10:00:00Z' }] }).success).toBe(
    false,
  );
});
