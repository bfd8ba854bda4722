// Sends the spool's reports to the collector, oldest first, one at a time, each on a connection of its own: a filter that
// freezes connections after some kilobytes (facts: 12-20 KB) then never sees a whole one. Reports stay well below that.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { backoffMs, parseRetryAfterMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { HttpAnswer, httpRequest } from '../platform/http.ts';
import type { Logger } from '../platform/logger.ts';
import { parseCollectorAddress } from '../wire/collector-address.ts';
import type { Envelope } from '../wire/envelope.ts';
import { EXPORT_STANDING, standing } from '../wire/standing.ts';
import type { VerdictName } from '../wire/verdict.ts';
import * as fit from './fit.ts';
import type { EventInput } from './run-view.ts';
import type { Spool, SpoolEntry } from './spool/spool.ts';

const TRY_TIMEOUT_MS = 20_000;
const ANSWER_MAX_BYTES = 16_384;
/** At most five reports a second while an outage is caught up. */
const MIN_PACE_MS = 200;
const BACKOFF_BASE_MS = 1000;
/** With one collector the owner waits for it; with several another one has the reports meanwhile. */
const BACKOFF_MAX_ONE_MS = 60_000;
const BACKOFF_MAX_SEVERAL_MS = 300_000;
/** A refused token does not become good by itself; also the cap of Retry-After. */
const LONG_WAIT_MS = 300_000;

const compress = promisify(gzip);

export interface UplinkOptions {
  worker: string;
  token: string;
  /** Addresses as in the settings (wire/collector-address.ts), in order of preference. */
  collectors: readonly string[];
  /** Loopback port of an export's visitor. Left out: collectors behind exports are not used. */
  exportPort?: (name: string) => number;
  /** Whether a connection through this export carried data. */
  onExport?: ((name: string, isWell: boolean) => void) | undefined;
  /** Base64 SHA-256 of the collectors' keys; empty = the usual check. */
  pins: readonly string[];
  spool: Pick<Spool, 'peek' | 'ack'>;
  clock: Clock;
  random: () => number;
  http: typeof httpRequest;
  logger: Logger;
  onEvent: (event: EventInput) => void;
}

/** One way to a collector and when it may be tried again. */
interface Route {
  url: string;
  /** The export of frp that leads to it; null: it is reached directly. */
  frp: { name: string; port: number } | null;
  /** Its place in the settings. */
  place: number;
  verdict: VerdictName | null;
  notBeforeMs: number;
  failures: number;
  /** The owner was told that this one refuses the token. */
  refusalSaid: boolean;
}

type Outcome =
  | { kind: 'stored' }
  /** The collector understood the report and will never take it. */
  | { kind: 'unacceptable'; why: string }
  | { kind: 'token_refused'; why: string }
  | { kind: 'failed'; why: string; retryAfterMs: number | null };

export class Uplink {
  readonly #o: UplinkOptions;
  readonly #routes: Route[];
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #finishing = false;
  /** The last report that was taken went through an export. */
  #isThrough = false;
  #lastSendMs = -Infinity;
  /** Ends the wait that is going on: always, or only one for want of reports. */
  #endWait: (() => void) | null = null;
  #endIdle: (() => void) | null = null;
  #woken = false;

  constructor(o: UplinkOptions) {
    this.#o = o;
    this.#routes = o.collectors.flatMap((text, place) => routeOf(text, place, o.exportPort) ?? []);
    this.#sort();
    this.#done = this.#run();
  }

  /**
   * What the prober found about the collectors, by their URLs: those behind exports come after all direct ones but those that are
   * blocked, none is dropped, and the order of the settings decides among equals. A URL that is not named keeps what was known.
   */
  setRanking(ranks: readonly { url: string; verdict: VerdictName | null }[]): void {
    for (const { url, verdict } of ranks) {
      const route = this.#routes.find((r) => r.frp === null && r.url === url.replace(/\/+$/, ''));
      if (route !== undefined) route.verdict = verdict;
    }
    this.#sort();
  }

