// What the lab's censors and accidents do, as data: how the world is set up, which verdicts are right (named beforehand, with the
// reason: facts/censorship.md sections 1 and 3.3), and how plain sockets see that it is really done.
import type { VERDICTS } from '../../../wire/verdict.ts';
import type { PlainOp, PlainResult } from './plain-client.ts';
import type { Setup } from './lab-world.ts';
import { accidents } from './accidents.ts';
import { dnsLies } from './dns-lies.ts';
import { blocks } from './blocks.ts';
import { slowOnes } from './slow-ones.ts';

export type VerdictName = (typeof VERDICTS)[number];

export interface Technique {
  name: string;
  /** What is judged: the pool's plain port, its TLS port, or the collector. */
  target: 'plain' | 'tls' | 'collector';
  /** Parameters differ from run to run. */
  setup(vary: Vary): Omit<Setup, 'seed' | 'scale'>;
  allowed: readonly VerdictName[];
  why: string;
  /** What no censor did: "blocked" would be false. */
  innocent?: true;
  /** Watched for so long after a good answer, before scaling; 30 s where it is not said. */
  watch_s?: number;
  /** Measured a second time after so long (before scaling), and judged then. */
  again_after_s?: number;
  /** null where nothing is done. */
  proof: Proof | null;
}

/** How plain sockets see that the first of its forms works (at PROOF_SCALE): true there, and false in a clean world. */
export interface Proof {
  ops: PlainOp[];
  struck(results: readonly PlainResult[]): boolean;
}

/** Long timers in the proofs. */
export const PROOF_SCALE = 0.02;

/** What differs between the runs of a technique. */
export interface Vary {
  /** From 0. */
  run: number;
  /** Long timers (idle, age, lists) are multiplied by it. */
  scale: number;
  /** One of these, in turn. */
  pick<T>(...choices: [T, ...T[]]): T;
  /** A number from one to the other, spread over the runs. */
  between(from: number, to: number): number;
}

/** The parameters of run `run`: the golden ratio spreads any number of runs evenly. */
export function varied(run: number, scale: number): Vary {
  return {
    run,
    scale,
    pick: (...choices) => choices[run % choices.length] ?? choices[0],
    between: (from, to) => from + (to - from) * ((run * 0.618_033_988_7) % 1),
  };
}

export const TECHNIQUES: readonly Technique[] = [...dnsLies, ...blocks, ...slowOnes, ...accidents];
