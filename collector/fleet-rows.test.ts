import { expect, it } from 'vitest';
import { FakeClock } from '../test/fakes/clock.ts';
import { FleetRows } from './fleet-rows.ts';
import type { Store, WorkerFacts } from './store/store.ts';
import { NO_SHARES } from './store/store.ts';

const T = 1_790_000_000_000;

/** A store of so many workers, each of which takes so long to read. */
function slowStore(clock: FakeClock, count: number, each_ms: number) {
  const asked = { rounds: 0 };
  const facts = (id: string): WorkerFacts => ({
    ...{ id, boot: null, last_report_ms: T, hello: null, hashrate: null, shares: null, gpu: null },
    ...{ shares_window: NO_SHARES, last_event: null },
  });
  const store = {
    machines: {
      heard: async () => {
        asked.rounds += 1;
        return Array.from({ length: count }, (_, i) => ({
          id: `rig-${i}`,
          boot: null,
          last_report_ms: T,
          hello: null,
        }));
      },
    },
    worker: async (id: string) => {
      await clock.advance(each_ms);
      return facts(id);
    },
  } as unknown as Store;
  return { store, asked };
}

it('draws a small fleet anew for every reader, and once for those who ask together', async () => {
  const clock = new FakeClock(T);
  const { store, asked } = slowStore(clock, 3, 1);
  const fleet = new FleetRows({ store, clock, settings: { offline_after_ms: 60_000 } });
  expect((await fleet.rows()).map(({ id }) => id)).toEqual(['rig-0', 'rig-1', 'rig-2']);
  await Promise.all([fleet.rows(), fleet.rows()]);
  expect(asked.rounds).toBe(2);
});

it('gives a large fleet’s last rows at once while it draws the next, and none that are old', async () => {
  const clock = new FakeClock(T);
  const { store, asked } = slowStore(clock, 50, 2);
  const fleet = new FleetRows({ store, clock, settings: { offline_after_ms: 60_000 } });
  const first = await fleet.rows();
  expect(await fleet.rows()).toBe(first);
  expect(asked.rounds).toBe(1);
  await clock.advance(501);
  expect(await fleet.rows()).toBe(first);
  await expect.poll(() => asked.rounds).toBe(2);
  await expect.poll(async () => (await fleet.rows()) !== first).toBe(true);
  const second = await fleet.rows();
  await clock.advance(30_001);
  expect(await fleet.rows()).not.toBe(second);
});