  #sort(): void {
    const of = ({ frp, verdict }: Route): number => (frp === null ? standing(verdict) : EXPORT_STANDING);
    this.#routes.sort((a, b) => of(a) - of(b) || a.place - b.place);
  }

  /** There is a new report. */
  wake(): void {
    this.#woken = true;
    this.#endIdle?.();
  }

  /** Sends what it can within `deadlineMs`, without waiting for anyone who is down, then ends. What is left stays on disk. */
  async finish(deadlineMs: number): Promise<void> {
    this.#finishing = true;
    for (const route of this.#routes) route.notBeforeMs = 0;
    this.#endWait?.();
    const cancel = this.#o.clock.setTimer(deadlineMs, () => this.#abort.abort(new Error('the time to finish is over')));
    await this.#done;
    cancel();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#woken = false;
      const entry = await this.#oldest();
      if (entry === null) {
        if (this.#finishing) return;
        await this.#idle();
        continue;
      }
      const route = this.#readyRoute();
      if (route === null) {
        if (this.#finishing || this.#routes.length === 0) return;
        const soonest = Math.min(...this.#routes.map((r) => r.notBeforeMs));
        await this.#wait(soonest - this.#o.clock.monoMs());
        continue;
      }
      await this.#pace();
      if (!this.#abort.signal.aborted) await this.#settle(entry, route, await this.#send(entry, route));
    }
  }

  /** First in order that may be tried now: a better one that failed is tried again when its back-off has passed. */
  #readyRoute(): Route | null {
    const now = this.#o.clock.monoMs();
    return this.#routes.find((r) => r.notBeforeMs <= now) ?? null;
  }

  async #oldest(): Promise<SpoolEntry | null> {
    try {
      return (await this.#o.spool.peek(1))[0] ?? null;
    } catch (error) {
      this.#o.logger.error({ error: messageOf(error) }, 'cannot read the spool');
      return null; // the next report wakes us
    }
  }

  async #send(entry: SpoolEntry, route: Route): Promise<Outcome> {
    const { boot, seq, records } = entry;
    const envelope: Envelope = { v: 1, worker: this.#o.worker, boot, seq, sentAt: this.#o.clock.nowMs(), records };
    const body = await compress(JSON.stringify(envelope));
    try {
      const answer = await this.#o.http({
        url: `${route.url}/v1/reports`,
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#o.token}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        body,
        timeoutMs: TRY_TIMEOUT_MS,
        maxBytes: ANSWER_MAX_BYTES,
        pinSha256: this.#o.pins,
        ...(route.frp === null ? {} : { connectTo: { host: '127.0.0.1', port: route.frp.port } }),
        signal: this.#abort.signal,
      });
      if (route.frp !== null) this.#o.onExport?.(route.frp.name, true);
      return outcomeOf(answer, seq, this.#o.clock.nowMs());
    } catch (error) {
      if (route.frp !== null && !this.#abort.signal.aborted) this.#o.onExport?.(route.frp.name, false);
      return { kind: 'failed', why: messageOf(error), retryAfterMs: null };
    }
  }

  async #settle(entry: SpoolEntry, route: Route, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'stored' || outcome.kind === 'unacceptable') {
      this.#tellWay(route);
      if (route.failures > 0) this.#o.logger.info({ collector: route.url }, 'collector answers again');
      route.failures = 0;
      route.refusalSaid = false;
      if (outcome.kind === 'unacceptable') this.#setAside(entry, outcome.why);
      await this.#ack(entry.seq);
      return;
    }
    route.failures++;
    if (route.failures === 1) this.#o.logger.warn({ collector: route.url, why: outcome.why }, 'collector failed');
    if (outcome.kind === 'token_refused' && !route.refusalSaid) {
      route.refusalSaid = true;
      this.#event(`collector refused the token: ${outcome.why}`, 'error');
    }
    route.notBeforeMs = this.#o.clock.monoMs() + this.#retryMs(route, outcome);
  }

  #retryMs(route: Route, outcome: Exclude<Outcome, { kind: 'stored' | 'unacceptable' }>): number {
    const { random } = this.#o;
    if (outcome.kind === 'token_refused') return LONG_WAIT_MS * (0.9 + 0.2 * random());
    // One behind an export comes back with the tunnel, and what stands before it has failed.
    const isAwaited = this.#routes.length === 1 || route.frp !== null;
    const maxMs = isAwaited ? BACKOFF_MAX_ONE_MS : BACKOFF_MAX_SEVERAL_MS;
    const own = backoffMs(route.failures - 1, { baseMs: BACKOFF_BASE_MS, maxMs, random });
    return Math.max(own, outcome.retryAfterMs ?? 0);
  }

  /** Says when reports begin to need the operator's line, and when they no longer do. */
  #tellWay({ url, frp }: Route): void {
    if (this.#isThrough === (frp !== null)) return;
    this.#isThrough = frp !== null;
    this.#o.onEvent(
      frp === null
        ? { event: 'frp_egress_left', level: 'info', detail: fit.detail(`reports reach ${url} directly again`) }
        : { event: 'frp_egress_used', level: 'warn', detail: fit.detail(`reports reach ${url} by export ${frp.name}`) },
    );
  }

  #setAside(entry: SpoolEntry, why: string): void {
    this.#event(`report ${entry.seq} with ${entry.records.length} records dropped: ${why}`, 'warn');
  }

  #event(text: string, level: EventInput['level']): void {
    this.#o.onEvent({ event: 'collector_refused', level, detail: fit.detail(text) });
  }

  async #ack(seq: number): Promise<void> {
    try {
      await this.#o.spool.ack(seq);
    } catch (error) {
      // Sent again after a restart, and then known to the collector as a repetition.
      this.#o.logger.error({ error: messageOf(error) }, 'cannot write the mark of the spool');
    }
  }

  async #pace(): Promise<void> {
    const ms = this.#lastSendMs + MIN_PACE_MS - this.#o.clock.monoMs();
    if (ms > 0) await this.#o.clock.sleep(ms);
    this.#lastSendMs = this.#o.clock.monoMs();
  }

  async #idle(): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      this.#endIdle = resolve;
      this.#endWait = resolve;
    });
    this.#endIdle = null;
    this.#endWait = null;
  }

  async #wait(ms: number): Promise<void> {
    const over = new AbortController();
    this.#endWait = () => over.abort();
    try {
      await this.#o.clock.sleep(ms, over.signal);
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
    this.#endWait = null;
  }
}

