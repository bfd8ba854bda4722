// A miner's API is foreign data: a field that is absent, of another type or senseless is unknown, and never spoils the rest.
import * as z from 'zod/mini';
import { Amount, Count, Name } from '../wire/fields.ts';

/** The schema's value, or null for anything else. */
function orNull<T extends z.ZodMiniType>(schema: T): z.ZodMiniCatch<z.ZodMiniNullable<T>> {
  return z.catch(z.nullable(schema), null);
}

export const AmountOrNull = orNull(Amount);
export const CountOrNull = orNull(Count);
export const NameOrNull = orNull(Name);

/** A list of which each entry is read on its own; not a list at all = empty. */
export function listOf<T extends z.ZodMiniType>(
  entry: T,
): z.ZodMiniCatch<z.ZodMiniArray<z.ZodMiniCatch<z.ZodMiniNullable<T>>>> {
  return z.catch(z.array(orNull(entry)), []);
}

/** The text as JSON; undefined when it is not whole JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // truncated, HTML, or empty: the caller's schema refuses it
  }
}

/** A sum that stays a number: null when it overflows. */
export function sumOf(values: readonly (number | null)[]): number | null {
  const sum = values.reduce<number>((a, b) => a + (b ?? 0), 0);
  return Number.isFinite(sum) ? sum : null;
}
