// What the relay's own connection to a pool tells the prober when it dies after it had worked: evidence that costs no probe.
import type { Failure } from '../wire/failure.ts';
import type { Stall } from '../wire/reachability.ts';
import type { AckReading } from './probe/ack.ts';

const UNKNOWN: AckReading = { tx_unacked_bytes: null, retransmits: null };

/** Keeps count of one connection. Times are monotonic ms. */
export class StallWatch {
  readonly #startMs: number;
  #heardMs: number;
  #messages = 0;
  #ack: AckReading = UNKNOWN;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** The pool sent something. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#messages += 1;
    this.#ack = UNKNOWN;
  }

  /** The kernel's last word on our bytes while the pool was silent. */
  acked(reading: AckReading): void {
    this.#ack = reading;
  }

  /**
   * How it ended, as a stall. `askedMs`: when the miner wrote what was not answered, null where nothing waited; null for an end
   * that is no sign of anything (the miner's, a page in place of stratum).
   */
  end(o: { failure: Failure | null; rawBytes: number; askedMs: number | null; nowMs: number }): Stall | null {
    const end = ENDS.get(o.failure ?? '');
    if (end === undefined) return null;
    return {
      raw_bytes: o.rawBytes,
      packets: null,
      messages: this.#messages,
      age_ms: o.nowMs - this.#startMs,
      idle_ms: o.askedMs === null ? null : Math.max(0, o.askedMs - this.#heardMs),
      end,
      ...this.#ack,
    };
  }
}

const ENDS: ReadonlyMap<string, Stall['end']> = new Map([
  ['generic_timeout_error', 'silence'],
  ['connection_reset', 'rst'],
  ['eof_error', 'fin'],
]);
