// Sends edits and cancels. Either may be sent again without harm: an edit says what shall be, and an order ends once.
import { CANCEL_MAX, type CancelOrders, type EditOrder } from './body.ts';
import type { Entry } from './journal.ts';
import type { Outcome } from './market-api.ts';
import { type SubmitPorts, numbersIn } from './submit.ts';

export interface ChangedOrder {
  order_id: number;
  what: 'edit' | 'cancel';
  /** done; failed: the market said so; too_low: the bid is; unknown: no clear answer; not_sent: surely not. */
  result: 'done' | 'failed' | 'too_low' | 'unknown' | 'not_sent';
  detail: string;
}

const NOTHING = async (): Promise<void> => undefined;

/** Cancels, and tells the journal which orders have ended. */
export async function sendCancels(cancels: readonly CancelOrders[], ports: SubmitPorts): Promise<ChangedOrder[]> {
  const results: ChangedOrder[] = [];
  for (const body of cancels) {
    const outcome = await ports.api.post('/cancel_orders', body, NOTHING);
    const failed = outcome.kind === 'answer' ? numbersIn(outcome.value['failed_to_cancel']) : null;
    const told = body.order_ids.map((order_id): ChangedOrder => {
      if (failed === null) return { order_id, what: 'cancel', ...unclear(outcome) };
      return { order_id, what: 'cancel', result: failed.has(order_id) ? 'failed' : 'done', detail: '' };
    });
    const done = new Set(told.flatMap(({ result, order_id }) => (result === 'done' ? [order_id] : [])));
    const ended_ms = ports.api.nowMs();
    await update(ports, done, (entry) => ({ ...entry, state: 'ended', ended_ms, is_registered: false }));
    results.push(...told);
  }
  return results;
}

/** Edits, and tells the journal what the orders bid now. */
export async function sendEdits(edits: readonly EditOrder[], ports: SubmitPorts): Promise<ChangedOrder[]> {
  const results: ChangedOrder[] = [];
  for (let i = 0; i < edits.length; i += CANCEL_MAX) {
    const body = edits.slice(i, i + CANCEL_MAX);
    const outcome = await ports.api.post('/edit_gigaspot_orders', body, NOTHING);
    const told = body.map(({ order_id }): ChangedOrder => ({
      order_id,
      what: 'edit',
      ...editResult(order_id, outcome),
    }));
    const done = new Set(told.flatMap(({ result, order_id }) => (result === 'done' ? [order_id] : [])));
    const byId = new Map(body.map((edit) => [edit.order_id, edit]));
    await update(ports, done, (entry) => {
      const edit = byId.get(entry.order_id ?? -1);
      return { ...entry, price: edit?.price ?? entry.price, oc: edit?.oc ?? entry.oc, is_registered: false };
    });
    results.push(...told);
  }
  return results;
}

function editResult(order_id: number, outcome: Outcome): Pick<ChangedOrder, 'result' | 'detail'> {
  if (outcome.kind !== 'answer') return unclear(outcome);
  const { value } = outcome;
  if (numbersIn(value['too_low_bid_ids'])?.has(order_id) === true)
    return { result: 'too_low', detail: 'the bid is too low' };
  if (numbersIn(value['failed_to_update_ids'])?.has(order_id) === true) return { result: 'failed', detail: '' };
  if (numbersIn(value['success_to_update_ids'])?.has(order_id) === true) return { result: 'done', detail: '' };
  return { result: 'unknown', detail: 'the API’s answer does not name it' };
}

function unclear(outcome: Outcome): Pick<ChangedOrder, 'result' | 'detail'> {
  if (outcome.kind === 'refused') return { result: 'not_sent', detail: outcome.why };
  return { result: 'unknown', detail: outcome.kind === 'unknown' ? outcome.why : 'the API’s answer does not tell' };
}

async function update(
  { journal }: SubmitPorts,
  ids: ReadonlySet<number>,
  change: (entry: Entry) => Entry,
): Promise<void> {
  if (ids.size === 0) return;
  const isOne = ({ state, order_id }: Entry): boolean => state !== 'ended' && order_id !== null && ids.has(order_id);
  await journal.write(journal.entries.map((entry) => (isOne(entry) ? change(entry) : entry)));
}
