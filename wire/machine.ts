// Verdicts on rented machines and the advice that follows, as the API, the page, the webhook and a bot see them
// (docs/design/011-the-judge.md).
import * as z from 'zod/mini';
import { Amount, Detail, UnixMs } from './fields.ts';
import { ADVICES, MACHINE_VERDICTS } from './machine-names.ts';

/** Whose doing it is: only the host's counts against him. `path`: the network's or the pool's; `owner`: the renter's own settings. */
export const BLAMES = ['host', 'path', 'owner'] as const;

export const MachineVerdict = z.object({
  verdict: z.enum(MACHINE_VERDICTS),
  blame: z.enum(BLAMES),
  /** Since when it holds, as far as records tell. */
  since_ms: UnixMs,
  confidence: Amount.check(z.maximum(1)),
  /** One sentence each, with the figures. */
  evidence: z.array(Detail).check(z.minLength(1), z.maxLength(20)),
});
export type MachineVerdict = z.infer<typeof MachineVerdict>;

export const Advice = z.enum(ADVICES);
export type Advice = z.infer<typeof Advice>;
