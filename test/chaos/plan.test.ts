import { describe, expect, it } from 'vitest';
import { KINDS, planTrial, STEPS } from './plan.ts';

const plans = Array.from({ length: 300 }, (_, trial) => planTrial(7, trial));

describe('plan of trials', () => {
  it('is the same for the same seed and number, and another for another', () => {
    expect(plans).toEqual(plans.map((_, trial) => planTrial(7, trial)));
    expect(plans).not.toEqual(plans.map((_, trial) => planTrial(8, trial)));
  });

  it('holds every kind within forty trials, and every step within three hundred', () => {
    expect(new Set(plans.slice(0, 40).map((p) => p.kind))).toEqual(new Set(KINDS));
    const moments = new Set(plans.map((p) => p.moment.at));
    for (const step of STEPS) expect(moments).toContain(step);
  });

  it('keeps all but the kind when one kind is asked for', () => {
    const { trial, kind, ...rest } = planTrial(7, 3, 'kill-all');
    expect({ trial, kind }).toEqual({ trial: 3, kind: 'kill-all' });
    expect(planTrial(7, 3, 'node-kill')).toEqual({ trial, kind: 'node-kill', ...rest });
  });
});
