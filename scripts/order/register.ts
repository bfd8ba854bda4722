// Tells the collector of orders that were placed or have ended (wire/orders.ts), until it has acknowledged each.
import type { HttpAnswer } from '../../platform/http.ts';
import { messageOf } from '../../platform/errors.ts';
import { ErrorBody } from '../../wire/envelope.ts';
import { type OrderRegistration, OrderRegistrations, REGISTRATIONS_MAX } from '../../wire/orders.ts';
import type { CollectorAccess } from '../collector-access.ts';
import { type Entry, isRegistrable, isToBeTold } from './journal.ts';
import type { SubmitPorts } from './submit.ts';

const COLLECTOR_MS = 20_000;
const ANSWER_MAX_BYTES = 65_536;

/** Sends what the collector does not know yet. null: it knows all; else a warning, and the next run tries again. */
export async function registerOrders(access: CollectorAccess, journal: SubmitPorts['journal']): Promise<string | null> {
  const due = journal.entries.filter((entry) => isDue(entry) && isRegistrable(entry));
  for (let i = 0; i < due.length; i += REGISTRATIONS_MAX) {
    const part = due.slice(i, i + REGISTRATIONS_MAX);
    const complaint = await send(access, part.map(registrationOf));
    if (complaint !== null) return `${complaint}: ${due.length - i} orders are told to it at the next run`;
    const told = new Set(part);
    await journal.write(journal.entries.map((entry) => (told.has(entry) ? { ...entry, is_registered: true } : entry)));
  }
  const odd = journal.entries.filter((entry) => isDue(entry) && !isRegistrable(entry)).length;
  return odd === 0 ? null : `${odd} orders have a host or GPU model that the collector does not take`;
}

/** Those of unknown outcome are none yet. */
function isDue(entry: Entry): boolean {
  return isToBeTold(entry) && (entry.state === 'placed' || entry.state === 'ended');
}

function registrationOf(entry: Entry): OrderRegistration {
  const { server, host, worker, price, expect, oc, order_id, sent_ms, ended_ms } = entry;
  return {
    ...{ server, host, worker, bid_clore_day: price, expect, order_id },
    placed_at: new Date(sent_ms).toISOString(),
    ended_at: ended_ms === null ? null : new Date(ended_ms).toISOString(),
    power_limits_w: oc.map(({ pl }) => pl),
  };
}

async function send({ origin, ask }: CollectorAccess, orders: OrderRegistration[]): Promise<string | null> {
  let answer: HttpAnswer;
  try {
    answer = await ask('/api/v1/orders', {
      ...{ method: 'POST', timeoutMs: COLLECTOR_MS, maxBytes: ANSWER_MAX_BYTES },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(OrderRegistrations.parse(orders)),
    });
  } catch (error) {
    return `the collector ${origin} does not answer (${messageOf(error)})`;
  }
  if (answer.status >= 200 && answer.status < 300) return null;
  const hint = answer.status === 401 || answer.status === 403 ? ' (--admin-token-file, or SPOTRIG_ADMIN_TOKEN)' : '';
  return `the collector ${origin} says ${answer.status}${saidBy(answer.body)}${hint}`;
}

function saidBy(body: Buffer): string {
  try {
    const read = ErrorBody.safeParse(JSON.parse(body.toString('utf8')));
    return read.success ? `: ${read.data.message}` : '';
  } catch {
    return '';
  }
}
