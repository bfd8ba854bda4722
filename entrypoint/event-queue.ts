import type { LifecycleInput } from '../wire/records.ts';

/** Events on their way to a reporter that is not loaded yet. */
export class EventQueue {
  readonly #first = Promise.withResolvers<void>();
  #waiting: LifecycleInput[] = [];
  #take: ((event: LifecycleInput) => void) | null = null;

  /** Resolves with the first event. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  push(event: LifecycleInput): void {
    if (this.#take === null) this.#waiting.push(event);
    else this.#take(event);
    this.#first.resolve();
  }

  /** Hands over what waits, and from now on every event at once. */
  handTo(take: (event: LifecycleInput) => void): void {
    this.#take = take;
    for (const event of this.#waiting) take(event);
    this.#waiting = [];
  }
}
