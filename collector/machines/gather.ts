// From the store to what the judge reads of one machine.
import type { OrderRegistration } from '../../wire/orders.ts';
import { type Exposure, type ExposureWindow, exposureOf, sumWindows } from '../judge/exposure.ts';
import type { Knowledge } from '../judge/expectation.ts';
import { type MachineFacts, RECENT_MS, expectationOf } from '../judge/machine-facts.ts';
import { troubleSpans } from '../judge/troubles.ts';
import type { Heard } from '../store/machine-store.ts';
import type { Store } from '../store/store.ts';

/** Records of one kind: a day of them, at one each 15 s. */
const RECORDS_MAX = 6000;
const EVENTS_MAX = 200;
const FINDINGS_MAX = 500;
const FIGURES_MAX = 200;
/** Raw records are read so far back at most: what lies before was not weighed while no collector ran, and counts for nobody. */
const RAW_MAX_MS = 86_400_000;
/** Weighed windows become a sum only when no verdict on the path can change them any more (troubles.ts reaches 20 minutes back and on). */
const SETTLED_MS = 2_400_000;
/** Of one sum: the sequential test looks so often at what is long past. */
const SLOT_MS = 900_000;

/** What is known beside the store's facts of the machine itself. */
export interface Around {
  now_ms: number;
  listening_since_ms: number;
  known: Knowledge;
  peers: MachineFacts['peers'];
  earlier_bad_orders: number;
}

/** Everything that is stored of a machine. Sums of windows that are settled are kept on the way. */
export async function gatherFacts(
  store: Store,
  of: { worker: string; heard: Heard | null; order: OrderRegistration | null },
  around: Around,
): Promise<MachineFacts> {
  const { worker, heard, order } = of;
  const { now_ms } = around;
  const began_ms = order === null ? 0 : Date.parse(order.placed_at);
  const recent_ms = now_ms - RECENT_MS;
  const stored = await store.machines.exposure(worker, began_ms);
  const weighed_ms = Math.max(stored.until_ms ?? 0, began_ms, now_ms - RAW_MAX_MS);
  const since_ms = Math.min(recent_ms, weighed_ms);
  const [host, hashrate, shares, gpu, events, findings, pool_figures, delivered] = await Promise.all([
    store.host(worker),
    store.series(worker, 'hashrate', since_ms, RECORDS_MAX),
    store.series(worker, 'shares', since_ms, RECORDS_MAX),
    store.series(worker, 'gpu', recent_ms, RECORDS_MAX),
    store.events({ worker, limit: EVENTS_MAX }),
    store.samples.findings({ worker, since_ms: since_ms - SETTLED_MS, limit: FINDINGS_MAX }),
    store.machines.poolFigures({ worker, since_ms: recent_ms, limit: FIGURES_MAX }),
    store.machines.deliveredSince(worker, began_ms),
  ]);

  const troubles = troubleSpans(findings.map(({ at_ms, target, verdict }) => ({ at_ms, pool: target, verdict })));
  const newest_ms = Math.min(now_ms, shares.at(-1)?.at_ms ?? 0);
  const settled_ms = Math.max(weighed_ms, Math.floor((newest_ms - SETTLED_MS) / SLOT_MS) * SLOT_MS);
  const weigh = (from_ms: number, until_ms: number): Exposure =>
    exposureOf({ shares: shares.filter(({ at_ms }) => at_ms > from_ms && at_ms <= until_ms), hashrate, troubles });
  const settled = weigh(weighed_ms, settled_ms);
  const windows = slotsOf(settled.windows);
  const excused_ms = addExcused(stored.excused_ms, settled.excused_ms);
  if (settled_ms > weighed_ms) await store.machines.addExposure(worker, { windows, excused_ms, until_ms: settled_ms });
  const fresh = weigh(settled_ms, Infinity);

  const isRecent = ({ at_ms }: { at_ms: number }): boolean => at_ms >= recent_ms;
  const facts = {
    ...{ worker, now_ms, order, host, gpu, pool_figures, delivered },
    ...{ listening_since_ms: around.listening_since_ms, peers: around.peers },
    earlier_bad_orders: around.earlier_bad_orders,
    hello: heard?.hello ?? null,
    last_report_ms: heard?.last_report_ms ?? null,
    hashrate: hashrate.filter(isRecent),
    shares: shares.filter(isRecent),
    events: events.filter(isRecent).toReversed(),
    exposure: {
      windows: [...stored.windows, ...windows, ...fresh.windows],
      excused_ms: addExcused(excused_ms, fresh.excused_ms),
    },
  };
  return { ...facts, expectation: expectationOf(facts, around.known) };
}

/** One window for each slot that has any. */
function slotsOf(windows: readonly ExposureWindow[]): ExposureWindow[] {
  const slots = Map.groupBy(windows, ({ at_ms }) => Math.floor(at_ms / SLOT_MS));
  return [...slots.values()].flatMap((all) => sumWindows(all) ?? []);
}

function addExcused(a: Exposure['excused_ms'], b: Exposure['excused_ms']): Exposure['excused_ms'] {
  const sum = { ...a };
  for (const excuse of Object.keys(sum) as (keyof typeof sum)[]) sum[excuse] += b[excuse];
  return sum;
}
