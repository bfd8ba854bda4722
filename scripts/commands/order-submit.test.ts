// The command with --submit against a fake market on loopback and the real collector.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { forgetSecrets } from '../../platform/secrets.ts';
import { FakeMarket } from '../../test/fakes/fake-market.ts';
import { type FakeMarketServer, serveFakeMarket } from '../../test/fakes/fake-market-server.ts';
import { rawMachine } from '../../test/fakes/markets.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { readLedger } from '../order/ccr-ledger.ts';
import { run as blacklist } from './blacklist.ts';
import { run as ccr } from './ccr.ts';
import { run as collector } from './collector.ts';
import { run } from './order.ts';

const EXAMPLE = join(import.meta.dirname, '../../docs/fleet.toml.example');
const KEY = 'key-of-the-market-api';

let dir: string;
let fleet: string;
let out: string;
let err: string;
let market: FakeMarket;
let server: FakeMarketServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-submit-'));
  await loadKeys(dir);
  fleet = join(dir, 'fleet.toml');
  const text = await readFile(EXAMPLE, 'utf8');
  await writeFile(fleet, text.replace('profile = "ubuntu"', 'profile = "ccr"').replace('#= image', 'image'));
  market = new FakeMarket({ '1': rawMachine({}), '2': rawMachine({ host: 6 }), '3': rawMachine({ online: false }) });
  server = await serveFakeMarket(market);
  vi.stubEnv('CLORE_API_KEY', KEY);
  [out, err] = ['', ''];
  vi.spyOn(console, 'log').mockImplementation((line) => {
    out += `${String(line)}\n`;
  });
  vi.spyOn(console, 'error').mockImplementation((line) => {
    err += `${String(line)}\n`;
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    out += String(chunk);
    return true;
  });
  await ccr(['add', 'worker', 'abcdef'.repeat(4), '--ledger', join(dir, 'ccr.json')]);
});
afterEach(async () => {
  await server.close();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  forgetSecrets();
  await rm(dir, { recursive: true, force: true });
});

interface Told {
  sent: { server: number; result: string; detail: string }[];
  changed: { order_id: number; what: string; result: string }[];
  warnings: string[];
}

async function order(...argv: string[]): Promise<[code: number, told: Told]> {
  [out, err] = ['', ''];
  const state = ['--data', dir, '--state', join(dir, 'state'), '--ledger', join(dir, 'ccr.json')];
  const code = await run([fleet, '--submit', '--json', '--api', server.url, ...state, ...argv]);
  return [code, JSON.parse(out === '' ? '{}' : out) as Told];
}

/** Runs the real collector on the same data folder. */
async function withCollector(use: (url: string) => Promise<void>): Promise<void> {
  out = '';
  const ended = collector(['--data', dir, '--listen', '127.0.0.1:0', '--log-level', 'error']);
  await expect.poll(() => out, { timeout: 15_000 }).toMatch(/"url":"http/);
  try {
    await use(/"url":"([^"]+)"/.exec(out)?.[1] ?? '');
  } finally {
    process.emit('SIGTERM');
    expect(await ended).toBe(0);
  }
}

it('places orders, tells the collector, and follows them until they end', async () => {
  await withCollector(async (url) => {
    const told = async (): Promise<OrderRegistration[]> => {
      const answer = await fetch(`${url}/api/v1/orders`);
      return ((await answer.json()) as { orders: OrderRegistration[] }).orders.toSorted((a, b) => a.server - b.server);
    };
    const [code, first] = await order('--collector', url);
    expect([code, err]).toEqual([0, '']);
    expect(first.sent).toMatchObject([
      { server: 1, result: 'placed' },
      { server: 2, result: 'placed' },
    ]);
    expect(first.warnings).toEqual([]);
    expect(server.hasty).toEqual([]);
    expect(out + err).not.toMatch(/sr1\.|key-of-the/);
    expect(market.requests.every(({ key }) => key === KEY)).toBe(true);
    expect((await readLedger(join(dir, 'ccr.json')))[0]?.last_order_at).not.toBeNull();
    const registered = await told();
    expect(registered).toMatchObject([
      { server: 1, host: '2525', worker: 'rig-1', order_id: null, ended_at: null, power_limits_w: [130, 130] },
      { server: 2, host: '6', worker: 'rig-2', bid_clore_day: 1.6, expect: [{ model: 'RTX 3070', count: 2 }] },
    ]);
    // The next run places nothing more, and knows the orders' ids. One machine is evicted, one is on the black list.
    market.now_s += 400;
    market.evict(1);
    await blacklist(['add', '--server', '2', '--data', dir]);
    market.now_s += 400;
    const [again, second] = await order('--collector', url, '--blacklist', `${url}/api/v1/blacklist`, '--diff');
    expect([again, err]).toEqual([0, '']);
    expect(second.sent).toMatchObject([{ server: 1, result: 'placed' }]);
    expect(second.changed).toEqual([{ order_id: 1001, what: 'cancel', result: 'done', detail: '' }]);
    expect(market.live.map((one) => one.server)).toEqual([1]);
    const ended = await told();
    expect(ended.filter(({ ended_at }) => ended_at !== null).map((one) => [one.server, one.order_id])).toEqual([
      [1, null],
      [2, 1001],
    ]);
    // The first request of a run knows nothing of the run before; all others keep their distance.
    expect(server.hasty.length).toBeLessThanOrEqual(1);
    expect(market.twice).toEqual([]);
  });
}, 60_000);

