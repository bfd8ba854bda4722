// The fleet's rows for readers. A large fleet's take a second to draw from the store, and readers ask every few seconds: such an answer
// is drawn in small steps beside everything else, and given again until the next one is there.
import type { Clock } from '../platform/clock.ts';
import type { WorkerRow } from '../wire/api.ts';
import { DELIVERED_WINDOW_MS } from './analysis/delivered.ts';
import { type RowSettings, workerRow } from './analysis/worker-row.ts';
import type { Store } from './store/store.ts';

/** Rows in one step: some milliseconds, so that reports do not wait. */
const STEP_ROWS = 10;
/** What is drawn faster than this is drawn anew for every reader. */
const CHEAP_MS = 30;
/** An answer is given again for so many times what it took, so that drawing takes a sixth of the time at most. */
const KEPT_TIMES = 5;
/** Whoever asks for the first time after this long waits for new rows. */
const STALE_MS = 30_000;

interface Drawn {
  rows: WorkerRow[];
  at_ms: number;
  took_ms: number;
}

export class FleetRows {
  readonly #o: { store: Store; clock: Clock; settings: RowSettings };
  #last: Drawn | null = null;
  #drawing: Promise<Drawn> | null = null;

  constructor(o: { store: Store; clock: Clock; settings: RowSettings }) {
    this.#o = o;
  }

  /** Every worker, by name. Rejects like the store. */
  async rows(): Promise<readonly WorkerRow[]> {
    const last = this.#last;
    const age_ms = last === null ? Infinity : this.#o.clock.monoMs() - last.at_ms;
    if (last !== null && last.took_ms > CHEAP_MS && age_ms <= STALE_MS) {
      if (age_ms > last.took_ms * KEPT_TIMES) void this.#draw().catch(() => {});
      return last.rows;
    }
    return (await this.#draw()).rows;
  }

  /** Readers who ask at once share one. */
  #draw(): Promise<Drawn> {
    this.#drawing ??= this.#drawNow().finally(() => {
      this.#drawing = null;
    });
    return this.#drawing;
  }

  async #drawNow(): Promise<Drawn> {
    const { store, clock, settings } = this.#o;
    const began_ms = clock.monoMs();
    const rows: WorkerRow[] = [];
    for (const [i, { id }] of (await store.machines.heard()).entries()) {
      if (i % STEP_ROWS === STEP_ROWS - 1) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
      const now_ms = clock.nowMs();
      const facts = await store.worker(id, now_ms - DELIVERED_WINDOW_MS);
      if (facts !== null) rows.push(workerRow(facts, now_ms, settings));
    }
    const at_ms = clock.monoMs();
    this.#last = { rows, at_ms, took_ms: at_ms - began_ms };
    return this.#last;
  }
}
