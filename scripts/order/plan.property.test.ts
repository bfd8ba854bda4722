import { expect, it } from 'vitest';
import { holdPlanProperty } from '../../test/fakes/plan-property.ts';

it('no body breaks a rule, and every machine is in the bodies or the reasons (a sample; test/long has 10,000)', () => {
  const { orders, machines, reasons } = holdPlanProperty(500, 6);
  // The cases are worth something: many machines get an order, and many reasons are met.
  expect(orders).toBeGreaterThan(machines / 20);
  expect(reasons.size).toBeGreaterThan(15);
});
