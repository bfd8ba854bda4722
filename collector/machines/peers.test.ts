import { describe, expect, it } from 'vitest';
import { machineFacts, NOW_MS } from '../../test/fakes/machine-facts.ts';
import type { PoolFigure } from '../pool-api/figures.ts';
import { type Answered, answeredOf, peersOf } from './peers.ts';

const MIN_MS = 60_000;

function figure(over: Partial<PoolFigure> = {}): PoolFigure {
  const at_ms = NOW_MS - MIN_MS;
  return { at_ms, api: 'rvn', as_of_ms: at_ms, listed: true, pool_hs: 1e6, last_share_ms: null, others: 1, ...over };
}

/** Of workers with these newest figures; the first is asked about. */
function absentShare(...figures: (PoolFigure | null)[]): number | null {
  const answered = figures.map((one, i): Answered => {
    const pool_figures = one === null ? [] : [one];
    return answeredOf({ ...machineFacts({ facts: { pool_figures } }), worker: `rig-${i}` });
  });
  const fleet = new Map(answered.map((one) => [one.worker, one]));
  return peersOf('rig-0', { answered: fleet, heard: [], now_ms: NOW_MS }).absent_share;
}

const missing = figure({ listed: false, pool_hs: null });

describe('the share of others that a pool’s API misses', () => {
  it('is of those that it should credit now', () => {
    expect(absentShare(missing, figure(), figure())).toBe(0);
    expect(absentShare(missing, missing, figure())).toBe(0.5);
    expect(absentShare(missing, missing, missing, figure(), null)).toBe(2 / 3);
  });

  it('is not known without figures of others from the same API', () => {
    expect(absentShare(missing)).toBeNull();
    expect(absentShare(missing, null, figure({ api: 'xna' }), figure({ at_ms: NOW_MS - 90 * MIN_MS }))).toBeNull();
    expect(absentShare(null, figure())).toBeNull();
  });
});
