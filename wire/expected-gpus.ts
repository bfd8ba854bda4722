// What the market promised: so many GPUs of such models. `SPOTRIG_EXPECT` says it to the worker, a registered order to the collector.
// Without a schema: the worker reads this before its miner runs, and zod is loaded later.
import { GPUS_MAX } from './limits.ts';

/** A model as the market spells it, without the maker's marks. `+` stands between models, so no model holds one. */
export const MODEL = /^[A-Za-z0-9][A-Za-z0-9 ()/._-]{0,59}$/;

/** So many GPUs of one model. */
export interface ExpectedGpus {
  model: string;
  count: number;
}

/** `4xRTX 3070`, or `2xRTX 3070+1xRTX 3080` where models are mixed. */
export function formatExpected(gpus: readonly ExpectedGpus[]): string {
  return gpus.map(({ count, model }) => `${count}x${model}`).join('+');
}

/** Takes the text of `SPOTRIG_EXPECT` apart; null where it has not the form, or names more than GPUS_MAX GPUs in all. */
export function parseExpected(text: string): ExpectedGpus[] | null {
  const gpus: ExpectedGpus[] = [];
  for (const part of text.split('+')) {
    const [, count = '', model = ''] = /^([1-9][0-9]?)x(.*)$/.exec(part.trim()) ?? [];
    if (!MODEL.test(model)) return null;
    gpus.push({ model, count: Number(count) });
  }
  const total = gpus.reduce((sum, { count }) => sum + count, 0);
  return total > GPUS_MAX ? null : gpus;
}
