// Does what was decided: cancels, edits, new orders, then tells the ledger of images and the collector.
import { messageOf } from '../../platform/errors.ts';
import type { CollectorAccess } from '../collector-access.ts';
import { readLedger, touched, writeLedger } from './ccr-ledger.ts';
import { type ChangedOrder, sendCancels, sendEdits } from './change.ts';
import type { Decided } from './decide.ts';
import type { Prepared } from './prepare.ts';
import { registerOrders } from './register.ts';
import { type SentOrder, type SubmitPorts, submitOrders } from './submit.ts';

export interface Done {
  sent: SentOrder[];
  changed: ChangedOrder[];
  /** What did not go well beside the orders; the next run tries again. */
  warnings: string[];
}

/** Sends all; a result for each. Throws only where the journal cannot be written. */
export async function carryOut(
  { plan, diff }: Decided,
  o: { prepared: Prepared; ports: SubmitPorts; collector: CollectorAccess | null; ledger: string },
): Promise<Done> {
  const { prepared, ports, collector } = o;
  const cancelled = diff === null ? [] : await sendCancels(diff.cancels, ports);
  const edited = diff === null ? [] : await sendEdits(diff.edits, ports);
  const sent = await submitOrders(plan.orders, prepared.fleet.name, ports);
  const warnings: string[] = [];
  if (prepared.ledgerImage !== null && sent.some(({ result }) => result === 'placed')) {
    try {
      const images = await readLedger(o.ledger);
      await writeLedger(o.ledger, touched(images, prepared.image, ports.api.nowMs()));
    } catch (error) {
      warnings.push(`the list of images does not know of these orders: ${messageOf(error)}`);
    }
  }
  const untold = collector === null ? null : await registerOrders(collector, ports.journal);
  if (untold !== null) warnings.push(untold);
  return { sent, changed: [...cancelled, ...edited], warnings };
}
