// What the relay itself learned of one endpoint: when it last failed, how long it is passed over for that, when it may be dialled
// again. Times are monotonic ms, given by the caller.

export interface HealthTimers {
  /** So long an endpoint that failed is passed over for others; doubled with each failure in a row. */
  calmMs: number;
  calmMaxMs: number;
  /** The same until it is dialled again at all, from the second failure on: pools ban clients that storm them. */
  retryMs: number;
  retryMaxMs: number;
  /** A session that served so long and then ended is no failure of the endpoint: pools restart, lines hiccup. */
  servedMs: number;
}

export const HEALTH_TIMERS: HealthTimers = {
  calmMs: 600_000,
  calmMaxMs: 7_200_000,
  retryMs: 1_000,
  retryMaxMs: 30_000,
  servedMs: 60_000,
};

/** Why an endpoint did not serve: a name of wire/failure.ts, or `login_refused`. */
export type Trouble = string;

export class EndpointHealth {
  readonly #t: HealthTimers;
  /** Failures since it last served for long. */
  #inARow = 0;
  #forgivenMs = -Infinity;
  #failedMs = -Infinity;
  #liftedMs = -Infinity;
  /** The last trouble; null when it served since, or never failed. */
  trouble: Trouble | null = null;
  /** Passed over for others until then. */
  illUntilMs = -Infinity;
  /** Not dialled before then. */
  retryAtMs = -Infinity;
  /** Time of the last TCP connection; null before the first. */
  connect_ms: number | null = null;
  /** Since when it is as it is: serving, or in trouble. Null before either. */
  sinceMs: number | null = null;

  constructor(timers: HealthTimers = HEALTH_TIMERS) {
    this.#t = timers;
  }

  isIll(nowMs: number): boolean {
    return nowMs < this.illUntilMs;
  }

  /** It could not be dialled, did not answer, went silent, or refused the login. */
  failed(nowMs: number, trouble: Trouble): void {
    const { calmMs, calmMaxMs, retryMs, retryMaxMs } = this.#t;
    // A freeze after hours of service is no failure in a row with those of the boot.
    const servedMs = this.trouble === null && this.sinceMs !== null ? nowMs - this.sinceMs : 0;
    if (servedMs >= calmMs) this.#inARow = 0;
    const factor = 2 ** Math.min(this.#inARow, 30);
    this.#failedMs = nowMs;
    this.illUntilMs = nowMs + Math.min(calmMs * factor, calmMaxMs);
    this.retryAtMs = this.#inARow === 0 ? nowMs : nowMs + Math.min((retryMs * factor) / 2, retryMaxMs);
    this.#inARow += 1;
    if (this.trouble !== trouble) this.sinceMs = nowMs;
    this.trouble = trouble;
  }

  /** A miner's login was taken. */
  served(nowMs: number): void {
    if (this.trouble !== null || this.sinceMs === null) this.sinceMs = nowMs;
    this.trouble = null;
    this.illUntilMs = -Infinity;
    this.retryAtMs = -Infinity;
  }

  /**
   * A measurement that began at `sinceMs`, all of it after the last failure, found it well: it is not passed over any longer. Once in
   * `calmMaxMs`: what fails again although it measures well is left alone for as long as its failures say.
   */
  measuredWell(nowMs: number, sinceMs: number): void {
    if (!this.isIll(nowMs) || this.#failedMs >= sinceMs || nowMs - this.#liftedMs < this.#t.calmMaxMs) return;
    this.#liftedMs = nowMs;
    this.illUntilMs = -Infinity;
    this.retryAtMs = -Infinity;
  }

  /** The pool ended a session that had served for so long. One such end within the calm time is forgiven, if it served well. */
  ended(nowMs: number, servedMs: number, trouble: Trouble): void {
    const { calmMs, servedMs: longMs } = this.#t;
    if (servedMs >= calmMs) this.#inARow = 0;
    if (servedMs < longMs || nowMs - this.#forgivenMs < calmMs) {
      this.failed(nowMs, trouble);
      return;
    }
    this.#forgivenMs = nowMs;
    this.trouble = trouble;
    this.sinceMs = nowMs;
  }
}
