import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../platform/logger.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { poolTarget as targetOf, reachabilityOf } from '../../test/fakes/reachability.ts';
import type { DnsAnswer, ReachabilityRecord } from '../../wire/reachability.ts';
import type { NetDeps } from '../net/context.ts';
import { profileWith } from '../net/profile.ts';
import { ProbeTimesFile, untilNextRunMs } from './reachability-schedule.ts';
import { rankOf, ReachabilitySampler, type Rank } from './reachability.ts';

const PROFILE = profileWith({ udp: [], tcp: [], doh: [], baseline: [], captive: null });
const MINUTE_MS = 60_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-probe-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('untilNextRunMs', () => {
  const timers = PROFILE;
  const until = (lastRunMs: number | null, isFault = false, random = 0): number =>
    untilNextRunMs({ nowMs: 1e12, lastRunMs, isFault, timers, random: () => random });

  it('waits a little before the first run, and not at all where no pool is reached', () => {
    expect(until(null)).toBe(30_000);
    expect(until(null, true)).toBe(0);
  });

  it('keeps runs 15 to 20 minutes apart, and those after a fault 5', () => {
    expect(until(1e12, false, 0)).toBe(15 * MINUTE_MS);
    expect(until(1e12, false, 1)).toBe(20 * MINUTE_MS);
    expect(until(1e12 - 4 * MINUTE_MS, true)).toBe(MINUTE_MS);
    expect(until(1e12 - 60 * MINUTE_MS)).toBe(0);
  });

  it('is not fooled by a clock that was set back', () => {
    expect(until(2e12, false, 0)).toBe(15 * MINUTE_MS);
  });
});

describe('the times on disk', () => {
  it('come back, and a damaged file counts as none', () => {
    const path = join(dir, 'times');
    const first = new ProbeTimesFile(path);
    expect(first.times).toEqual({ run_ms: null, bulk_ms: null, rest: new Map() });
    first.times.run_ms = 5;
    for (let i = 0; i < 100; i++) first.times.rest.set(`${'p'.repeat(200)}${i}`, i);
    first.times.rest.set('pool.example', 1000);
    expect(first.save()).toBeNull();
    first.close();
    const second = new ProbeTimesFile(path);
    expect(second.times).toMatchObject({ run_ms: 5, bulk_ms: null });
    expect(second.times.rest.get('pool.example')).toBe(1000);
    second.close();
    writeFileSync(path, 'x'.repeat(4096));
    const third = new ProbeTimesFile(path);
    expect(third.times.run_ms).toBeNull();
    third.close();
  });
});

describe('the sampler', () => {
  /** A world in which every connection is refused at once: what counts is when it is tried. */
  function started(clock: FakeClock, isHashing: () => boolean = () => true) {
    const runs: number[] = [];
    const records: ReachabilityRecord[] = [];
    const ranks: Rank[][] = [];
    const begun: number[] = [];
    const refuse = (): never => {
      throw new Error('no network in this test');
    };
    const deps: NetDeps = {
      ...{ clock, random: () => 0, udp: refuse, http: refuse },
      probe: { clock, readAck: refuse, connect: refuse },
      lookup: () => Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' })),
    };
    const sampler = new ReachabilitySampler({
      targets: () => {
        runs.push(clock.monoMs());
        return [{ target: targetOf('pool.example', 3333), login: null, tls: {}, path: null, stalls: [] }];
      },
      ...{ collectors: [], profile: PROFILE, agent: 'spotrig-probe/t', timesPath: join(dir, 'times'), deps, isHashing },
      logger: createLogger({ name: 't', level: 'silent' }),
      onRecord: (record) => records.push(record),
      onRanks: (list, sinceMs) => {
        ranks.push(list);
        begun.push(sinceMs);
      },
      onFault: (detail) => {
        throw new Error(detail);
      },
    });
    return { sampler, runs, records, ranks, begun };
  }

  it('begins half a minute after the miner hashes, and comes again after 15 minutes', async () => {
    const clock = new FakeClock();
    let isHashing = false;
    const { sampler, runs, records, ranks, begun } = started(clock, () => isHashing);
    await clock.advance(60_000);
    expect(runs).toEqual([]);
    isHashing = true;
    await clock.advance(40 * MINUTE_MS);
    sampler.stop();
    expect(runs).toHaveLength(3);
    expect(runs[0]).toBeGreaterThanOrEqual(90_000);
    expect(runs[0]).toBeLessThan(92_000);
    expect((runs[1] ?? 0) - (runs[0] ?? 0)).toBe(15 * MINUTE_MS);
    expect(records).toHaveLength(3);
    expect(records[0]).toMatchObject({ operation: 'resolve', failure: 'dns_nxdomain_error' });
    expect(ranks[0]).toMatchObject([{ url: 'stratum+tcp://pool.example:3333', addresses: [] }]);
    expect(begun).toEqual(runs);
  });

  it('comes at once when no pool is reached, and faults do not make a storm', async () => {
    const clock = new FakeClock();
    const { sampler, runs } = started(clock, () => false);
    sampler.fault();
    for (let i = 0; i < 60; i++) {
      await clock.advance(10_000);
      sampler.fault();
    }
    sampler.stop();
    expect(runs).toHaveLength(2);
    expect(runs[0]).toBe(2000);
    expect((runs[1] ?? 0) - (runs[0] ?? 0)).toBeGreaterThanOrEqual(5 * MINUTE_MS);
  });

  it('that was killed and started again does not begin anew', async () => {
    const clock = new FakeClock();
    const first = started(clock);
    await clock.advance(MINUTE_MS);
    expect(first.runs).toHaveLength(1);
    first.sampler.stop();
    const second = started(clock);
    await clock.advance(10 * MINUTE_MS);
    expect(second.runs).toEqual([]);
    await clock.advance(5 * MINUTE_MS);
    expect(second.runs).toHaveLength(1);
    second.sampler.stop();
  });
});

it('gives pinned addresses only where the name leads astray', () => {
  const lie: DnsAnswer = {
    resolver: 'system',
    transport: 'system',
    family: 'A',
    addresses: [],
    late: [],
    failure: 'dns_nxdomain_error',
    ms: 1,
  };
  expect(rankOf(reachabilityOf(), ['203.0.113.10'])).toMatchObject({ addresses: [], delay_ms: 40, verdict: null });
  expect(rankOf(reachabilityOf({ dns: [lie] }), ['203.0.113.10'])).toMatchObject({
    addresses: ['203.0.113.10'],
  });
});
