import { sleepWith, type Clock } from '../../platform/clock.ts';

/** A clock that stands still until `advance`. Timers fire in order of their due time, with promises settled in between. */
export class FakeClock implements Clock {
  #now: number;
  #mono = 0;
  #next = 0;
  readonly #timers = new Map<number, { due: number; fn: () => void }>();

  constructor(startMs = 1_790_000_000_000) {
    this.#now = startMs;
  }

  nowMs(): number {
    return this.#now;
  }

  monoMs(): number {
    return this.#mono;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepWith(this, ms, signal);
  }

  setTimer(ms: number, fn: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { due: this.#mono + Math.max(0, ms), fn });
    return () => this.#timers.delete(id);
  }

  /** Timers that wait now. */
  get pending(): number {
    return this.#timers.size;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.due <= end).toSorted((a, b) => a[1].due - b[1].due)[0];
      if (due === undefined) break;
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#step(Math.max(this.#mono, timer.due));
      timer.fn();
      await settle();
    }
    this.#step(end);
    await settle();
  }

  /** Moves the wall clock alone, as a time correction does. */
  jumpWall(ms: number): void {
    this.#now += ms;
  }

  #step(mono: number): void {
    this.#now += mono - this.#mono;
    this.#mono = mono;
  }
}

/** Lets promise callbacks run, and I/O that is already due. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
