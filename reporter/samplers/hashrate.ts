// Reads the miner's API. A bad answer is a sample too: null, and one event when it lasts.
import type { Clock } from '../../platform/clock.ts';
import { codeOf, isErrno, messageOf } from '../../platform/errors.ts';
import type { httpRequest } from '../../platform/http.ts';
import { GPUS_MAX } from '../../wire/limits.ts';
import type { HashrateRecord, MinerState } from '../../wire/records.ts';
import type { MinerSample } from '../../miners/miner.ts';
import * as fit from '../fit.ts';
import type { EventInput, MeterView, MinerView } from '../run-view.ts';

const ASK_TIMEOUT_MS = 4000;
const ANSWER_MAX_BYTES = 256 * 1024;
/** Bad answers of one kind in a row before it is an event. */
const BAD_IN_A_ROW = 3;
const EVENT_PAUSE_MS = 60_000;
/** An older sample says nothing about now. */
const SAMPLE_MAX_AGE_MS = 15_000;
const DELIVERED_WINDOW_MS = 600_000;

export interface HashrateSamplerOptions {
  clock: Clock;
  http: typeof httpRequest;
  /** Every answer of the API, null for a bad one; not called while there is no API to ask. */
  onSample: (sample: MinerSample | null) => void;
  onEvent: (event: EventInput) => void;
}

/** There is no miner to ask, and what it said before is over. */
const NO_MINER: readonly MinerState[] = ['preparing', 'backing_off', 'stopped'];

/** A bad answer: what kind of bad, and one sentence. */
interface Bad {
  kind: 'silent' | 'refused' | 'too_large' | 'status' | 'not_understood';
  detail: string;
}

export class HashrateSampler {
  readonly #o: HashrateSamplerOptions;
  #latest: { sample: MinerSample; atMs: number } | null = null;
  #bad: { kind: Bad['kind']; inARow: number } | null = null;
  /** Kind of the last event, until a good answer. */
  #said: Bad['kind'] | null = null;
  #saidAtMs = -Infinity;

  constructor(o: HashrateSamplerOptions) {
    this.#o = o;
  }

  /** Asks the miner's API once, where there should be one. Never throws. */
  async poll(view: MinerView): Promise<void> {
    if (view.apiPort === null || NO_MINER.includes(view.state)) {
      this.#latest = null;
      this.#bad = null;
      return;
    }
    const answer = await ask(this.#o.http, view, view.apiPort);
    if ('bad' in answer) this.#noteBad(answer.bad, view);
    else this.#noteGood(answer.sample);
  }

  /** Claimed and delivered hashrate as they are known now. */
  record(view: MinerView, meter: MeterView | null): HashrateRecord {
    const fresh = this.#latest !== null && this.#o.clock.monoMs() - this.#latest.atMs <= SAMPLE_MAX_AGE_MS;
    const sample = fresh && !NO_MINER.includes(view.state) ? (this.#latest?.sample ?? null) : null;
    const delivered = meter?.delivered(DELIVERED_WINDOW_MS) ?? null;
    return {
      kind: 'hashrate',
      at_ms: this.#o.clock.nowMs(),
      state: view.state,
      miner: view.adapter.name,
      miner_version: fit.name(sample?.version ?? view.release),
      algo: fit.name(view.algo),
      pool: view.pool,
      miner_uptime_s: fit.amount(sample?.uptime_s ?? null),
      claimed_hs: fit.amount(sample?.claimed_hs ?? null),
      claimed_gpus: (sample?.gpus ?? []).slice(0, GPUS_MAX).map((g, i) => ({
        index: fit.count(g.index) ?? i,
        pci_bus: fit.name(g.pci_bus),
        hashrate_hs: fit.amount(g.hashrate_hs),
      })),
      claimed_accepted: fit.count(sample?.accepted ?? null),
      claimed_rejected: fit.count(sample?.rejected ?? null),
      delivered_hs: fit.amount(delivered?.rate_hs ?? null),
      delivered_low_hs: fit.amount(delivered?.low_hs ?? null),
      delivered_high_hs: fit.amount(delivered?.high_hs ?? null),
      delivered_window_ms: fit.amount(delivered?.window_ms ?? null),
    };
  }

  #noteGood(sample: MinerSample): void {
    this.#latest = { sample, atMs: this.#o.clock.monoMs() };
    this.#bad = null;
    this.#said = null;
    this.#o.onSample(sample);
  }

  #noteBad(bad: Bad, view: MinerView): void {
    this.#latest = null;
    this.#o.onSample(null);
    // A miner that has just been started has not opened its port yet.
    if (view.state === 'starting' && bad.kind === 'refused') return;
    this.#bad = { kind: bad.kind, inARow: this.#bad?.kind === bad.kind ? this.#bad.inARow + 1 : 1 };
    const now = this.#o.clock.monoMs();
    if (this.#bad.inARow < BAD_IN_A_ROW || this.#said === bad.kind || now - this.#saidAtMs < EVENT_PAUSE_MS) return;
    this.#said = bad.kind;
    this.#saidAtMs = now;
    const detail = `${view.adapter.name}'s API gave ${BAD_IN_A_ROW} bad answers in a row: ${bad.detail}`;
    this.#o.onEvent({ event: 'miner_api_bad_answer', level: 'warn', detail: fit.detail(detail) });
  }
}

async function ask(
  http: typeof httpRequest,
  view: MinerView,
  apiPort: number,
): Promise<{ sample: MinerSample } | { bad: Bad }> {
  const url = view.adapter.apiUrl(apiPort);
  try {
    const answer = await http({ url, timeoutMs: ASK_TIMEOUT_MS, maxBytes: ANSWER_MAX_BYTES });
    if (answer.status !== 200) return { bad: { kind: 'status', detail: `status ${answer.status}` } };
    const text = answer.body.toString('utf8');
    const sample = await view.adapter.parseApi(text);
    if (sample !== null) return { sample };
    const start = text.slice(0, 80);
    return { bad: { kind: 'not_understood', detail: `${answer.body.length} bytes that begin with: ${start}` } };
  } catch (error) {
    return { bad: { kind: badKind(error), detail: messageOf(error) } };
  }
}

function badKind(error: unknown): Bad['kind'] {
  if (codeOf(error) === 'http_too_large') return 'too_large';
  const cause = error instanceof Error ? error.cause : undefined;
  return isErrno(cause, 'ECONNREFUSED') ? 'refused' : 'silent';
}
