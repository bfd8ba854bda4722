// Judges every machine again and again, for as long as the collector runs.
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { adviseMachine } from '../judge/advice.ts';
import type { FleetSample } from '../judge/fleet-rates.ts';
import type { OwnRate } from '../judge/own-rates.ts';
import type { SequentialSettings } from '../judge/sequential-test.ts';
import type { Heard } from '../store/machine-store.ts';
import type { Store } from '../store/store.ts';
import type { MachineBoard } from './board.ts';
import { gatherFacts } from './gather.ts';
import { type Answered, answeredOf, fleetSampleOf, peersOf } from './peers.ts';
import { machineRow } from './row.ts';

/** From the end of a round to the next one's begin. */
const ROUND_PAUSE_MS = 15_000;
/** After each machine, times what it took: reports and readers have the processor for most of the time. */
const PAUSE_SHARE = 3;
const PAUSE_MIN_MS = 1;
const ORDERS_MAX = 20_000;
/** A worker without an order is judged so long after it was last heard of, and an order so long after its end. */
const JUDGED_MS = 86_400_000;
const ENDED_MS = 600_000;

export interface KeepOptions {
  store: Store;
  board: MachineBoard;
  clock: Clock;
  logger: Logger;
  own: readonly OwnRate[];
  /** How often the judge may be wrong. */
  settings: SequentialSettings;
  signal: AbortSignal;
}

/** What the last round learned of the whole fleet. */
interface Fleet {
  samples: FleetSample[];
  answered: Map<string, Answered>;
}

/** Until the signal ends it. A failing store is tried again in the next round. */
export async function keepJudgingMachines(o: KeepOptions): Promise<void> {
  const { clock, logger, signal } = o;
  const listening_since_ms = clock.nowMs();
  // The first round only learns: who knows nothing of the others would blame a machine for what all of them have.
  let fleet: Fleet | null = null;
  while (!signal.aborted) {
    try {
      fleet = await judgeRound(o, { fleet, listening_since_ms });
    } catch (error) {
      if (!signal.aborted) logger.warn({ error: messageOf(error) }, 'machines could not be judged');
    }
    try {
      await clock.sleep(ROUND_PAUSE_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Judges every machine once; without a `fleet`, only learns what one is. */
export async function judgeRound(
  o: KeepOptions,
  { fleet, listening_since_ms }: { fleet: Fleet | null; listening_since_ms: number },
): Promise<Fleet> {
  const { board, clock, signal, store } = o;
  const heard = await store.machines.heard();
  const orders = await store.machines.orders({ limit: ORDERS_MAX });
  const learned: Fleet = { samples: [], answered: new Map() };
  for (const subject of subjectsOf(heard, orders, clock.nowMs())) {
    signal.throwIfAborted();
    const began = clock.monoMs();
    const now_ms = clock.nowMs();
    const { worker, order } = subject;
    const facts = await gatherFacts(store, subject, {
      ...{ now_ms, listening_since_ms, known: { own: o.own, fleet: fleet?.samples ?? [] } },
      peers: peersOf(worker, { answered: fleet?.answered ?? new Map(), heard, now_ms }),
      earlier_bad_orders: order === null ? 0 : board.earlierBadOrders(order.server, order.placed_at),
    });
    const sample = fleetSampleOf(facts);
    if (sample !== null) learned.samples.push(sample);
    learned.answered.set(worker, answeredOf(facts));
    if (fleet !== null) await board.put(machineRow(facts, adviseMachine(facts, o.settings), board.row(worker)));
    await clock.sleep(Math.max(PAUSE_MIN_MS, (clock.monoMs() - began) * PAUSE_SHARE), signal);
  }
  if (fleet !== null) await board.finishRound(clock.nowMs());
  return learned;
}

interface Subject {
  worker: string;
  heard: Heard | null;
  order: OrderRegistration | null;
}

/** Workers that were heard of lately, and orders that run or have just ended. `orders`: newest first. */
function subjectsOf(heard: readonly Heard[], orders: readonly OrderRegistration[], now_ms: number): Subject[] {
  const newest = new Map<string, OrderRegistration>();
  for (const order of orders) if (!newest.has(order.worker)) newest.set(order.worker, order);
  const known = new Map(heard.map((one) => [one.id, one]));
  const workers = new Set([...known.keys(), ...newest.keys()]);
  return [...workers].toSorted().flatMap((worker): Subject[] => {
    const order = newest.get(worker) ?? null;
    const one = known.get(worker) ?? null;
    const last_ms = Math.max(one?.last_report_ms ?? 0, one?.hello?.at_ms ?? 0);
    const ended_ms = order?.ended_at == null ? null : Date.parse(order.ended_at);
    if (ended_ms !== null && now_ms - ended_ms > ENDED_MS) return [];
    const isRunning = order !== null && ended_ms === null;
    return isRunning || now_ms - last_ms <= JUDGED_MS ? [{ worker, heard: one, order }] : [];
  });
}
