// collector.toml's [judge]: how often the judge may be wrong.
import * as z from 'zod';
import { SEQUENTIAL, type SequentialSettings } from './sequential-test.ts';

/** A rarer error takes more shares to be sure of; a more frequent one than 10 % is no ground for ending an order. */
const errorRate = z.number().min(0.0001).max(0.1);

/** The table [judge]. */
export const JudgeTable = z
  .strictObject({ alpha: errorRate.default(SEQUENTIAL.alpha), beta: errorRate.default(SEQUENTIAL.beta) })
  .prefault({});

export function judgeSettingsOf(table: z.infer<typeof JudgeTable>): SequentialSettings {
  return { ...SEQUENTIAL, ...table };
}
