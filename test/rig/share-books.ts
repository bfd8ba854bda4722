// What a practice pool knows about each worker: the truth that a test compares a report with.

/** Why a share was refused. */
export type RejectReason = 'invalid' | 'stale' | 'duplicate' | 'low_difficulty' | 'unauthorised' | 'not_subscribed';

export interface WorkerBook {
  accepted: number;
  rejected: Partial<Record<RejectReason, number>>;
  /** Of the shares above, those whose answer was held back (`setAnswering(false)`). */
  unanswered: number;
  /** Σ expected hashes (2^256 / target) of the accepted shares. */
  work_hashes: number;
  /** Unix ms of the first and the last accepted share; null before one. */
  first_ms: number | null;
  last_ms: number | null;
}

export interface PoolStats {
  connections: number;
  connections_total: number;
  jobs: number;
  /** By login. Submits from a connection that never logged in are booked under the empty name. */
  workers: Record<string, WorkerBook>;
}

const WORKERS_MAX = 1000;

/** Books shares by worker. */
export class ShareBooks {
  readonly #workers = new Map<string, WorkerBook>();

  #book(worker: string): WorkerBook {
    const known = this.#workers.get(worker);
    if (known !== undefined) return known;
    const book = { accepted: 0, rejected: {}, unanswered: 0, work_hashes: 0, first_ms: null, last_ms: null };
    if (this.#workers.size < WORKERS_MAX) this.#workers.set(worker, book);
    return book;
  }

  /** One share: its expected hashes where it is good, else why it is refused; and whether the answer is held back. */
  enter(worker: string, verdict: number | RejectReason, o: { nowMs: number; isAnswered: boolean }): void {
    const book = this.#book(worker);
    if (typeof verdict === 'string') book.rejected[verdict] = (book.rejected[verdict] ?? 0) + 1;
    else {
      book.accepted += 1;
      book.work_hashes += verdict;
      book.first_ms ??= o.nowMs;
      book.last_ms = o.nowMs;
    }
    if (!o.isAnswered) book.unanswered += 1;
  }

  /** A copy of all books. */
  snapshot(): Record<string, WorkerBook> {
    return structuredClone(Object.fromEntries(this.#workers));
  }
}
