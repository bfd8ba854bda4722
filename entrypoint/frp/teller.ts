// What the owner hears of the tunnel, by three doors: records of how it is, samples of each attempt, events of what changed.
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import { DETAIL_MAX_CHARS } from '../../wire/limits.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import type { CanaryResult } from './canary.ts';
import type { Outcome, Way } from './ladder.ts';
import { sampleOf, type Attempt } from './measure.ts';
import type { BadOutcome } from './outcome.ts';
import type { FrpCa } from './settings.ts';
import { newsOf } from './view.ts';

/** Samples of a way that the verdict of the next one looks back to. */
const HISTORY_MAX = 4;

/** Of an attempt, for its sample. */
export type Seen = Pick<Attempt, 'login_ms' | 'canary' | 'before'>;

export interface TellerOptions {
  addresses: readonly FrpAddress[];
  ca: FrpCa;
  /** Exports that there are visitors for, by name. */
  egressPorts: ReadonlyMap<string, number>;
  /** By the export's name: whether the last connection through its visitor carried data. */
  exportsWell?: ReadonlyMap<string, boolean> | undefined;
  /** A record is told so often even where nothing changed, ms. */
  recordMs: number;
  onRecord: (record: FrpRecord) => void;
  onSample: (sample: ReachabilityRecord) => void;
  emit: (event: LifecycleInput) => void;
  clock: Clock;
  logger: Logger;
}

export class Teller {
  readonly #o: TellerOptions;
  readonly #history = new Map<string, ReachabilityRecord[]>();
  #state: FrpRecord['state'] = 'connecting';
  #way: Way | null = null;
  #foundMs: number | null = null;
  #canary: CanaryResult | null = null;
  #exposed: FrpRecord['exposed'] = [];
  #told = '';
  #toldMs = -Infinity;
  #lastFault = '';
  #lastWords = '';

  constructor(o: TellerOptions) {
    this.#o = o;
  }

  /** It is not up: `way` is tried, or null: a pause is on. `exposed`: the services, none of them reachable. */
  isDown(state: 'connecting' | 'down', way: Way | null, exposed: FrpRecord['exposed']): void {
    this.#state = state;
    if (way !== null) this.#way = way;
    this.#canary = null;
    this.#foundMs = null;
    this.#exposed = exposed;
    this.#tell();
  }

  /** `foundMs` null: it was up before. */
  isUp(way: Way, seen: Seen, foundMs: number | null): void {
    this.#lastFault = '';
    this.#state = 'up';
    this.#way = way;
    this.#foundMs = foundMs;
    this.#canary = seen.canary;
    const after = foundMs === null ? 'as before' : `after ${(foundMs / 1000).toFixed(1)} s`;
    this.#o.emit({ event: 'frp_up', level: 'info', detail: `${this.#title(way)}, ${after}` });
    this.#tell();
    void this.sample(way, 'up', seen);
  }

  /** A canary of the way in use came back. */
  proven(canary: CanaryResult): void {
    this.#canary = canary;
    this.#tell();
  }

  /** The services as they are now, and what is new about them. */
  exposes(now: FrpRecord['exposed']): void {
    for (const event of newsOf(this.#exposed, now)) this.#o.emit(event);
    this.#exposed = now;
    this.#tell();
  }

  /** An attempt came to nothing. */
  failed(way: Way, outcome: BadOutcome, words: string): void {
    const { url: frps } = this.#address(way);
    this.#o.logger.warn({ frps, rung: way.rung, outcome, words }, 'frps is not reached so');
    const detail = `${this.#title(way)}: ${words}`.slice(0, DETAIL_MAX_CHARS);
    this.#lastWords = detail.slice(0, DETAIL_MAX_CHARS - 60);
    if (outcome === 'login_refused') this.fault(detail, 'frp_refused');
    else if (outcome === 'tls_bad') this.fault(`${detail}; see SPOTRIG_FRP_CA`, 'frp_refused');
    else if (outcome === 'no_program') this.fault(detail);
  }

  /** The way in use is lost. */
  lost(way: Way, outcome: BadOutcome, words: string): void {
    const detail = `${this.#title(way)}: ${words}`.slice(0, DETAIL_MAX_CHARS);
    this.#o.emit({ event: 'frp_down', level: 'warn', detail });
    if (outcome === 'login_refused') this.fault(detail, 'frp_refused');
  }

  /** No way worked in a whole round. Told once: a refusal that was told says more. */
  noWay(): void {
    if (this.#lastFault === '') this.fault(`no way to frps worked; the last one: ${this.#lastWords}`);
  }

  /** Told once, until another one or a way that works. */
  fault(detail: string, event: 'frp_down' | 'frp_refused' = 'frp_down'): void {
    if (detail === this.#lastFault) return;
    this.#lastFault = detail;
    this.#o.emit({ event, level: 'error', detail });
  }

  /** Hands the sample of an attempt on; null where the measurement itself failed. */
  async sample(way: Way, outcome: Outcome, seen: Seen): Promise<ReachabilityRecord | null> {
    const { ca, clock, logger, onSample } = this.#o;
    const key = JSON.stringify(way);
    try {
      const history = this.#history.get(key) ?? [];
      const sample = await sampleOf({ address: this.#address(way), way, outcome, ...seen, ca }, history, clock);
      this.#history.set(key, [sample, ...history].slice(0, HISTORY_MAX));
      onSample(sample);
      return sample;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'an attempt at frps could not be measured');
      return null;
    }
  }

  /** A record, where something changed or the last one is old. */
  #tell(): void {
    const { clock, egressPorts, exportsWell, recordMs } = this.#o;
    const way = this.#way;
    const record: Omit<FrpRecord, 'at_ms'> = {
      ...{ kind: 'frp', state: this.#state, frps: way === null ? null : this.#address(way).url },
      ...{ rung: way?.rung ?? null, found_ms: this.#foundMs },
      ...{ canary_bytes: this.#canary?.bytes ?? null, canary_ms: this.#canary?.ms ?? null },
      exposed: this.#exposed,
      egress: [...egressPorts.keys()].map((name) => ({ name, ok: exportsWell?.get(name) ?? null })),
    };
    const text = JSON.stringify(record);
    if (text === this.#told && clock.monoMs() - this.#toldMs < recordMs) return;
    this.#told = text;
    this.#toldMs = clock.monoMs();
    this.#o.onRecord({ ...record, at_ms: clock.nowMs() });
  }

  #address({ place }: Way): FrpAddress {
    const address = this.#o.addresses[place];
    if (address === undefined) throw new TypeError('no such address'); // ways are made of them
    return address;
  }

  #title(way: Way): string {
    return `${this.#address(way).url} by ${way.rung}${way.name === undefined ? '' : ` (${way.name})`}`;
  }
}
