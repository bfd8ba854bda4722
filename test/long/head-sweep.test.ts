// A sample of `npm run sweep`: the script damaged at every 97th byte of the head, at all edges and in its payload, boots by
// itself and runs no byte that was not verified. And the sweep itself sees it when such a byte is run.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { FORMS } from '../sweep/damage.ts';
import { linesRun, runSweep } from '../sweep/sweep.ts';

it('boots from every damage, and runs nothing of it', async () => {
  const seed = randomInt(2 ** 31);
  const result = await runSweep({ forms: FORMS, step: 97, payload: 3, seed, parallel: 3 });
  expect(result.violations, `npm run sweep -- --step 97 --payload 3 --seed ${seed}`).toEqual([]);
  expect(result.cases).toBeGreaterThan(230);
  expect(result.silent).toBeGreaterThan(5);
}, 180_000);

it.each([
  ['poison', 700, 'wrong bytes were executed'],
  ['flip', 2000, 'of a wrong part two was run'],
] as const)('sees it when part one does not check: %s at %i', async (form, offset, what) => {
  const tamper = (script: Buffer): Buffer =>
    Buffer.from(script.toString('latin1').replace('g "$s"||', 'true  ||'), 'latin1');
  const only = { form, offset };
  const result = await runSweep({ forms: FORMS, step: 1, payload: 0, seed: 1, parallel: 1, only, tamper });
  expect(result.violations.map((v) => v.what).join()).toContain(what);
});

it('reads from a trace how far each start came', () => {
  const trace =
    'start x\n+ x 9 a\nstart onstart.sh\n+ onstart.sh 3 a\n++ onstart.sh 7 b\n+ onstart.sh 4 c\nstart onstart.sh\n';
  expect(linesRun(trace)).toEqual([7, 0]);
});
