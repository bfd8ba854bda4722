// Sends orders, each at most once. The journal is on disk before a request leaves; what surely was not processed is taken out of it
// again, and what may have been stays in it until a snapshot tells (journal.ts).
import type { Outcome } from './market-api.ts';
import { CANCEL_MAX } from './body.ts';
import { type Entry, isLive, newEntry } from './journal.ts';
import type { PlannedOrder } from './plan.ts';

/** What `submit` needs of the API and of the journal. */
export interface SubmitPorts {
  api: {
    nowMs(): number;
    post(path: string, body: unknown, beforeEach: () => Promise<void>): Promise<Outcome>;
  };
  journal: { readonly entries: readonly Entry[]; write(entries: readonly Entry[]): Promise<void> };
}

/** placed: accepted. too_low, unknown: may be there or not; it is not sent again until a snapshot tells. The others are not there. */
export type Sent = 'placed' | 'failed_to_rent' | 'failed_to_oc' | 'too_low' | 'unknown' | 'not_sent';

export interface SentOrder {
  server: number;
  worker: string;
  result: Sent;
  detail: string;
}

/** Requests in a row without a clear answer after which no more is sent. */
const UNKNOWN_MAX = 2;

/** Sends the orders in requests of CANCEL_MAX; a result for each, in their order. Throws only where the journal cannot be written. */
export async function submitOrders(
  orders: readonly PlannedOrder[],
  fleet: string,
  ports: SubmitPorts,
): Promise<SentOrder[]> {
  const results: SentOrder[] = [];
  let unknowns = 0;
  let stop: string | null = null;
  for (let i = 0; i < orders.length; i += CANCEL_MAX) {
    const batch = orders.slice(i, i + CANCEL_MAX);
    if (stop !== null) {
      results.push(...batch.map((order) => resultOf(order, 'not_sent', stop ?? '')));
      continue;
    }
    const { sent, outcome } = await submitBatch(batch, fleet, ports);
    results.push(...sent);
    unknowns = outcome.kind === 'unknown' ? unknowns + 1 : 0;
    if (outcome.kind === 'refused') stop = outcome.why;
    else if (unknowns >= UNKNOWN_MAX) stop = 'the requests before had no clear answer';
  }
  return results;
}

async function submitBatch(
  batch: readonly PlannedOrder[],
  fleet: string,
  { api, journal }: SubmitPorts,
): Promise<{ sent: SentOrder[]; outcome: Outcome }> {
  const servers = new Set(batch.map(({ body }) => body.renting_server));
  const isOfBatch = (entry: Entry): boolean => isLive(entry) && servers.has(entry.server);
  const outcome = await api.post(
    '/create_gigaspot_orders',
    batch.map(({ body }) => body),
    async () => {
      const now_ms = api.nowMs();
      const others = journal.entries.filter((entry) => !isOfBatch(entry));
      await journal.write([...others, ...batch.map((order) => newEntry(order, { fleet, now_ms }))]);
    },
  );
  const sent = judged(batch, outcome);
  const results = new Map(sent.map(({ server, result }) => [server, result]));
  await journal.write(
    journal.entries.flatMap((entry) =>
      isOfBatch(entry) ? after(entry, results.get(entry.server) ?? 'unknown') : [entry],
    ),
  );
  return { sent, outcome };
}

function after(entry: Entry, result: Sent): Entry[] {
  if (result === 'placed' || result === 'too_low' || result === 'unknown') return [{ ...entry, state: result }];
  return [];
}

function judged(batch: readonly PlannedOrder[], outcome: Outcome): SentOrder[] {
  if (outcome.kind === 'refused') return batch.map((order) => resultOf(order, 'not_sent', outcome.why));
  if (outcome.kind === 'unknown') return batch.map((order) => resultOf(order, 'unknown', outcome.why));
  const { value } = outcome;
  const noOc = numbersIn(value['failed_to_oc_servers']);
  const noRent = numbersIn(value['failed_to_rent_servers']);
  // Older answers leave this one out.
  const tooLow = numbersIn(value['too_low_bids_servers'] ?? []);
  if (noOc === null || noRent === null || tooLow === null) {
    return batch.map((order) => resultOf(order, 'unknown', 'the API’s answer does not tell which orders failed'));
  }
  return batch.map((order) => {
    const server = order.body.renting_server;
    if (noOc.has(server)) return resultOf(order, 'failed_to_oc', 'the market does not take its power limits or clocks');
    const isTooLow = tooLow.has(server);
    if (noRent.has(server))
      return resultOf(order, 'failed_to_rent', isTooLow ? 'the bid is too low' : 'the market gives no reason');
    return isTooLow ? resultOf(order, 'too_low', 'the bid is too low') : resultOf(order, 'placed', '');
  });
}

function resultOf({ body, worker }: PlannedOrder, result: Sent, detail: string): SentOrder {
  return { server: body.renting_server, worker, result, detail };
}

/** Ids of a list in an answer, which come as numbers or as texts; null where it is no such list. */
export function numbersIn(value: unknown): Set<number> | null {
  if (!Array.isArray(value)) return null;
  const ids = value.map(Number);
  return ids.every((id) => Number.isSafeInteger(id)) ? new Set(ids) : null;
}
