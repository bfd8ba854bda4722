// A pool as a miner meets it: it asks for work per share, changes its mind (vardiff), stumbles now and then. Seeded.
import { poisson } from '../../fakes/random.ts';

/** Times in seconds since the order began. */
export interface PoolWorld {
  /** Seconds between shares that the pool aims at; null: its difficulty is fixed. */
  vardiff_s: number | null;
  /** Expected hashes per share at a login. */
  first_work_hashes: number;
  hiccups: readonly Hiccup[];
}

/**
 * `gone`: no connection. `mute`: submits get no answer. `stale`: its jobs come late. `down`: no connection, and the reachability verdict
 * says so. `frozen`: the connection stands, nothing passes, and the verdict says blocked.
 */
export interface Hiccup {
  from_s: number;
  until_s: number;
  kind: 'gone' | 'mute' | 'stale' | 'down' | 'frozen';
}

export interface Step {
  connected_s: number;
  accepted: number;
  rejected: number;
  stale: number;
  unanswered: number;
  work_hashes: number;
  work_sq_hashes2: number;
  work_max_hashes: number;
  share_work_hashes: number | null;
}

/** Seconds in which the machine's rate and the pool's mood are constant. */
const SUB_STEP_S = 5;
/** As pools of the node-stratum-pool line do it: looked at with a share, not more often than this, by the mean of the shares since. */
const RETARGET_S = 90;
const RETARGET_SLACK = 0.3;
const RETARGET_FACTOR_MAX = 4;
const REJECTED_SHARE = 0.003;
const STALE_SHARE = 0.005;

export class Pool {
  readonly #world: PoolWorld;
  readonly #random: () => number;
  #work: number;
  #since_s = 0;
  #shares = 0;

  constructor(world: PoolWorld, random: () => number) {
    this.#world = world;
    this.#random = random;
    this.#work = world.first_work_hashes;
  }

  hiccupAt(at_s: number): Hiccup | null {
    return this.#world.hiccups.find(({ from_s, until_s }) => at_s >= from_s && at_s < until_s) ?? null;
  }

  /** A window of a machine that hashes at `rateAt` (0 while it does not, null while its miner has no connection). */
  step(from_s: number, until_s: number, rateAt: (at_s: number) => number | null): Step {
    const step: Step = {
      ...{ connected_s: 0, accepted: 0, rejected: 0, stale: 0, unanswered: 0 },
      ...{ work_hashes: 0, work_sq_hashes2: 0, work_max_hashes: 0, share_work_hashes: null },
    };
    for (let at_s = from_s; at_s < until_s; at_s += SUB_STEP_S) {
      const hiccup = this.hiccupAt(at_s)?.kind ?? null;
      const rate_hs = rateAt(at_s);
      if (rate_hs === null || hiccup === 'gone' || hiccup === 'down') {
        // The next login begins with the first difficulty.
        this.#work = this.#world.first_work_hashes;
        this.#since_s = at_s;
        this.#shares = 0;
        continue;
      }
      step.connected_s += SUB_STEP_S;
      const found = poisson((rate_hs * SUB_STEP_S) / this.#work, this.#random);
      for (let i = 0; i < found; i += 1) this.#share(step, hiccup, at_s);
    }
    step.share_work_hashes = step.connected_s > 0 ? this.#work : null;
    return step;
  }

  #share(step: Step, hiccup: Hiccup['kind'] | null, at_s: number): void {
    const luck = this.#random();
    if (hiccup === 'mute' || hiccup === 'frozen') {
      step.unanswered += 1;
      return;
    }
    if (luck < REJECTED_SHARE) step.rejected += 1;
    else if (hiccup === 'stale' || luck < REJECTED_SHARE + STALE_SHARE) step.stale += 1;
    else {
      step.accepted += 1;
      step.work_hashes += this.#work;
      step.work_sq_hashes2 += this.#work * this.#work;
      step.work_max_hashes = Math.max(step.work_max_hashes, this.#work);
    }
    this.#retarget(at_s);
  }

  #retarget(at_s: number): void {
    this.#shares += 1;
    const aim_s = this.#world.vardiff_s;
    const waited_s = at_s - this.#since_s;
    if (aim_s === null || waited_s < RETARGET_S) return;
    const factor = aim_s / (waited_s / this.#shares);
    this.#since_s = at_s;
    this.#shares = 0;
    if (Math.abs(factor - 1) <= RETARGET_SLACK) return;
    this.#work *= Math.min(RETARGET_FACTOR_MAX, Math.max(1 / RETARGET_FACTOR_MAX, factor));
  }
}

/** The stumbles of `days`: about one and a half a day, seconds to half an hour. */
export function hiccupsOf(days: number, random: () => number): Hiccup[] {
  const kinds = ['gone', 'gone', 'mute', 'stale', 'down', 'frozen'] as const;
  return Array.from({ length: poisson(1.5 * days, random) }, () => {
    const from_s = random() * days * 86_400;
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'gone';
    const longest_s = kind === 'down' || kind === 'frozen' ? 1800 : 300;
    return { from_s, until_s: from_s + 20 + random() * longest_s, kind };
  });
}
