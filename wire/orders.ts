// What the owner tells the collector of an order that was placed: `POST /api/v1/orders` with the admin token, a body of
// `OrderRegistrations`. `npx spotrig order --submit` sends it at least once: the same (server, worker, placed_at) again is the same
// order, and what it says then replaces what it said before (an end, an order id). Any 2xx acknowledges the whole body.
import * as z from 'zod/mini';
import { MODEL, type ExpectedGpus } from './expected-gpus.ts';
import { WorkerName } from './fields.ts';
import { GPUS_MAX } from './limits.ts';

/** Orders in one body. */
export const REGISTRATIONS_MAX = 1000;
/** Largest body of `POST /api/v1/orders`: every one that the schema takes fits, as JSON.stringify writes it. */
export const REGISTRATIONS_BODY_MAX_BYTES = 4 * 1024 * 1024;

/** The market's id of a server. */
export const ServerId = z.int().check(z.minimum(0), z.maximum(999_999_999_999));
/** The market's id of the owner of servers. */
export const HostId = z.string().check(z.regex(/^[!-~]{1,80}$/));
/** ISO 8601 in UTC, to the second or finer. */
const Iso = z.iso.datetime();

/** So many GPUs of one model. */
const Expected: z.ZodMiniType<ExpectedGpus> = z.object({
  model: z.string().check(z.regex(MODEL)),
  count: z.int().check(z.minimum(1), z.maximum(GPUS_MAX)),
});

export const OrderRegistration = z.object({
  server: ServerId,
  /** null: the snapshot does not say. */
  host: z.nullable(HostId),
  worker: WorkerName,
  /** What was bid, in CLORE a day. */
  bid_clore_day: z.number().check(z.minimum(0.0001), z.maximum(5000)),
  placed_at: Iso,
  /** null: it runs, as far as the sender knows. */
  ended_at: z.nullable(Iso),
  /** What the market promised. */
  expect: z.array(Expected).check(z.minLength(1), z.maxLength(GPUS_MAX)),
  /** The power limit that was ordered for each GPU, in W, in the market's order of the GPUs. */
  power_limits_w: z.array(z.int().check(z.minimum(0), z.maximum(100_000))).check(z.minLength(1), z.maxLength(GPUS_MAX)),
  /** The market's id of the order; null while it is not known. */
  order_id: z.nullable(z.int().check(z.minimum(0))),
});
export type OrderRegistration = z.infer<typeof OrderRegistration>;

export const OrderRegistrations = z.array(OrderRegistration).check(z.minLength(1), z.maxLength(REGISTRATIONS_MAX));
export type OrderRegistrations = z.infer<typeof OrderRegistrations>;
