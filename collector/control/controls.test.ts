import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../platform/logger.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { poolTarget, wellTrial } from '../../test/fakes/reachability.ts';
import type { AddressTrial, ControlSample, Target } from '../../wire/reachability.ts';
import { Controls } from './controls.ts';
import { measure } from './measure.ts';
import { Pacer } from './pacer.ts';

const TARGET = poolTarget('pool.example', 3333);

function controlsOf(o: { measure: (target: Target) => Promise<void>; keep?: () => Promise<void> }) {
  const clock = new FakeClock();
  const kept: ControlSample[] = [];
  const controls = new Controls({
    ...{ by: 'here', endpoints: [TARGET], cache_ms: 120_000, clock, logger: silentLogger },
    measure: async (target) => {
      const at_ms = clock.nowMs();
      await o.measure(target);
      const well = { operation: null, failure: null, dns_failure: null, addresses: [], trials: [] };
      return { entry: target.url, by: 'here', at_ms, ...well };
    },
    keep: async (sample) => {
      await o.keep?.();
      kept.push(sample);
    },
  });
  return { clock, controls, kept };
}

describe('control samples', () => {
  it('are made once while they are fresh, and again after', async () => {
    let measured = 0;
    const { clock, controls, kept } = controlsOf({ measure: async () => void (measured += 1) });
    const first = await controls.sample(TARGET.url, 1000);
    await clock.advance(119_000);
    expect(await controls.sample(TARGET.url, 1000)).toBe(first);
    await clock.advance(1000);
    expect(await controls.sample(TARGET.url, 1000)).not.toBe(first);
    expect([measured, kept.length]).toEqual([2, 2]);
    expect(await controls.sample('stratum+tcp://other.example:1', 1000)).toBeNull();
    expect(clock.pending).toBe(0);
  });

  it('that take too long are there for who asks later', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let measured = 0;
    const { clock, controls } = controlsOf({
      measure: () => {
        measured += 1;
        return promise;
      },
    });
    const asked = controls.sample(TARGET.url, 25_000);
    await clock.advance(25_000);
    expect(await asked).toBeNull();
    const again = controls.sample(TARGET.url, 25_000);
    resolve();
    expect((await again)?.entry).toBe(TARGET.url);
    expect(measured).toBe(1);
  });

  it('are none where the measurement could not be made, and are answered though the store failed', async () => {
    let failing = true;
    const { controls, kept } = controlsOf({
      measure: async () => {
        if (failing) throw new Error('no line');
      },
      keep: () => Promise.reject(new Error('disk full')),
    });
    expect(await controls.sample(TARGET.url, 1000)).toBeNull();
    failing = false;
    expect((await controls.sample(TARGET.url, 1000))?.failure).toBeNull();
    expect(kept).toEqual([]);
  });
});

describe('one measurement', () => {
  const ended = (address: string, failure: NonNullable<AddressTrial['tcp']>['failure']): AddressTrial => ({
    ...wellTrial(address),
    tcp: { failure, ms: 0 },
    stratum: null,
  });

  async function measured(addresses: Record<string, AddressTrial>, target = TARGET): Promise<ControlSample> {
    const clock = new FakeClock();
    const pacer = new Pacer({ clock, pause_ms: 0, at_once: 1, signal: new AbortController().signal });
    return measure(target, {
      ...{ by: 'here', refuse: [], clock, pacer },
      resolve: async () => ({ addresses: Object.keys(addresses), failure: null }),
      attempt: async (_target, address, attempt) => ({ ...(addresses[address] ?? wellTrial(address)), attempt }),
    });
  }

  it('tries three addresses at most', async () => {
    const dead = ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'];
    const sample = await measured(
      Object.fromEntries(dead.map((address) => [address, ended(address, 'generic_timeout_error')])),
    );
    expect(sample.trials.map(({ address, attempt }) => [address, attempt])).toEqual([
      ['1.1.1.1', 0],
      ['1.1.1.2', 1],
      ['1.1.1.3', 2],
    ]);
    expect(sample).toMatchObject({ operation: 'connect', failure: 'generic_timeout_error', addresses: dead });
  });

  it('says nothing of the pool where this machine has no line, and leaves such an address out of the rest', async () => {
    const v6 = { '2a01::1': ended('2a01::1', 'network_unreachable') };
    await expect(measured(v6)).rejects.toMatchObject({ code: 'no_line' });
    const both = { '1.1.1.1': ended('1.1.1.1', 'connection_refused'), ...v6 };
    expect(await measured(both)).toMatchObject({ operation: 'connect', failure: 'connection_refused' });
  });

  it('is content with TCP where the dialect is unknown', async () => {
    const open = { '1.1.1.1': { ...wellTrial('1.1.1.1'), stratum: null } };
    expect(await measured(open, { ...TARGET, dialect: 'unknown' })).toMatchObject({ operation: null, failure: null });
  });
});
