import { expect, it } from 'vitest';
import { REASONS } from '../../scripts/order/reasons.ts';
import { holdPlanProperty } from '../fakes/plan-property.ts';

it('10,000 fleets and snapshots: no body breaks a rule, and every machine is in the bodies or the reasons', () => {
  const { fleets, orders, machines, reasons } = holdPlanProperty(10_000, Date.now() % 1_000_000);
  expect(fleets).toBe(10_000);
  expect(orders).toBeGreaterThan(machines / 20);
  // Two reasons are not the planner's: a request of unknown outcome is the journal's, a revoked token the collector's.
  expect(reasons.size).toBe(Object.keys(REASONS).length - 2);
});
