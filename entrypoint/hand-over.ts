/** What is told before the part that takes it is loaded waits here. Of more than `max` the oldest go. */
export class HandOver<T> {
  readonly #max: number;
  readonly #first = Promise.withResolvers<void>();
  #waiting: T[] = [];
  #take: ((item: T) => void) | null = null;

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves with the first item. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  push(item: T): void {
    if (this.#take !== null) this.#take(item);
    else this.#waiting = [...this.#waiting, item].slice(-this.#max);
    this.#first.resolve();
  }

  /** Hands over what waits, and from now on every item at once. */
  handTo(take: (item: T) => void): void {
    this.#take = take;
    for (const item of this.#waiting) take(item);
    this.#waiting = [];
  }
}