it('tells of each machine what failed, and of a collector that does not answer, and tries that again', async () => {
  market.behaviours = ['well', 'partial'];
  const [code, { sent, warnings }] = await order('--collector', 'http://127.0.0.1:1');
  expect(code).toBe(1);
  expect(sent).toMatchObject([
    { server: 1, result: 'failed_to_oc', detail: expect.stringContaining('power limits') as string },
    { server: 2, result: 'failed_to_rent' },
  ]);
  expect(warnings).toEqual([]);
  const [placed, second] = await order('--collector', 'http://127.0.0.1:1');
  expect(placed).toBe(0);
  expect(second.warnings).toEqual([expect.stringContaining('2 orders are told to it at the next run')]);
  await withCollector(async (url) => {
    expect(await order('--collector', url)).toEqual([0, expect.objectContaining({ sent: [], warnings: [] })]);
    const answer = await fetch(`${url}/api/v1/orders`);
    expect(((await answer.json()) as { orders: unknown[] }).orders).toHaveLength(2);
  });
}, 60_000);

it('does not send again what has no clear answer, unless the user says so', async () => {
  market.behaviours = ['well', 'lost'];
  expect(await order()).toMatchObject([1, { sent: [{ result: 'unknown' }, { result: 'unknown' }] }]);
  expect(await order()).toMatchObject([0, { sent: [] }]);
  expect(await order('--forget', '2')).toMatchObject([0, { sent: [{ server: 2, result: 'placed' }] }]);
  market.now_s += 400;
  expect(await order()).toMatchObject([0, { sent: [{ server: 1, result: 'placed' }] }]);
  expect(market.twice).toEqual([]);
}, 60_000);

it('follows the others’ bids with edits, and tells which were not taken', async () => {
  await order();
  const bid = { owner: 9, id: 1, active: false, price: 2, currency: 'CLORE-Blockchain', pl: 100 };
  for (const one of ['1', '2']) market.machines[one]?.bids.push(bid);
  market.now_s += 100;
  market.behaviours = ['well', 'partial'];
  const [code, { changed }] = await order('--diff');
  expect(code).toBe(1);
  expect(changed).toMatchObject([
    { what: 'edit', result: 'failed' },
    { what: 'edit', result: 'too_low' },
  ]);
  expect(await order('--diff')).toMatchObject([0, { changed: [{ result: 'done' }, { result: 'done' }] }]);
  expect(market.live.map(({ price }) => price)).toEqual([2.05, 2.05]);
}, 60_000);

it('refuses a journal that is damaged, or of another account', async () => {
  await order();
  const path = join(dir, 'state', 'journal.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"my_user_id":"77"', '"my_user_id":"78"'));
  expect((await order())[0]).toBe(1);
  expect(err).toMatch(/of the account 78, and this key is of 77/);
  await writeFile(path, text.slice(0, 100));
  expect((await order())[0]).toBe(1);
  expect(err).toMatch(/journal\.json cannot be read/);
  expect(market.orders).toHaveLength(2);
}, 60_000);

it('says that the key is refused, without repeating it', async () => {
  market.behaviours = ['code_3'];
  expect((await order())[0]).toBe(1);
  expect(err).toMatch(/does not take the key/);
  expect(err).not.toContain(KEY);
});

it('takes no snapshot of the user’s with --submit', async () => {
  expect((await order('--snapshot', 'x'))[0]).toBe(64);
  expect(err).toMatch(/--submit asks the API/);
});
