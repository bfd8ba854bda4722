import { describe, expect, it } from 'vitest';
import type { VerdictName } from '../../wire/verdict.ts';
import { troubleSpans } from './troubles.ts';

const MIN = 60_000;

function spans(...sightings: [number, VerdictName, string?][]) {
  const all = sightings.map(([minute, verdict, pool = 'a']) => ({ at_ms: minute * MIN, verdict, pool }));
  return troubleSpans(all).map(({ from_ms, until_ms, pool }) => [from_ms / MIN, until_ms / MIN, pool]);
}

describe('spans of a pool’s trouble', () => {
  it('reach from the sample before to the one after, twenty minutes at most', () => {
    expect(spans([100, 'reachable'], [110, 'pool_down'], [125, 'reachable'])).toEqual([[100, 125, 'a']]);
    expect(spans([100, 'blocked:tls'])).toEqual([[80, 120, 'a']]);
    expect(spans([110, 'pool_refuses'], [100, 'pool_down'])).toEqual([
      [80, 110, 'a'],
      [100, 130, 'a'],
    ]);
  });

  it('are of that pool alone, but the worker’s own line is in the way of all', () => {
    expect(spans([100, 'blocked:tcp', 'a'], [100, 'reachable', 'b'])).toEqual([[80, 120, 'a']]);
    expect(spans([100, 'worker_offline', 'b'])).toEqual([[80, 120, null]]);
  });

  it.each(['reachable', 'reachable_stable', 'degraded', 'inconclusive'] as const)('%s excuses nothing', (verdict) => {
    expect(spans([100, verdict])).toEqual([]);
  });
});
