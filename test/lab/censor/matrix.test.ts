import { describe, expect, it } from 'vitest';
import { matrixLines, summaryOf } from './matrix.ts';

const techniques = [
  { name: 'ip_drop', allowed: ['blocked:tcp'] as const },
  { name: 'pool_ban', allowed: ['pool_refuses', 'inconclusive'] as const },
];
const judged = (technique: string, verdict: 'blocked:tcp' | 'pool_refuses', is_allowed: boolean, isFalse = false) => ({
  ...{ technique, verdict: { verdict }, is_allowed, is_false_block: isFalse },
});

describe('the confusion matrix', () => {
  it('holds when every run of every technique is right', () => {
    const results = [judged('ip_drop', 'blocked:tcp', true), judged('pool_ban', 'pool_refuses', true)];
    expect(summaryOf(techniques, results, 1)).toEqual({
      holds: true,
      line: 'lab:censor: holds: 2 of 2 techniques right in 1 of 1 runs, 0 false "blocked"',
    });
  });

  it('does not hold for a trial that is missing', () => {
    const results = [judged('ip_drop', 'blocked:tcp', true)];
    expect(summaryOf(techniques, results, 1).holds).toBe(false);
  });

  it('counts a false block, and marks it in its row', () => {
    const results = [judged('ip_drop', 'blocked:tcp', true), judged('pool_ban', 'blocked:tcp', false, true)];
    expect(summaryOf(techniques, results, 1)).toMatchObject({
      holds: false,
      line: expect.stringContaining('1 false') as string,
    });
    expect(matrixLines(techniques, results)).toEqual([
      'technique    pool_refuses   blocked:tcp   inconclusive',
      'ip_drop                 ·           [1]              ·',
      'pool_ban              [0]            1!            [0]',
    ]);
  });
});
