// Verdicts on rented machines and the advice that follows, by name and in words (docs/design/011-the-judge.md). Without a schema: the page
// shows them and has no use for one. The lists are closed; the words stand here and nowhere else.

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

/** Every name, in the order in which they are told. */
export const MACHINE_VERDICTS = Object.keys(MACHINE_VERDICT_WORDS) as [MachineVerdictName, ...MachineVerdictName[]];

/** What to do, mildest first. `cancel`: end the order; `blacklist`: and place none there again. */
export const ADVICES = ['keep', 'watch', 'cancel', 'blacklist'] as const;
export type Advice = (typeof ADVICES)[number];
