// Control measurements: how the operator's endpoints look from this collector's line. One measurement serves every worker that asks
// while it is fresh, and every worker that asks while it runs.
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { ControlSample, Target } from '../../wire/reachability.ts';

export interface ControlsOptions {
  /** This vantage point's name. */
  by: string;
  endpoints: readonly Target[];
  cache_ms: number;
  clock: Clock;
  logger: Logger;
  /** Measures once, whatever comes of it. */
  measure(target: Target): Promise<ControlSample>;
  /** Keeps a sample for later verdicts. */
  keep(sample: ControlSample): Promise<void>;
}

interface Kept {
  sample: ControlSample;
  mono_ms: number;
}

export class Controls {
  readonly #o: ControlsOptions;
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Map<string, Promise<ControlSample | null>>();

  constructor(o: ControlsOptions) {
    this.#o = o;
    this.#targets = new Map(o.endpoints.map((target) => [target.url, target]));
  }

  /** This vantage point's name, as its samples carry it. */
  get by(): string {
    return this.#o.by;
  }

  isListed(entry: string): boolean {
    return this.#targets.has(entry);
  }

  /**
   * The entry's sample: a fresh one from before, or of a measurement that runs or begins now. Null when the entry is not listed,
   * when the measurement could not be made, or when it is not ready after `wait_ms`; it then goes on, for who asks later.
   */
  async sample(entry: string, wait_ms: number): Promise<ControlSample | null> {
    const { clock, cache_ms } = this.#o;
    const kept = this.#kept.get(entry);
    if (kept !== undefined && clock.monoMs() - kept.mono_ms < cache_ms) return kept.sample;
    const target = this.#targets.get(entry);
    if (target === undefined) return null;
    let running = this.#running.get(entry);
    if (running === undefined) {
      running = this.#measured(target).finally(() => this.#running.delete(entry));
      this.#running.set(entry, running);
    }
    const tooLong = Promise.withResolvers<null>();
    const cancel = clock.setTimer(wait_ms, () => tooLong.resolve(null));
    try {
      return await Promise.race([running, tooLong.promise]);
    } finally {
      cancel();
    }
  }

  async #measured(target: Target): Promise<ControlSample | null> {
    const { clock, logger } = this.#o;
    try {
      const sample = await this.#o.measure(target);
      this.#kept.set(target.url, { sample, mono_ms: clock.monoMs() });
      await this.#o.keep(sample).catch((error: unknown) => {
        logger.warn({ entry: target.url, error: messageOf(error) }, 'a control sample was not stored');
      });
      return sample;
    } catch (error) {
      logger.warn({ entry: target.url, error: messageOf(error) }, 'a control measurement was not made');
      return null;
    }
  }
}
