// What shall be done, by the fleet file, the market and the journal: new orders, and what to change about those that run.
import { type Diff, type Running, diff, runningInJournal } from './diff.ts';
import { type Entry, heldServers, isLive, rigsInUse, runningOf, settle } from './journal.ts';
import type { TimedMarket } from './market.ts';
import { type Plan, plan } from './plan.ts';
import type { Prepared } from './prepare.ts';
import type { Refusal } from './reasons.ts';

export interface Decided {
  plan: Plan;
  /** null: not asked for. */
  diff: Diff | null;
}

/** The journal by what this snapshot proves. */
export function known(entries: readonly Entry[], market: TimedMarket, settle_ms: number): readonly Entry[] {
  const { snapshot, taken_ms, my_user_id } = market;
  return my_user_id === null ? entries : settle(entries, { snapshot, taken_ms, my_user_id, settle_ms });
}

/** Without what was sent to these servers (numbers, or `all`) and has no clear answer. */
export function forget(entries: readonly Entry[], servers: readonly string[]): readonly Entry[] {
  const isUnclear = (entry: Entry): boolean => isLive(entry) && entry.state !== 'placed';
  const isNamed = ({ server }: Entry): boolean => servers.includes('all') || servers.includes(String(server));
  return entries.filter((entry) => !(isUnclear(entry) && isNamed(entry)));
}

/** Asks the collector's books which workers are revoked; else pure. */
export async function decide(o: {
  prepared: Prepared;
  market: TimedMarket;
  entries: readonly Entry[];
  diff: boolean;
  replace: boolean;
  /** Of --orders; null: the journal's. */
  running: readonly Running[] | null;
}): Promise<Decided> {
  const { prepared, market, entries } = o;
  const { fleet, image, banned, minter } = prepared;
  const inUse = rigsInUse(entries);
  const made = plan({
    ...{ fleet, image, banned, ...market },
    ...{ held: heldServers(entries), running: runningOf(entries, fleet.name) },
    rigs: prepared.rigs.filter(({ rig_id }) => !inUse.has(rig_id)),
    mint: (worker) => minter?.mint(worker) ?? '',
  });
  const revoked = (await minter?.revokedOf(made.orders.map(({ worker }) => worker))) ?? new Set<string>();
  const { replace } = o;
  const running = o.running ?? runningInJournal(entries, fleet.name);
  const changes = o.diff ? diff(running, { fleet, image, banned, ...market, replace }) : null;
  return { plan: withoutRevoked(made, revoked), diff: changes };
}

function withoutRevoked({ orders, refusals }: Plan, revoked: ReadonlySet<string>): Plan {
  const refused = orders.filter(({ worker }) => revoked.has(worker));
  return {
    orders: orders.filter(({ worker }) => !revoked.has(worker)),
    refusals: [
      ...refusals,
      ...refused.map(({ body, worker }): Refusal => ({
        server: String(body.renting_server),
        reason: 'token_revoked',
        detail: worker,
      })),
    ],
  };
}
