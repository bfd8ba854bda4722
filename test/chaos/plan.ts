// What a trial does, drawn from the seed alone: the same seed and number give the same faults at the same moments.
import { createHash } from 'node:crypto';

export const KINDS = [
  'kill-all',
  'node-kill',
  'head-kill',
  'stop-start',
  'truncate',
  'two-heads',
  'collector-down',
  'pool-drop',
  'mirror-cut',
  'mirror-wrong',
  'mirror-freeze',
  'disk-full',
] as const;
export type Kind = (typeof KINDS)[number];

/** How often each kind comes in one deck of trials. */
const CARDS: Record<Kind, number> = {
  'kill-all': 6,
  'node-kill': 6,
  'head-kill': 3,
  'stop-start': 2,
  truncate: 4,
  'two-heads': 3,
  'collector-down': 3,
  'pool-drop': 1,
  'mirror-cut': 3,
  'mirror-wrong': 2,
  'mirror-freeze': 1,
  'disk-full': 2,
};

/** Where a start can be caught, in its order. The ones with a part are caught at that part of their bytes. */
export const STEPS = [
  'head-start',
  'lock',
  'payload',
  'runtime',
  'unpack',
  'node-start',
  'relay-open',
  'artefact',
  'miner-spawn',
  'first-share',
  'report-sent',
] as const;
export type Step = (typeof STEPS)[number];
/** Only where the disk holds no artefacts. */
const COLD_STEPS: ReadonlySet<Step> = new Set(['payload', 'runtime', 'unpack', 'artefact']);

/** `while-mining`: so long after the last trial's end; else at a step of a fresh start, and so long after it. */
export type Moment = { at: 'while-mining' | Step; part: number; delayMs: number };

/** A whole trial. */
export interface Plan {
  trial: number;
  kind: Kind;
  /** The artefacts are gone from the disk before the start: everything is fetched again. */
  isCold: boolean;
  moment: Moment;
  /** The fault comes so often, each time at the same moment of the next start. */
  times: number;
  /** A kill on top, so long after the fault. */
  onTop: { kind: 'node-kill' | 'kill-all'; delayMs: number } | null;
  /** A number from 0 to 1 for the fault's own choice: where it cuts, which bytes are wrong. */
  part: number;
  /** How long the fault lasts, for those that last. */
  forMs: number;
}

const KILLS: ReadonlySet<Kind> = new Set(['kill-all', 'node-kill', 'head-kill', 'stop-start']);
const MIRROR: ReadonlySet<Kind> = new Set(['mirror-cut', 'mirror-wrong', 'mirror-freeze']);
const COLD_SHARE = 0.25;

/** The plan of one trial. `only` replaces the kind and changes nothing else that is drawn. */
export function planTrial(seed: number, trial: number, only: Kind | null = null): Plan {
  const dice = new Dice(`${seed}:${trial}`);
  const kind = only ?? kindOf(seed, trial);
  const isCold = dice.next() < COLD_SHARE || MIRROR.has(kind);
  const steps = STEPS.filter((step) => isCold || !COLD_STEPS.has(step));
  const whileMining = { at: 'while-mining', part: 0, delayMs: dice.upTo(1500) } as const;
  const atStep = { at: dice.of(steps), part: dice.next(), delayMs: dice.upTo(40) };
  const delays = isCold || (dice.next() < 0.7 && kind !== 'pool-drop');
  const times = 1 + dice.upTo(2);
  const onTop = { kind: dice.of(['node-kill', 'kill-all'] as const), delayMs: dice.upTo(1500) };
  const hasOnTop = dice.next() < 0.25;
  return {
    trial,
    kind,
    isCold,
    moment: delays ? atStep : whileMining,
    times: KILLS.has(kind) || kind === 'pool-drop' ? times : 1,
    onTop: hasOnTop ? onTop : null,
    part: dice.next(),
    forMs: 500 + dice.upTo(4500),
  };
}

/** A trial in a few words. */
export function describePlan(plan: Plan): string {
  const { at, part, delayMs } = plan.moment;
  const place = at === 'while-mining' ? 'while mining' : `at ${at} ${Math.round(part * 100)} %`;
  const words = [plan.kind, plan.isCold ? 'cold' : 'warm', place, `+${delayMs} ms`];
  if (plan.times > 1) words.push(`${plan.times} times`);
  if (plan.onTop !== null) words.push(`then ${plan.onTop.kind} +${plan.onTop.delayMs} ms`);
  return words.join(' ');
}

/** Kinds are dealt from a shuffled deck, so that few trials too hold all of them. */
function kindOf(seed: number, trial: number): Kind {
  const deck = KINDS.flatMap((kind) => Array.from({ length: CARDS[kind] }, () => kind));
  const dice = new Dice(`${seed}:deck ${Math.floor(trial / deck.length)}`);
  for (let i = deck.length - 1; i > 0; i--) {
    const j = dice.upTo(i);
    const [a, b] = [deck[i], deck[j]];
    if (a !== undefined && b !== undefined) [deck[i], deck[j]] = [b, a];
  }
  return deck[trial % deck.length] ?? 'kill-all';
}

/** Numbers from a text: SHA-256 in counter mode. */
export class Dice {
  readonly #text: string;
  #count = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** From 0 to below 1. */
  next(): number {
    const digest = createHash('sha256').update(`${this.#text}:${this.#count++}`).digest();
    return digest.readUInt32BE(0) / 2 ** 32;
  }

  /** A whole number from 0 to `max`. */
  upTo(max: number): number {
    return Math.floor(this.next() * (max + 1));
  }

  of<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = list[this.upTo(list.length - 1)];
    if (chosen === undefined) throw new RangeError('nothing to choose from');
    return chosen;
  }
}
