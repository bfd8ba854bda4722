import { describe, expect, it } from 'vitest';
import type { MinerSample } from '../../miners/miner.ts';
import { SHARE_INTERVALS, Watchdog, WATCHDOG_RULES, type Fault, type ShareFacts } from './watchdog.ts';

const GRACE_MS = 180_000;
const STEP_MS = 5_000;

function sample(claimed_hs: number | null, gpus: (number | null)[] = []): MinerSample {
  return {
    ...{ name: 't-rex', version: null, algo: 'kawpow', uptime_s: 1, claimed_hs, accepted: 0, rejected: 0 },
    gpus: gpus.map((hashrate_hs, index) => ({ index, pci_bus: null, hashrate_hs })),
  };
}

/** Runs the watchdog in steps of a poll; returns the faults with the moment they were told. */
function watch(
  forMs: number,
  each: (nowMs: number, dog: Watchdog) => MinerSample | null,
  shares: (nowMs: number) => ShareFacts | null = () => null,
  dog = new Watchdog({ graceMs: GRACE_MS }),
  fromMs = 0,
): (Fault & { at_ms: number })[] {
  const faults: (Fault & { at_ms: number })[] = [];
  dog.begin(fromMs, fromMs);
  for (let now = fromMs; now <= fromMs + forMs; now += STEP_MS) {
    dog.observe(each(now, dog), now);
    const fault = dog.judge(shares(now), now);
    if (fault !== null) faults.push({ ...fault, at_ms: now });
  }
  return faults;
}

const well = (logged_in_since_ms: number | null, last: number | null, work = 30e6 * 60): ShareFacts => ({
  logged_in_since_ms,
  last_accepted_ms: last,
  share_work_hashes: work,
});

describe('Watchdog', () => {
  it('says nothing of a miner that hashes and finds shares', () => {
    const hour = 3_600_000;
    expect(
      watch(
        hour,
        () => sample(30e6, [15e6, 15e6]),
        (now) => well(0, now - (now % 60_000)),
      ),
    ).toEqual([]);
  });

  it('allows for the start, then tells of 0 H/s, once', () => {
    const faults = watch(20 * 60_000, () => sample(0));
    expect(faults.map((f) => f.rule)).toEqual(['zero_hashrate']);
    expect(faults[0]?.at_ms).toBe(GRACE_MS + WATCHDOG_RULES.zero_hashrate.after_ms);
    expect(faults[0]).toMatchObject({ restart: true });
  });

  it('allows for a DAG in the middle of a run', () => {
    const dagAt = 1_000_000;
    const faults = watch(1_400_000, (now, dog) => {
      if (now === dagAt) dog.sign('dag_begin', now);
      return sample(now < dagAt || now > dagAt + 60_000 ? 30e6 : 0);
    });
    expect(faults).toEqual([]);
  });

  it('tells of an API that never answers, and of one that stops', () => {
    const never = watch(600_000, () => null);
    expect(never[0]).toMatchObject({ rule: 'api_silent', at_ms: GRACE_MS + WATCHDOG_RULES.api_silent.after_ms });
    const stops = watch(1_000_000, (now) => (now < 500_000 ? sample(1) : null));
    expect(stops[0]).toMatchObject({ rule: 'api_silent', at_ms: 500_000 + WATCHDOG_RULES.api_silent.after_ms });
  });

  it('gives a miner that is adopted the whole time to answer', () => {
    const hour = 3_600_000;
    const dog = new Watchdog({ graceMs: GRACE_MS });
    dog.begin(-hour, 0);
    dog.observe(null, 1000);
    expect(dog.judge(null, 1000)).toBe(null);
    expect(dog.judge(null, WATCHDOG_RULES.api_silent.after_ms)).toMatchObject({ rule: 'api_silent' });
  });

  it('tells of missing shares after twelve expected intervals, and never of a pool that is not there', () => {
    const noShare = watch(
      1_800_000,
      () => sample(30e6),
      () => well(0, null),
    );
    expect(noShare.map((f) => f.rule)).toEqual(['no_share']);
    expect(noShare[0]?.at_ms).toBe(SHARE_INTERVALS * 60_000);
    expect(noShare[0]?.evidence).toContain('every 60 s');
    expect(
      watch(
        1_800_000,
        () => sample(30e6),
        () => well(null, null),
      ),
    ).toEqual([]);
    expect(
      watch(
        1_800_000,
        () => sample(null),
        () => well(0, null),
      ),
    ).toEqual([]);
    expect(
      watch(
        1_800_000,
        () => sample(30e6),
        () => ({ ...well(0, null), share_work_hashes: null }),
      ),
    ).toEqual([]);
    // A slow card on a hard pool: one share an hour is expected, so half an hour without is nothing.
    expect(
      watch(
        1_800_000,
        () => sample(30e6),
        () => well(0, null, 30e6 * 3600),
      ),
    ).toEqual([]);
  });

  it('restarts no miner that has nothing to do because the pool is away', () => {
    const backAt = 900_000;
    const faults = watch(
      1_800_000,
      () => sample(0),
      (now) => well(now < backAt ? null : backAt, null),
    );
    expect(faults[0]).toMatchObject({
      rule: 'zero_hashrate',
      at_ms: backAt + WATCHDOG_RULES.zero_hashrate.after_ms,
    });
  });

  it('tells one idle card from all', () => {
    const one = watch(600_000, (now) => sample(30e6, [30e6, now > 200_000 ? 0 : 1]));
    expect(one.map((f) => f.rule)).toEqual(['gpu_idle']);
    expect(one[0]?.evidence).toContain('GPU 1 ');
    expect(watch(600_000, () => sample(0, [0, 0])).map((f) => f.rule)).toEqual(['zero_hashrate']);
    expect(watch(600_000, () => sample(30e6, [30e6, null]))).toEqual([]);
  });

  it('restarts once for a lost card, then only tells, until its memory has passed', () => {
    const dog = new Watchdog({ graceMs: GRACE_MS });
    const lostAt = (from: number) =>
      watch(
        60_000,
        (now, d) => (now === from + 10_000 ? (d.sign('gpu_lost', now), sample(1)) : sample(1)),
        () => null,
        dog,
        from,
      );
    const [first] = lostAt(0);
    expect(first).toMatchObject({ rule: 'gpu_lost', restart: true });
    dog.restarted('gpu_lost', 30_000);
    expect(lostAt(120_000)[0]).toMatchObject({ rule: 'gpu_lost', restart: false });
    expect(lostAt(WATCHDOG_RULES.gpu_lost.memory_ms + 60_000)[0]).toMatchObject({ restart: true });
  });
});
