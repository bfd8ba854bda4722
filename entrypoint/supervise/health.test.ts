import { describe, expect, it } from 'vitest';
import type { MinerSample } from '../../miners/miner.ts';
import { minerState, type HealthFacts } from './health.ts';

const sample = (claimed_hs: number | null): MinerSample => ({
  name: 't-rex',
  version: '0.26.8',
  algo: 'kawpow',
  uptime_s: 10,
  claimed_hs,
  gpus: [],
  accepted: 0,
  rejected: 0,
});

const facts = (over: Partial<HealthFacts>): HealthFacts => ({
  phase: 'running',
  nowMonoMs: 1_000_000,
  startedMonoMs: 990_000,
  graceMs: 180_000,
  dagSinceMonoMs: null,
  sample: null,
  sampleMonoMs: null,
  ...over,
});

describe('minerState', () => {
  it('is starting within the grace and stalled after it, while nothing hashes', () => {
    expect(minerState(facts({}))).toBe('starting');
    expect(minerState(facts({ startedMonoMs: 1_000_000 - 180_001 }))).toBe('stalled');
    expect(minerState(facts({ startedMonoMs: 0, sample: sample(0), sampleMonoMs: 999_000 }))).toBe('stalled');
  });

  it('is hashing with a fresh claim, also when the end of the DAG was not seen', () => {
    const f = facts({ sample: sample(5), sampleMonoMs: 999_000, dagSinceMonoMs: 995_000 });
    expect(minerState(f)).toBe('hashing');
    expect(minerState({ ...f, sampleMonoMs: 900_000, startedMonoMs: 0, dagSinceMonoMs: null })).toBe('stalled');
  });

  it('is dag for as long as the grace allows', () => {
    expect(minerState(facts({ startedMonoMs: 0, dagSinceMonoMs: 950_000 }))).toBe('dag');
    expect(minerState(facts({ startedMonoMs: 0, dagSinceMonoMs: 1_000 }))).toBe('stalled');
  });

  it('says the phase where no miner runs', () => {
    for (const phase of ['preparing', 'backing_off', 'stopped'] as const) {
      expect(minerState(facts({ phase, sample: sample(5), sampleMonoMs: 999_999 }))).toBe(phase);
    }
  });
});
