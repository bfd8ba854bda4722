// What stands in a reader's URL.
import * as z from 'zod/mini';
import { Refusal } from '../refusal.ts';

/** Parameters by their schema. Throws Refusal `bad_request` that names the wrong one. */
export function parsed<T extends z.ZodMiniType>(schema: T, value: unknown): z.output<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Refusal('bad_request', issue?.message ?? 'a parameter is wrong', { field: issue?.path.join('.') ?? '' });
}

/** A whole number in a query, from `least` to `most`. */
export function numberIn(least: number, most: number, otherwise: number) {
  const text = z._default(z.string().check(z.regex(/^[0-9]{1,9}$/)), String(otherwise));
  return z.pipe(text, z.pipe(z.transform(Number), z.number().check(z.minimum(least), z.maximum(most))));
}
