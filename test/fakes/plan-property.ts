// The planner's property: no body breaks a rule, and every machine is in the bodies or in the reasons. Run by a unit test on a sample
// and by a long one on all.
import fc from 'fast-check';
import { expect } from 'vitest';
import { HIVEOS_IMAGE, UBUNTU_IMAGE } from '../../scripts/order/body.ts';
import { parseFleet } from '../../scripts/order/fleet.ts';
import { type Plan, type PlanInput, plan } from '../../scripts/order/plan.ts';
import { REASONS, type Reason } from '../../scripts/order/reasons.ts';
import { type RawOrder, brokenRules } from './market-rules.ts';
import { MY_USER_ID, OWN_IMAGE, fleets, snapshots } from './markets.ts';

const TOKEN_END = '1800000000';
const IMAGES = { ubuntu: UBUNTU_IMAGE, hiveos: HIVEOS_IMAGE, ccr: OWN_IMAGE };

const surroundings = fc.record({
  clore_usd: fc.constantFrom(0.0007, 0.02, 1),
  banned_servers: fc.subarray(['3', '9'], { maxLength: 1 }),
  banned_hosts: fc.subarray(['2'], { maxLength: 1 }),
  held: fc.subarray(['5', '6', '7'], { maxLength: 1 }),
  rigs: fc
    .integer({ min: 0, max: 6 })
    .map((n) => Array.from({ length: n }, (_, i) => ({ rig_id: `${i}`, rig_pass: `p${i}` }))),
  running: fc.record({ orders: fc.integer({ min: 0, max: 3 }), spend_clore_day: fc.constantFrom(0, 5) }),
});

/** What was seen over all runs, so that a test can tell that the generated cases were worth something. */
export interface Seen {
  fleets: number;
  orders: number;
  machines: number;
  reasons: Map<Reason, number>;
}

/** Holds the property for `cases` generated fleets and snapshots; throws with the smallest case that breaks it. */
export function holdPlanProperty(cases: number, seed: number): Seen {
  const seen: Seen = { fleets: 0, orders: 0, machines: 0, reasons: new Map() };
  const property = fc.property(fleets, snapshots, surroundings, (fleet, snapshot, around) => {
    const read = parseFleet(JSON.stringify(fleet));
    expect(read).toHaveProperty('fleet');
    if (!('fleet' in read)) return;
    const image = IMAGES[fleet.profile];
    const input: PlanInput = {
      ...{ fleet: read.fleet, snapshot, image, my_user_id: String(MY_USER_ID), clore_usd: around.clore_usd },
      banned: { servers: named(around.banned_servers), hosts: named(around.banned_hosts) },
      held: new Map(around.held.map((server) => [server, { reason: 'own_bid', detail: '' }])),
      ...{ running: around.running, rigs: around.rigs },
      mint: (worker) => `sr1.k1.${worker}.${TOKEN_END}.${'m'.repeat(43)}`,
    };
    const made = plan(input);
    everyMachineOnce(made, snapshot);
    const bodies = made.orders.map(({ body }) => body as unknown as RawOrder);
    expect(brokenRules({ fleet, snapshot, bodies, image, my_user_id: MY_USER_ID, ...around })).toEqual([]);
    count(seen, made);
  });
  fc.assert(property, { numRuns: cases, seed });
  return seen;
}

function everyMachineOnce({ orders, refusals }: Plan, snapshot: Record<string, unknown>): void {
  const told = [...orders.map(({ body }) => String(body.renting_server)), ...refusals.map(({ server }) => server)];
  expect(told.toSorted()).toEqual(Object.keys(snapshot).toSorted());
  for (const { reason } of refusals) expect(REASONS).toHaveProperty(reason);
}

function count(seen: Seen, { orders, refusals }: Plan): void {
  seen.fleets += 1;
  seen.orders += orders.length;
  seen.machines += orders.length + refusals.length;
  for (const { reason } of refusals) seen.reasons.set(reason, (seen.reasons.get(reason) ?? 0) + 1);
}

function named(ids: readonly string[]): Map<string, string> {
  return new Map(ids.map((id) => [id, 'slow']));
}
