// A rented machine with a known truth: what it hashes, what it claims, when it starts again. Seeded.
import type { MinerState } from '../../../wire/records.ts';
import { poisson } from '../../fakes/random.ts';

export interface MachineWorld {
  /** What it hashes on average while it hashes, as its miner would honestly show it, in H/s. */
  true_hs: number;
  /** What its miner shows, as a share of what it hashes then. */
  claim_factor: number;
  /** Starts of the miner, the first at 0, in seconds since the order began; the DAG takes so long each time. */
  starts: readonly { at_s: number; back_off_s: number; dag_s: number }[];
  /** DAGs of a new epoch, and whether the miner's log tells. */
  epochs: readonly { at_s: number; dag_s: number; told: boolean }[];
  /** Spans in which no report comes through; they come later, from the spool. */
  unheard: readonly { from_s: number; until_s: number }[];
}

/** ±10 % by block height: the program of KawPow changes each three blocks of a minute. */
const HEIGHT_SPAN_S = 180;
const HEIGHT_SWING = 0.1;
export const DEV_FEE = 0.01;
const DAY_S = 86_400;

export class Machine {
  readonly world: MachineWorld;
  readonly #heightSeed: number;

  constructor(world: MachineWorld, random: () => number) {
    this.world = world;
    this.#heightSeed = Math.floor(random() * 2 ** 31);
  }

  state(at_s: number): MinerState {
    const start = this.#startAt(at_s);
    if (at_s < start.at_s + start.back_off_s) return 'backing_off';
    if (at_s < start.at_s + start.back_off_s + start.dag_s) return at_s < start.at_s + start.back_off_s + 5 ? 'starting' : 'dag'; // prettier-ignore
    return this.#epochAt(at_s)?.told === true ? 'dag' : 'hashing';
  }

  uptime_s(at_s: number): number {
    const start = this.#startAt(at_s);
    return Math.max(0, at_s - start.at_s - start.back_off_s);
  }

  /** By its own hashing, dev fee and all; 0 while a DAG is made, null while no miner runs. */
  rate_hs(at_s: number): number | null {
    const start = this.#startAt(at_s);
    if (at_s < start.at_s + start.back_off_s) return null;
    if (at_s < start.at_s + start.back_off_s + start.dag_s || this.#epochAt(at_s) !== null) return 0;
    return this.world.true_hs * this.#height(at_s);
  }

  #height(at_s: number): number {
    // One number per span, the same however it is asked.
    let t = Math.imul(Math.floor(at_s / HEIGHT_SPAN_S) + this.#heightSeed, 0x9e3779b1);
    t = Math.imul(t ^ (t >>> 15), 0x85ebca6b);
    t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35);
    return 1 + HEIGHT_SWING * (2 * (((t ^ (t >>> 16)) >>> 0) / 2 ** 32) - 1);
  }

  #startAt(at_s: number): MachineWorld['starts'][number] {
    const start = this.world.starts.findLast((one) => one.at_s <= at_s) ?? this.world.starts[0];
    if (start === undefined) throw new Error('a machine starts at least once');
    return start;
  }

  #epochAt(at_s: number): MachineWorld['epochs'][number] | null {
    return this.world.epochs.find((one) => at_s >= one.at_s && at_s < one.at_s + one.dag_s) ?? null;
  }
}

/** Restarts (one and a half a day), an epoch each 5.2 days, and a dead line to the collector now and then. */
export function machineWorld(o: {
  true_hs: number;
  claim_factor: number;
  days: number;
  random: () => number;
}): MachineWorld {
  const { days, random } = o;
  const dag_s = (): number => 10 + random() * 80;
  const restarts = Array.from({ length: poisson(1.5 * days, random) }, () => ({
    ...{ at_s: random() * days * DAY_S, back_off_s: 5 + random() * 60, dag_s: dag_s() },
  }));
  const first_s = random() * 5.2 * DAY_S;
  return {
    ...{ true_hs: o.true_hs, claim_factor: o.claim_factor },
    starts: [{ at_s: 0, back_off_s: 0, dag_s: dag_s() }, ...restarts.toSorted((a, b) => a.at_s - b.at_s)],
    epochs: [0, 1, 2, 3].map((i) => ({ at_s: first_s + i * 5.2 * DAY_S, dag_s: dag_s(), told: random() < 0.5 })),
    unheard: Array.from({ length: poisson(days / 3, random) }, () => {
      const from_s = random() * days * DAY_S;
      return { from_s, until_s: from_s + 60 + random() * 1200 };
    }),
  };
}
