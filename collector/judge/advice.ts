// What to do about a machine, and about its host. Pure.
import { type Advice, type MachineVerdict } from '../../wire/machine.ts';
import { ADVICES, type MachineVerdictName } from '../../wire/machine-names.ts';
import { type Cost, costOf } from './cost.ts';
import type { MachineFacts } from './machine-facts.ts';
import { isProven } from './rules/speed.ts';
import { SEQUENTIAL, type SequentialSettings } from './sequential-test.ts';
import { verdictsOf } from './verdicts.ts';

/** The confidence from which a verdict has an order ended, and the server avoided; null: it never does alone. */
interface Weight {
  cancel: number | null;
  blacklist: number | null;
}

const WEIGHTS: Readonly<Record<MachineVerdictName, Weight>> = {
  no_hello: { cancel: 0.8, blacklist: null },
  stuck_at_stage: { cancel: 0.9, blacklist: null },
  // A card may have failed since the host described his machine; another model is a false description.
  gpu_missing: { cancel: 0.9, blacklist: null },
  gpu_other_model: { cancel: 0.9, blacklist: 0.95 },
  gpu_lost: { cancel: 0.9, blacklist: null },
  // What these two cost is seen in the rate.
  power_limit_other: { cancel: null, blacklist: null },
  throttled: { cancel: null, blacklist: null },
  slow_claimed: { cancel: 0.9, blacklist: null },
  slow_delivered: { cancel: 0.9, blacklist: null },
  claims_too_much: { cancel: 0.9, blacklist: null },
  not_at_pool: { cancel: 0.9, blacklist: 0.95 },
  rejects: { cancel: 0.9, blacklist: null },
  flapping: { cancel: 0.9, blacklist: null },
  offline: { cancel: 0.9, blacklist: null },
  duplicate_boot: { cancel: null, blacklist: null },
};
/** Below it a verdict is told and changes nothing. */
const WATCH = 0.5;
/** Whose own settings are wrong mends them: no order elsewhere would fare better. */
const OWNERS_MOST: Advice = 'watch';

export interface MachineAdvice {
  worker: string;
  advice: Advice;
  verdicts: readonly MachineVerdict[];
  /** Those that led to it. */
  because: readonly MachineVerdictName[];
  /** Whether it counts against the host: cancel or worse by something that is his doing. */
  against_host: boolean;
  /** Whether its shares have shown that it delivers what can be expected; null: nobody says what that is. */
  proven: boolean | null;
  cost: Cost;
}

/** The verdicts and what follows from them. */
export function adviseMachine(facts: MachineFacts, settings: SequentialSettings = SEQUENTIAL): MachineAdvice {
  const verdicts = verdictsOf(facts, settings);
  const each = verdicts.map((one) => ({ one, advice: adviceOf(one, verdicts, facts.earlier_bad_orders) }));
  const rank = Math.max(0, ...each.map(({ advice }) => ADVICES.indexOf(advice)));
  const advice = ADVICES[rank] ?? 'keep';
  const leading = each.filter((found) => found.advice === advice && advice !== 'keep');
  return {
    ...{ worker: facts.worker, advice, verdicts },
    because: leading.map(({ one }) => one.verdict),
    against_host: rank >= ADVICES.indexOf('cancel') && each.some(({ one, advice: of }) => one.blame === 'host' && ADVICES.indexOf(of) >= ADVICES.indexOf('cancel')), // prettier-ignore
    proven: isProven(facts, settings),
    cost: costOf(facts),
  };
}

function adviceOf(one: MachineVerdict, all: readonly MachineVerdict[], earlier: number): Advice {
  const weight = WEIGHTS[one.verdict];
  if (one.blame === 'owner') return one.confidence >= WATCH ? OWNERS_MOST : 'keep';
  if (weight.blacklist !== null && one.confidence >= weight.blacklist) return 'blacklist';
  if (weight.cancel === null || one.confidence < weight.cancel) return one.confidence >= WATCH ? 'watch' : 'keep';
  // Slow, and its miner says otherwise: that is no sick card.
  const isSure = (name: MachineVerdictName): boolean =>
    all.some(({ verdict, confidence }) => verdict === name && confidence >= (WEIGHTS[name].cancel ?? Infinity));
  const isLie = ['slow_delivered', 'claims_too_much'].includes(one.verdict) && isSure('slow_delivered') && isSure('claims_too_much'); // prettier-ignore
  // The second order that ends so on the same server is the last there, whoever is to blame; the host is judged by his own doing.
  return isLie || earlier > 0 ? 'blacklist' : 'cancel';
}

/** A machine as its host is judged by it: of running orders, and of those that ended not long ago. */
export interface HostMachine {
  server: number;
  advice: Advice;
  against_host: boolean;
}

export interface HostAdvice {
  advice: Advice;
  /** Servers of this host that were judged, and those that count against him. */
  judged: number;
  bad: number;
}

/** Bad servers before a host is judged by them, and the least share of all of his: a large host has a sick machine now and then. */
const BAD_SERVERS = 2;
const BAD_SHARE = 1 / 3;

/** What to do about a host. A server counts once, by the worst that was found there. */
export function adviseHost(machines: readonly HostMachine[]): HostAdvice {
  const servers = Map.groupBy(machines, ({ server }) => server);
  const bad = [...servers.values()].filter((all) => all.some(({ against_host }) => against_host)).length;
  const judged = servers.size;
  if (bad === 0) return { advice: 'keep', judged, bad };
  if (bad < BAD_SERVERS) return { advice: 'watch', judged, bad };
  // Two bad ones of many: end those, and place no new order there until somebody has looked.
  return { advice: bad / judged >= BAD_SHARE ? 'blacklist' : 'cancel', judged, bad };
}

/** Cheapest delivered hash first; then those of which no price is known, by name. */
export function ranked<T extends Pick<MachineAdvice, 'worker' | 'cost'>>(machines: readonly T[]): T[] {
  const price = ({ cost }: T): number => cost.clore_per_ths_day ?? Infinity;
  return machines.toSorted((a, b) => {
    const [first, second] = [price(a), price(b)];
    return first === second ? a.worker.localeCompare(b.worker) : first - second;
  });
}
