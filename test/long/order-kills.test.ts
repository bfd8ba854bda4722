// The real command, killed with SIGKILL at any moment of its life: each order is taken at most once, and all are there in the end.
import { execa } from 'execa';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { FakeMarket } from '../fakes/fake-market.ts';
import { type FakeMarketServer, serveFakeMarket } from '../fakes/fake-market-server.ts';
import { rawMachine } from '../fakes/markets.ts';

const ROOT = join(import.meta.dirname, '../..');
const KILLS_BY_TIME = 8;
const LIFE_MS = 120_000;

let dir: string;
let market: FakeMarket;
let server: FakeMarketServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-kills-'));
  await loadKeys(dir);
  market = new FakeMarket(Object.fromEntries(['1', '2', '3'].map((id) => [id, rawMachine({})])));
  server = await serveFakeMarket(market);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function start() {
  const fleet = join(ROOT, 'docs/fleet.toml.example');
  const argv = ['order', fleet, '--submit', '--api', server.url, '--data', dir, '--state', join(dir, 'state')];
  return execa(process.execPath, [join(ROOT, 'bin/spotrig.js'), ...argv], {
    ...{
      cwd: dir,
      env: { CLORE_API_KEY: 'key' },
      extendEnv: false,
      reject: false,
      timeout: LIFE_MS,
      killSignal: 'SIGKILL',
    },
  });
}

/** Runs to the end, so much later that a new snapshot tells all. */
async function finish(): Promise<void> {
  server.onMoment = () => undefined;
  market.now_s += 400;
  expect(await start()).toMatchObject({ exitCode: 0 });
  expect(market.twice).toEqual([]);
  expect(market.live.map((one) => one.server).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
}

/** Another round needs machines without orders. */
function clear(): void {
  market.now_s += 400;
  for (const { server: id } of market.live) market.evict(id);
  market.now_s += 400;
}

for (const moment of ['asked', 'processed'] as const) {
  for (const path of ['/get_gigaspot', '/create_gigaspot_orders']) {
    it(`killed when ${path} is ${moment}`, async () => {
      const child = start();
      server.onMoment = (seen, at) => {
        if (seen === moment && at === path) child.kill('SIGKILL');
      };
      expect(await child).toMatchObject({ signal: 'SIGKILL' });
      server.onMoment = () => undefined;
      // At once, with the old snapshot: what may have been taken is not sent again.
      await start();
      expect(market.twice).toEqual([]);
      await finish();
    });
  }
}

it('killed after any time', async () => {
  const begun = performance.now();
  await start();
  const whole_ms = performance.now() - begun;
  for (let i = 0; i < KILLS_BY_TIME; i++) {
    clear();
    const child = start();
    const timer = setTimeout(() => child.kill('SIGKILL'), whole_ms * ((i + Math.random()) / KILLS_BY_TIME));
    await child;
    clearTimeout(timer);
    await finish();
  }
});