/** null for one that cannot be used: the settings were read elsewhere, so it is one behind an export, without a way to any. */
function routeOf(text: string, place: number, exportPort: UplinkOptions['exportPort']): Route | null {
  const { url, frp } = parseCollectorAddress(text) ?? { url: '', frp: null };
  if (url === '' || (frp !== null && exportPort === undefined)) return null;
  const through = frp === null || exportPort === undefined ? null : { name: frp, port: exportPort(frp) };
  return { url, frp: through, place, verdict: null, notBeforeMs: 0, failures: 0, refusalSaid: false };
}

/** What the answer means for this report. Only words that are the collector's own count as its refusal: a proxy may say 400 too. */
function outcomeOf(answer: HttpAnswer, seq: number, nowMs: number): Outcome {
  const body = jsonObject(answer.body);
  if (answer.status === 200 && body['acked'] === seq) return { kind: 'stored' };
  const code = typeof body['error'] === 'string' ? body['error'] : null;
  const field = typeof body['field'] === 'string' ? ` at ${body['field']}` : '';
  const why = `${answer.status} ${code ?? 'without a code'}${field}`;
  if (code !== null && [400, 413, 422].includes(answer.status)) return { kind: 'unacceptable', why };
  if (code !== null && [401, 403].includes(answer.status)) return { kind: 'token_refused', why };
  return {
    kind: 'failed',
    why,
    retryAfterMs: parseRetryAfterMs(answer.headers['retry-after'], nowMs, LONG_WAIT_MS),
  };
}

function jsonObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
