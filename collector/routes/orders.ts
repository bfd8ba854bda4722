// What the owner tells of orders, and his black list.
import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import type { Blacklist } from '../../wire/blacklist.ts';
import { WorkerName } from '../../wire/fields.ts';
import { type OrderRegistration, OrderRegistrations, REGISTRATIONS_BODY_MAX_BYTES } from '../../wire/orders.ts';
import type { CollectorDeps } from '../deps.ts';
import { numberIn, parsed } from './query.ts';

const OrdersQuery = z.object({ limit: numberIn(1, 10_000, 1000), worker: z.optional(WorkerName) });

/** Registers `/api/v1/orders` and `/api/v1/blacklist` in a scope that lets readers pass only. */
export function orderRoutes(app: FastifyInstance, { store }: CollectorDeps): void {
  app.post(
    '/api/v1/orders',
    { bodyLimit: REGISTRATIONS_BODY_MAX_BYTES },
    async (request): Promise<{ taken: number }> => {
      const orders = parsed(OrderRegistrations, request.body);
      await store.machines.addOrders(orders);
      return { taken: orders.length };
    },
  );

  app.get('/api/v1/orders', async (request): Promise<{ orders: OrderRegistration[] }> => {
    const { limit, worker } = parsed(OrdersQuery, request.query);
    return { orders: await store.machines.orders(worker === undefined ? { limit } : { limit, worker }) };
  });

  // The file's own shape: `order --blacklist` takes this address.
  app.get('/api/v1/blacklist', async (): Promise<Blacklist> => store.machines.blacklist());
}
