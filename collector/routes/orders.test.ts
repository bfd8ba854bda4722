import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { Blacklist } from '../../wire/blacklist.ts';
import { REGISTRATIONS_MAX, type OrderRegistration, type OrderRegistrations } from '../../wire/orders.ts';

let collector: FakeCollector;
beforeEach(async () => {
  collector = await fakeCollector();
});
afterEach(() => collector[Symbol.asyncDispose]());

function order(over: Partial<OrderRegistration> = {}): OrderRegistration {
  return {
    ...{ server: 4711, host: '82', worker: 'rig-1', bid_clore_day: 12.5, placed_at: '2026-11-26T12:00:00.000Z' },
    ...{ ended_at: null, expect: [{ model: 'RTX 3070', count: 2 }], power_limits_w: [130, 130], order_id: null },
    ...over,
  };
}

function post(payload: unknown, headers: Record<string, string> = {}) {
  return collector.app.inject({
    ...{ method: 'POST', url: '/api/v1/orders', headers: { host: '127.0.0.1:8480', ...headers } },
    payload: payload as object,
  });
}

async function kept(query = ''): Promise<OrderRegistration[]> {
  const answer = await collector.get(`/api/v1/orders${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.json<{ orders: OrderRegistrations }>().orders;
}

describe('/api/v1/orders', () => {
  it('keeps what was told last of an order, whatever form its moment has', async () => {
    expect((await post([order(), order({ server: 4712, placed_at: '2026-11-26T12:00:01Z' })])).json()).toEqual({
      taken: 2,
    });
    await post([order({ placed_at: '2026-11-26T12:00:00Z', ended_at: '2026-11-26T13:00:00Z', order_id: 99 })]);
    expect((await kept()).map(({ server, order_id }) => [server, order_id])).toEqual([
      [4712, null],
      [4711, 99],
    ]);
    await post([order({ worker: 'rig-2' })]);
    expect(await kept('?worker=rig-2')).toEqual([order({ worker: 'rig-2' })]);
  });

  it('refuses a body that is none, and names the field', async () => {
    for (const [body, field] of [
      [[], ''],
      [[order(), order({ bid_clore_day: -1 })], '1.bid_clore_day'],
      [[order({ worker: '../x' })], '0.worker'],
      [{ orders: [order()] }, ''],
    ] as const) {
      const answer = await post(body);
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({ error: 'bad_request' });
      expect(String(answer.json<{ field?: string }>().field ?? '')).toBe(field);
    }
    expect(await kept()).toEqual([]);
  });

  it('takes the largest body that the schema takes', async () => {
    const expectMany = Array.from({ length: 32 }, (_, i) => ({ model: `RTX ${i} ${'x'.repeat(50)}`, count: 1 }));
    const many = Array.from({ length: REGISTRATIONS_MAX }, (_, server) =>
      order({ server, expect: expectMany, power_limits_w: Array.from({ length: 32 }, () => 100_000) }),
    );
    expect((await post(many)).json()).toEqual({ taken: REGISTRATIONS_MAX });
  });

  it('is the admin’s', async () => {
    await collector[Symbol.asyncDispose]();
    collector = await fakeCollector({ settings: { admin_token: 'an-admin-token-of-tests' } });
    expect((await post([order()])).statusCode).toBe(401);
    const authorization = 'Bearer an-admin-token-of-tests';
    expect((await post([order()], { authorization })).statusCode).toBe(200);
    expect((await collector.get('/api/v1/blacklist')).statusCode).toBe(401);
  });
});

describe('/api/v1/blacklist', () => {
  it('answers the file that orders obey', async () => {
    const at = '2026-11-26T12:00:00.000Z';
    await collector.deps.store.machines.addToBlacklist({
      servers: [{ id: 4711, reason: 'slow', at }],
      hosts: [{ id: '82', reason: 'lies', at }],
    });
    await collector.deps.store.machines.addToBlacklist({ servers: [{ id: 4711, reason: 'slower', at }], hosts: [] });
    const list = Blacklist.parse((await collector.get('/api/v1/blacklist')).json());
    expect(list).toMatchObject({ servers: [{ id: 4711, reason: 'slower' }], hosts: [{ id: '82' }] });
    expect(await collector.deps.store.machines.dropFromBlacklist({ servers: [4711, 1], hosts: [] })).toBe(1);
    expect((await collector.get('/api/v1/blacklist')).json<Blacklist>().servers).toEqual([]);
  });
});
