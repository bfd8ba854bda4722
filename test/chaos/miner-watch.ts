// Looks at /proc all the time and counts the miners of one home. The lock that each miner holds (chaos-release.ts) misses
// nothing; this sees them also where a full disk takes no note.
import { allPids, readWorkerProcess } from './processes.ts';

const LOOK_MS = 40;
/** A process that was not a miner for so long does not become one. */
const SETTLED_MS = 2000;
/** Pids come again. */
const FORGET_MS = 10_000;

export class MinerWatch {
  readonly #home: string;
  readonly #strangers = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #forgotAtMs = performance.now();
  /** The most miners that were seen at one moment since `takeMost`. */
  #most = 0;
  miners: readonly number[] = [];

  constructor(home: string) {
    this.#home = home;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  takeMost(): number {
    const most = this.#most;
    this.#most = 0;
    return most;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#forgotAtMs > FORGET_MS) {
      this.#strangers.clear();
      this.#forgotAtMs = now;
    }
    this.miners = allPids().filter((pid) => {
      const since = this.#strangers.get(pid);
      if (since !== undefined && now - since > SETTLED_MS) return false;
      if (readWorkerProcess(pid, this.#home)?.role === 'miner') return true;
      if (since === undefined) this.#strangers.set(pid, now);
      return false;
    });
    // One that ended while the others were read is not there beside them.
    const still = this.miners.filter((pid) => readWorkerProcess(pid, this.#home) !== null);
    this.#most = Math.max(this.#most, still.length);
  }
}
