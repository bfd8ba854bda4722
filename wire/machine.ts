// Verdicts on rented machines and the advice that follows, as the API, the page, the webhook and a bot see them
// (docs/design/011-the-judge.md). The list is closed; the words stand here and nowhere else.
import * as z from 'zod/mini';
import { Amount, Detail, UnixMs } from './fields.ts';

/** What each verdict says, in words for an owner. */
export const MACHINE_VERDICT_WORDS = {
  no_hello: 'never said hello: its script does not run, or it cannot reach this collector',
  stuck_at_stage: 'stuck: it started and does not get to hashing',
  gpu_missing: 'fewer GPUs than promised',
  gpu_other_model: 'other GPUs than promised',
  gpu_lost: 'a GPU that was there is gone',
  power_limit_other: 'another power limit than ordered',
  throttled: 'GPUs are held back: heat, power or the PCIe link',
  slow_claimed: 'its own miner says less than can be expected',
  slow_delivered: 'its shares prove less than can be expected',
  claims_too_much: 'its miner claims more than its shares prove',
  not_at_pool: 'the pool does not know what the machine says it delivers',
  rejects: 'the pool rejects its shares',
  flapping: 'its miner ends again and again',
  offline: 'reports no more',
  duplicate_boot: 'two containers report under one name',
} as const;
export type MachineVerdictName = keyof typeof MACHINE_VERDICT_WORDS;

const NAMES = Object.keys(MACHINE_VERDICT_WORDS) as [MachineVerdictName, ...MachineVerdictName[]];
/** Every name, in the order in which they are told. */
export const MACHINE_VERDICTS: readonly MachineVerdictName[] = NAMES;

/** Whose doing it is: only the host's counts against him. `path`: the network's or the pool's; `owner`: the renter's own settings. */
export const BLAMES = ['host', 'path', 'owner'] as const;

export const MachineVerdict = z.object({
  verdict: z.enum(NAMES),
  blame: z.enum(BLAMES),
  /** Since when it holds, as far as records tell. */
  since_ms: UnixMs,
  confidence: Amount.check(z.maximum(1)),
  /** One sentence each, with the figures. */
  evidence: z.array(Detail).check(z.minLength(1), z.maxLength(20)),
});
export type MachineVerdict = z.infer<typeof MachineVerdict>;

/** What to do, mildest first. `cancel`: end the order; `blacklist`: and place none there again. */
export const ADVICES = ['keep', 'watch', 'cancel', 'blacklist'] as const;
export const Advice = z.enum(ADVICES);
export type Advice = z.infer<typeof Advice>;
