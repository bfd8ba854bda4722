// One question to a pool's HTTP API. Whatever the pool does, the answer is a reading or a reason why there is none.
import { SpotrigError, codeOf } from '../../platform/errors.ts';
import { httpRequest } from '../../platform/http.ts';
import { parseRetryAfterMs } from '../../platform/backoff.ts';
import { type PoolReading, readPoolAnswer } from './forms.ts';
import type { PoolApi } from './settings.ts';

/** An account with 2,000 workers has about half a megabyte. */
const BODY_MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 15_000;
const RETRY_AFTER_MAX_MS = 3_600_000;

export type PoolAnswer =
  | { ok: true; reading: PoolReading }
  /** A word for the log and the metrics; `retry_after_ms` where the pool said when to come again. */
  | { ok: false; reason: string; retry_after_ms: number | null };

/** Asks once. Does not reject, but for the signal. */
export async function askPool(api: PoolApi, o: { now_ms: number; signal: AbortSignal }): Promise<PoolAnswer> {
  try {
    const { status, headers, body } = await httpRequest({
      url: api.url,
      headers: { accept: 'application/json' },
      ...{ timeoutMs: TIMEOUT_MS, maxBytes: BODY_MAX_BYTES, signal: o.signal },
    });
    const retry_after_ms = parseRetryAfterMs(headers['retry-after'], o.now_ms, RETRY_AFTER_MAX_MS);
    if (status !== 200) return { ok: false, reason: `status_${status}`, retry_after_ms };
    const reading = readPoolAnswer(api.form, JSON.parse(body.toString('utf8')));
    return reading === null ? failed('not_understood') : { ok: true, reading };
  } catch (error) {
    if (o.signal.aborted) throw error;
    if (error instanceof SyntaxError) return failed('not_json');
    return failed(error instanceof SpotrigError ? error.code : (codeOf(error) ?? 'failed'));
  }
}

function failed(reason: string): PoolAnswer {
  return { ok: false, reason, retry_after_ms: null };
}
