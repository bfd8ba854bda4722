// Tells the owner's webhook of changes of advice: each at least once, in their order, signed, and again until it is acknowledged.
import { backoffMs, parseRetryAfterMs } from '../../platform/backoff.ts';
import type { Clock } from '../../platform/clock.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { httpRequest } from '../../platform/http.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Counters } from '../counters.ts';
import type { MachineStore, StoredChange } from '../store/machine-store.ts';
import type { Webhook } from './settings.ts';
import { SIGNATURE_HEADER, TIMESTAMP_HEADER, signatureOf } from './signature.ts';

/** Changes in one delivery. */
const BATCH_MAX = 100;
const IDLE_MS = 2000;
const TIMEOUT_MS = 20_000;
const ANSWER_MAX_BYTES = 65_536;
const RETRY = { baseMs: 2000, maxMs: 300_000 };
const RETRY_AFTER_MAX_MS = 3_600_000;
/** A receiver that refuses what it gets (4xx) for about half a day will not take it later either, and holds up all that follows. */
const REFUSALS_MAX = 150;

/** How a delivery ended. */
export type Delivery =
  { told: true } | { told: false; refused: boolean; reason: string; retry_after_ms: number | null };

export interface DeliverOptions {
  webhook: Webhook;
  machines: MachineStore;
  clock: Clock;
  random: () => number;
  logger: Logger;
  counters: Counters;
  signal: AbortSignal;
  /** Default: over HTTP. */
  post?: typeof postDelivery;
}

/** Until the signal ends it. What was not acknowledged when the collector ends is told by the next one. */
export async function deliverChanges(o: DeliverOptions): Promise<void> {
  const { clock, counters, logger, machines, signal } = o;
  let failures = 0;
  let refusals = 0;
  while (!signal.aborted) {
    let pause_ms = IDLE_MS;
    try {
      const changes = await machines.untold(BATCH_MAX);
      const last = changes.at(-1);
      if (last !== undefined) {
        const delivery = await (o.post ?? postDelivery)(o.webhook, bodyOf(changes), { clock, signal });
        if (delivery.told) {
          await machines.told(last.id);
          counters.add('webhook_changes_told', changes.length);
          failures = refusals = 0;
          continue;
        }
        counters.add('webhook_failures');
        logger.warn({ reason: delivery.reason, changes: changes.length }, 'the webhook did not take changes of advice');
        refusals = delivery.refused ? refusals + 1 : 0;
        if (refusals > REFUSALS_MAX) {
          logger.error({ up_to: last.id, changes: changes.length }, 'the webhook refuses these changes: given up');
          counters.add('webhook_changes_given_up', changes.length);
          await machines.told(last.id);
          refusals = 0;
        }
        pause_ms = Math.max(delivery.retry_after_ms ?? 0, backoffMs(failures, { ...RETRY, random: o.random }));
        failures += 1;
      }
    } catch (error) {
      if (!signal.aborted) logger.warn({ error: messageOf(error) }, 'changes of advice could not be told');
    }
    try {
      await clock.sleep(pause_ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Posts one body. Does not reject, but for the signal. */
export async function postDelivery(
  { url, secret }: Webhook,
  body: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Delivery> {
  const timestamp_s = Math.floor(clock.nowMs() / 1000);
  try {
    const { status, headers } = await httpRequest({
      ...{ url, method: 'POST', body, signal, timeoutMs: TIMEOUT_MS, maxBytes: ANSWER_MAX_BYTES },
      headers: {
        'content-type': 'application/json',
        [TIMESTAMP_HEADER]: String(timestamp_s),
        [SIGNATURE_HEADER]: signatureOf({ secret, timestamp_s, body }),
      },
    });
    if (status >= 200 && status < 300) return { told: true };
    const mayPass = [408, 425, 429].includes(status);
    const retry_after_ms = parseRetryAfterMs(headers['retry-after'], clock.nowMs(), RETRY_AFTER_MAX_MS);
    const refused = status >= 400 && status < 500 && !mayPass;
    return { told: false, refused, reason: `status_${status}`, retry_after_ms };
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = error instanceof SpotrigError ? error.code : messageOf(error);
    return { told: false, refused: false, reason, retry_after_ms: null };
  }
}

/** `{"v":1,"changes":[{"id":7, …}]}`: what the judge wrote of each change, with its id before it. */
function bodyOf(changes: readonly StoredChange[]): string {
  return `{"v":1,"changes":[${changes.map(({ id, body }) => `{"id":${id},${body.slice(1)}`).join(',')}]}`;
}
