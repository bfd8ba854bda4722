import { describe, expect, it } from 'vitest';
import { hashingRow } from '../../test/fakes/fleet.ts';
import { WORKER_STATES } from '../../wire/api.ts';
import { isTrouble, notesOf, severityRank, STATES_WORST_FIRST, stateWord, toneOf } from './trouble.ts';

const good = hashingRow('rig-1', 0, Date.UTC(2026, 0, 1));

describe('states', () => {
  it('knows every state of the API, each with a word of its own', () => {
    expect(STATES_WORST_FIRST.toSorted()).toEqual([...WORKER_STATES].toSorted());
    expect(new Set(WORKER_STATES.map(stateWord)).size).toBe(WORKER_STATES.length);
  });
  it('has nothing against a worker that hashes what it claims', () => {
    expect(notesOf(good)).toEqual([]);
    expect(toneOf(good)).toBe('good');
    expect(isTrouble(good)).toBe(false);
  });
  it('is in no trouble while it starts', () => {
    expect(isTrouble({ ...good, state: 'dag' })).toBe(false);
  });
});

describe('notesOf', () => {
  it('sees a claim above the interval, but allows for the miner’s fee', () => {
    const high = good.delivered_high_hs ?? 0;
    expect(notesOf({ ...good, claimed_hs: high * 1.02 })).toEqual([]);
    expect(notesOf({ ...good, claimed_hs: high * 1.1 })).toEqual(['claims more than its shares prove']);
  });
  it('says nothing of a claim while the proof is unknown', () => {
    expect(notesOf({ ...good, claimed_hs: 1e12, delivered_high_hs: null })).toEqual([]);
  });
  it('sees rejected shares once there are enough of them', () => {
    expect(notesOf({ ...good, accepted: 1, rejected: 4 })).toEqual([]);
    expect(notesOf({ ...good, accepted: 90, rejected: 10 })).toEqual(['10 % of its shares are rejected']);
    expect(notesOf({ ...good, accepted: 0, rejected: 0 })).toEqual([]);
  });
  it('names a GPU that the driver slows, once per cause', () => {
    const gpus = good.gpus.map((gpu, i) =>
      i === 2 ? { ...gpu, throttle: ['hw_thermal_slowdown' as const, 'sw_thermal_slowdown' as const] } : gpu,
    );
    expect(notesOf({ ...good, gpus })).toEqual(['GPU 2 is slowed by heat']);
  });
  it('says nothing of a worker that does not hash: its state says enough', () => {
    expect(notesOf({ ...good, state: 'offline', claimed_hs: 1e12 })).toEqual([]);
  });
});

describe('severityRank', () => {
  it('puts a doubtful hashing worker between the troubled and those on their way', () => {
    const doubtful = severityRank({ ...good, claimed_hs: 1e12 });
    expect(doubtful).toBeGreaterThan(severityRank({ ...good, state: 'stopped' }));
    expect(doubtful).toBeLessThan(severityRank({ ...good, state: 'preparing' }));
    expect(severityRank(good)).toBeGreaterThan(severityRank({ ...good, state: 'dag' }));
  });
});
