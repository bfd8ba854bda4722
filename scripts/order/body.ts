// The bodies of the market's order API (facts/gigaspot.md). Strict: what does not fit here never leaves this machine.
import * as z from 'zod';
import { ENV_VALUE_MAX_CHARS } from '../../entrypoint/settings.ts';
import { CURRENCY } from './snapshot.ts';

/** CLORE a day. */
export const PRICE_MIN = 0.0001;
export const PRICE_MAX = 5000;
/** The JSON text of the whole env must be shorter. */
export const ENV_TEXT_CHARS = 12_288;
export const ENV_KEY_MAX_CHARS = 128;
/** Order ids in one request. The reference names no limit for the other requests; we keep to this one. */
export const CANCEL_MAX = 64;

/** A CCR id. */
export const ImageId = z.string().regex(/^[0-9a-f]{24}$/, 'an image id of CCR: 24 hex digits in lower case');
/** Images of CLORE's own. */
export const UBUNTU_IMAGE = 'a3f9c4d7e5b088d8a0bff880';
export const HIVEOS_IMAGE = 'c9a4e2f6b7d488d8f0bab0ff';

const Price = z.number().min(PRICE_MIN).max(PRICE_MAX);
const OrderId = z.int().nonnegative();

/** Of one GPU: W and MHz. */
export const Oc = z.strictObject({
  pl: z.int().positive(),
  core_lock: z.int().optional(),
  mem_lock: z.int().optional(),
  mem_offset: z.int().optional(),
  core_offset: z.int().optional(),
});
export type Oc = z.infer<typeof Oc>;

export const Env = z
  .record(z.string().min(1).max(ENV_KEY_MAX_CHARS), z.string().max(ENV_VALUE_MAX_CHARS))
  .refine(
    (env) => envTextChars(env) < ENV_TEXT_CHARS,
    `its JSON text must have fewer than ${ENV_TEXT_CHARS} characters`,
  );
export type Env = z.infer<typeof Env>;

export const CreateOrder = z.strictObject({
  currency: z.literal(CURRENCY),
  image: ImageId,
  renting_server: z.int().positive(),
  price: Price,
  oc: z.array(Oc).min(1),
  env: Env.optional(),
});
export type CreateOrder = z.infer<typeof CreateOrder>;

export const EditOrder = z.strictObject({ order_id: OrderId, price: Price, oc: z.array(Oc).min(1).optional() });
export type EditOrder = z.infer<typeof EditOrder>;

export const CancelOrders = z.strictObject({ order_ids: z.array(OrderId).min(1).max(CANCEL_MAX) });
export type CancelOrders = z.infer<typeof CancelOrders>;

/** Length of the JSON text in the longest of the usual spellings: blanks after `:` and `,`, and all but ASCII as \uXXXX. */
export function envTextChars(env: Readonly<Record<string, string>>): number {
  const text = JSON.stringify(env);
  const beyondAscii = text.replaceAll(/[\0-\x7f]/g, '').length;
  return text.length + 5 * beyondAscii + 2 * Object.keys(env).length;
}
