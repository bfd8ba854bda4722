// collector.toml's [[expect]]: what the operator knows better than any table. His figures win.
import * as z from 'zod';
import { isPromisedModel } from './gpu-model.ts';
import { referenceAlgo } from './reference-rates.ts';

export interface OwnRate {
  model: string;
  algo: string;
  /** null: whatever the limit. */
  power_limit_w: number | null;
  /** Of one GPU, as the miner shows it. */
  rate_hs: number;
  /** Allowed below and above, as a share of the rate. */
  spread: number;
}

/** The table [[expect]]. */
export const OwnRateTable = z.strictObject({
  model: z.string().min(1).max(80),
  algo: z.string().min(1).max(80),
  power_limit_w: z.number().positive().max(2000).optional(),
  rate_hs: z.number().positive().max(1e18),
  spread: z.number().min(0).max(0.9).default(0.1),
});

/** As the judge takes it. */
export function ownRateOf(table: z.infer<typeof OwnRateTable>): OwnRate {
  return { ...table, power_limit_w: table.power_limit_w ?? null };
}

/**
 * The operator's figure for a GPU: the one whose power limit is nearest; one without a limit only where none has one, or the GPU's
 * is not known. null: he gave none.
 */
export function ownRate(
  own: readonly OwnRate[],
  of: { model: string; memory_bytes: number | null; algo: string; power_limit_w: number | null },
): OwnRate | null {
  const limit_w = of.power_limit_w;
  const fitting = own.filter((one) => isPromisedModel(one.model, of.model, of.memory_bytes) && isSameAlgo(one.algo, of.algo)); // prettier-ignore
  const away = (one: OwnRate): number =>
    one.power_limit_w === null || limit_w === null ? Infinity : Math.abs(one.power_limit_w - limit_w);
  const [first = null] = fitting.toSorted(
    (a, b) => away(a) - away(b) || (a.power_limit_w ?? 0) - (b.power_limit_w ?? 0),
  );
  return first;
}

/** Whether two names are of one algorithm. */
export function isSameAlgo(a: string, b: string): boolean {
  const plain = (name: string): string => referenceAlgo(name) ?? name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return plain(a) === plain(b);
}
