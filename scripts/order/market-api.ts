// The market's order API (facts/gigaspot.md): header `auth`, one request a second, 429 with Retry-After, `code` 0 = good, 3 = bad key,
// 5 = too fast. What was surely not processed is told apart from what may have been: only the former is ever sent again.
import * as z from 'zod';
import { backoffMs, parseRetryAfterMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import type { HttpAnswer, HttpRequest } from '../../platform/http.ts';
import { snapshotTimeS } from './snapshot.ts';

export const MARKET_API = 'https://api.clore.ai/v1';

const REQUEST_MS = 30_000;
const ANSWER_MAX_BYTES = 4 * 1024 * 1024;
/** Between the end of one request and the start of the next. */
const PACE_MS = 1_000;
const TRIES_MAX = 8;
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 60_000;
/** Who is told to wait longer than this comes back another time. */
const RETRY_AFTER_MAX_MS = 300_000;

/** `refused`: surely not processed. `unknown`: it may have been. */
export type Outcome =
  | { kind: 'answer'; value: Record<string, unknown> }
  | { kind: 'refused'; why: string }
  | { kind: 'unknown'; why: string };

/** The doors to the outside, so that a test can stand in for them. */
export interface ApiPorts {
  clock: Clock;
  random: () => number;
  request: (r: HttpRequest) => Promise<HttpAnswer>;
  say: (text: string) => void;
}

const Gigaspot = z.object({
  v1_snapshot_url: z.string().regex(/^https?:\/\//),
  my_user_id: z.union([z.number(), z.string()]).transform(String),
  clore_price: z.number().positive().nullable().catch(null),
});

/** What `get_gigaspot` tells. */
export interface Gigaspot {
  snapshot_url: string;
  /** Unix ms; null where the name does not tell. */
  taken_ms: number | null;
  my_user_id: string;
  clore_usd: number | null;
}

export class MarketApi {
  readonly #base: string;
  readonly #key: string;
  readonly #ports: ApiPorts;
  #readyMs = -Infinity;
  /** The market's clock minus ours, by the Date of its answers; 0 before the first. */
  #aheadMs = 0;

  constructor(o: { base: string; key: string; ports: ApiPorts }) {
    this.#base = o.base.replace(/\/+$/, '');
    this.#key = o.key;
    this.#ports = o.ports;
  }

  /** Unix ms by the market's clock, to the second. */
  nowMs(): number {
    return this.#ports.clock.nowMs() + this.#aheadMs;
  }

  /** Where the snapshot is, and who we are. Throws `market_api`. */
  async gigaspot(): Promise<Gigaspot> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#send('GET', '/get_gigaspot', undefined);
      if (outcome.kind === 'answer') {
        const read = Gigaspot.safeParse(outcome.value);
        if (!read.success) throw new SpotrigError('market_api', 'get_gigaspot answers in another form');
        const { v1_snapshot_url, my_user_id, clore_price } = read.data;
        const taken_s = snapshotTimeS(v1_snapshot_url);
        const taken_ms = taken_s === null ? null : taken_s * 1000;
        return { snapshot_url: v1_snapshot_url, taken_ms, my_user_id, clore_usd: clore_price };
      }
      // A question may be asked again, whatever came of it.
      if (outcome.kind === 'refused' || attempt >= 3)
        throw new SpotrigError('market_api', `get_gigaspot: ${outcome.why}`);
      await this.#pause(attempt, null, `get_gigaspot: ${outcome.why}`);
    }
  }

  /** Posts a body. `beforeEach` runs before every time that it leaves, and what it writes is on disk by then. */
  post(path: string, body: unknown, beforeEach: () => Promise<void>): Promise<Outcome> {
    return this.#send('POST', path, { text: JSON.stringify(body), beforeEach });
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    body: { text: string; beforeEach(): Promise<void> } | undefined,
  ): Promise<Outcome> {
    for (let attempt = 0; ; attempt++) {
      await this.#pace();
      await body?.beforeEach();
      const told = await this.#once(method, path, body?.text);
      if ('kind' in told) return told;
      if (told.wait_ms !== null && told.wait_ms >= RETRY_AFTER_MAX_MS)
        return {
          kind: 'refused',
          why: `${told.why}, for ${Math.round(told.wait_ms / 1000)} s or more: come back later`,
        };
      if (attempt + 1 >= TRIES_MAX) return { kind: 'refused', why: `${told.why}, ${TRIES_MAX} times` };
      await this.#pause(attempt, told.wait_ms, `${path.slice(1)}: ${told.why}`);
    }
  }

  /** One request: its outcome, or why it may surely be sent again. */
  async #once(
    method: string,
    path: string,
    text: string | undefined,
  ): Promise<Outcome | { why: string; wait_ms: number | null }> {
    let answer: HttpAnswer;
    try {
      answer = await this.#ports.request({
        ...{ url: this.#base + path, method, timeoutMs: REQUEST_MS, maxBytes: ANSWER_MAX_BYTES },
        headers: { auth: this.#key, accept: 'application/json', 'content-type': 'application/json' },
        ...(text === undefined ? {} : { body: text }),
      });
    } catch (error) {
      if (!(error instanceof SpotrigError)) throw error;
      if (hasNotLeft(error)) return { why: `cannot be reached (${messageOf(error)})`, wait_ms: null };
      return { kind: 'unknown', why: messageOf(error) };
    } finally {
      this.#readyMs = this.#ports.clock.monoMs() + PACE_MS;
    }
    this.#readClock(answer.headers['date']);
    return this.#judge(answer);
  }

  #judge({ status, headers, body }: HttpAnswer): Outcome | { why: string; wait_ms: number | null } {
    const wait_ms = parseRetryAfterMs(headers['retry-after'], this.nowMs(), RETRY_AFTER_MAX_MS);
    if (status === 429) return { why: 'too many requests (429)', wait_ms };
    const value = objectOf(body);
    const code = value?.['code'];
    if (code === 5) return { why: 'too many requests (code 5)', wait_ms };
    if (status === 401 || code === 3) return { kind: 'refused', why: 'the API does not take the key (code 3)' };
    if (status === 200 && value !== null && code === 0) return { kind: 'answer', value };
    if (status === 200 && value !== null && code === undefined && 'v1_snapshot_url' in value)
      return { kind: 'answer', value };
    const told = value === null ? `status ${status}` : `status ${status}, code ${JSON.stringify(code) ?? 'none'}`;
    return { kind: 'unknown', why: `the API answers with ${told}` };
  }

  #readClock(date: string | undefined): void {
    const ms = Date.parse(date ?? '');
    if (!Number.isNaN(ms)) this.#aheadMs = ms - this.#ports.clock.nowMs();
  }

  async #pace(): Promise<void> {
    const { clock } = this.#ports;
    const wait_ms = this.#readyMs - clock.monoMs();
    if (wait_ms > 0) await clock.sleep(wait_ms);
  }

  async #pause(attempt: number, wait_ms: number | null, why: string): Promise<void> {
    const { clock, random, say } = this.#ports;
    const own_ms = backoffMs(attempt, { baseMs: WAIT_MIN_MS, maxMs: WAIT_MAX_MS, random });
    const ms = Math.max(wait_ms ?? 0, own_ms);
    say(`${why}; again in ${Math.ceil(ms / 1000)} s`);
    await clock.sleep(ms);
  }
}

/** The connection never stood, so that no byte of the request left. */
function hasNotLeft({ cause }: SpotrigError): boolean {
  const call = typeof cause === 'object' && cause !== null && 'syscall' in cause ? cause.syscall : null;
  return call === 'connect' || call === 'getaddrinfo';
}

function objectOf(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
