// Asks every collector how the targets look from outside (POST /v1/control). A collector that does not answer is a sample too: the
// run goes on with what there is.
import * as z from 'zod/mini';
import { codeOf } from '../../platform/errors.ts';
import { failureOf } from '../../stratum/failure-of.ts';
import { CONTROL_ENTRIES_MAX, ControlAnswer, type ControlRequest, type InsideControl } from '../../wire/control.ts';
import type { Failure } from '../../wire/failure.ts';
import type { ControlSample, Network } from '../../wire/reachability.ts';
import type { CollectorAccess, NetDeps, TraceStep } from './context.ts';
import type { ProbeProfile } from './profile.ts';

/** An answer about 16 entries with all their trials has some 50 KB. */
const ANSWER_MAX_BYTES = 524_288;

/** What the collectors said so far. */
export class ControlDesk {
  readonly #collectors: readonly CollectorAccess[];
  readonly #profile: ProbeProfile;
  readonly #deps: Pick<NetDeps, 'http' | 'clock'>;
  readonly #trace: (step: TraceStep) => void;
  /** By entry, one of each vantage point. */
  readonly #samples = new Map<string, Map<string, ControlSample>>();
  readonly #inside = new Map<string, InsideControl[]>();
  /** Entries that a collector still measures, by its URL. */
  readonly #pending = new Map<string, Set<string>>();
  #first: Promise<unknown> = Promise.resolve();
  egress: Network | null = null;
  /** Our clock less the collector's, half of the exchange taken off. */
  clock_skew_ms: number | null = null;

  constructor(
    collectors: readonly CollectorAccess[],
    profile: ProbeProfile,
    deps: Pick<NetDeps, 'http' | 'clock'>,
    trace: (step: TraceStep) => void,
  ) {
    this.#collectors = collectors.filter((collector) => collector.token !== null);
    this.#profile = profile;
    this.#deps = deps;
    this.#trace = trace;
  }

  /** Sends the first question to every collector, in the background. */
  begin(entries: readonly string[]): void {
    this.#first = Promise.all(this.#collectors.map((collector) => this.#ask(collector, [...new Set(entries)])));
  }

  /** Waits for the first answers, but not longer than the profile allows. */
  async settle(): Promise<void> {
    const over = new AbortController();
    const late = this.#deps.clock.sleep(this.#profile.control_wait_ms, over.signal).catch(() => undefined);
    await Promise.race([this.#first, late]);
    over.abort();
  }

  /** Asks again for what is still being measured of these entries, until it is there or the questions are used up. */
  async insist(entries: readonly string[]): Promise<void> {
    await this.#first;
    for (let i = 1; i < this.#profile.control_questions; i++) {
      const open = this.#collectors.flatMap((collector) => {
        const missing = entries.filter((entry) => this.#pending.get(collector.url)?.has(entry) === true);
        return missing.length === 0 ? [] : [{ collector, missing }];
      });
      if (open.length === 0) return;
      await this.#deps.clock.sleep(this.#profile.control_again_ms);
      await Promise.all(open.map(({ collector, missing }) => this.#ask(collector, missing)));
    }
  }

  samples(entry: string): ControlSample[] {
    return [...(this.#samples.get(entry)?.values() ?? [])];
  }

  inside(entry: string): InsideControl[] {
    return this.#inside.get(entry) ?? [];
  }

  async #ask(collector: CollectorAccess, entries: readonly string[]): Promise<void> {
    for (let i = 0; i < entries.length; i += CONTROL_ENTRIES_MAX) {
      await this.#askFew(collector, entries.slice(i, i + CONTROL_ENTRIES_MAX));
    }
  }

  async #askFew(collector: CollectorAccess, entries: string[]): Promise<void> {
    const { clock, http } = this.#deps;
    const begun = clock.monoMs();
    const body: ControlRequest = { v: 1, entries };
    let failure: Failure | null = null;
    let note = '';
    try {
      const answer = await http({
        url: `${collector.url.replace(/\/+$/, '')}/v1/control`,
        headers: { authorization: `Bearer ${collector.token ?? ''}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        timeoutMs: this.#profile.control_ms,
        maxBytes: ANSWER_MAX_BYTES,
        ...(collector.url.startsWith('https:') ? { pinSha256: collector.pins } : {}),
      });
      if (answer.status === 200) note = this.#take(collector, entries, answer.body, clock.monoMs() - begun);
      else {
        failure = 'http_unexpected_status_code';
        note = `status ${answer.status}`;
      }
    } catch (error) {
      failure = controlFailure(error);
    }
    const { host } = new URL(collector.url);
    this.#trace({ target: null, what: `control ${host}`, ms: clock.monoMs() - begun, failure, note });
  }

  #take(collector: CollectorAccess, entries: readonly string[], body: Buffer, tookMs: number): string {
    const answer = z.parse(ControlAnswer, JSON.parse(body.toString('utf8')));
    const pending = new Set(entries);
    for (const sample of answer.samples) {
      const of = this.#samples.get(sample.entry) ?? new Map<string, ControlSample>();
      this.#samples.set(sample.entry, of.set(sample.by, sample));
      pending.delete(sample.entry);
    }
    for (const entry of answer.unlisted) pending.delete(entry);
    for (const { entry, controls } of answer.inside) this.#inside.set(entry, controls);
    const earlier = this.#pending.get(collector.url) ?? new Set();
    for (const entry of entries) earlier.delete(entry);
    this.#pending.set(collector.url, new Set([...earlier, ...pending]));
    this.egress ??= answer.network;
    this.clock_skew_ms ??= this.#deps.clock.nowMs() - tookMs / 2 - answer.now_ms;
    return `${answer.samples.length} measured, ${answer.unlisted.length} not listed, ${pending.size} to come`;
  }
}

function controlFailure(error: unknown): Failure {
  if (codeOf(error) === 'http_timeout') return 'generic_timeout_error';
  if (codeOf(error) === 'http_pin_mismatch') return 'ssl_unknown_authority';
  if (error instanceof SyntaxError || (error instanceof Error && error.name.startsWith('$Zod')))
    return 'json_parse_error';
  return failureOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
