// The judge over real machines: collector, practice pool and two built workers as processes of their own. One miner hashes honestly; the
// other delivers 60 % of what was promised and claims all of it. Beside them the pool's API tells what it credits, mostly wrongly.
import { expect, inject, it } from 'vitest';
import { MachinesAnswer, type MachineRow } from '../../wire/machine-api.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { FakePoolApi, type PoolApiMode } from '../fakes/pool-api.ts';
import { getJson, startFleet, until } from '../rig/fleet.ts';

/** Two shares a second at this rate; a busy machine gives a hundred times as many hashes. */
const PROMISED_HS = 8000;
const SHARE_HASHES = 4000;
const SHARE_MS = 500;
const THROTTLED = 0.6;
/** What a busy machine takes from an honest miner is made up for when it gets its turn. */
const CATCH_UP = ['--practice-catch-up-ms', '10000'];

const HONEST = 'rig-honest';
const LIAR = 'rig-throttled';
const LIMIT_MS = 900_000;
/** Its miner must run for three minutes before its shares count, and the answers of the pool's API come each 30 to 60 s. */
const VERDICTS_WITHIN_MS = 600_000;
const CALM_MS = 60_000;

interface Answer {
  mode?: PoolApiMode;
  /** What it credits; by default the truth. */
  rates?: Record<string, unknown>;
  lag_ms?: number;
}
const CREDITS: Record<string, number> = { [HONEST]: PROMISED_HS, [LIAR]: PROMISED_HS * THROTTLED };
/** After an answer that is none the collector waits longer; so there is one between two of them that can be read. */
const ANSWERS: readonly Answer[] = [
  {},
  { mode: 'html' },
  { rates: { [HONEST]: '8 kH/s', [LIAR]: String(PROMISED_HS) } },
  { mode: 'not_json' },
  { mode: 'empty_list' },
  { mode: 'unknown_account' },
  { rates: {} },
  { mode: 'hang' },
  { lag_ms: 7_200_000 },
];

it(
  'a miner throttled to 60 % that claims all is found, an honest one beside it is kept, whatever the pool’s API says',
  { timeout: LIMIT_MS + 120_000 },
  async ({ onTestFinished }) => {
    const api = await FakePoolApi.start();
    onTestFinished(() => api.close());
    api.beforeAnswer = (asked) => {
      const { mode = 'honest', rates = CREDITS, lag_ms = 60_000 } = ANSWERS[asked - 1] ?? {};
      Object.assign(api, { mode, rates, created_ms: Date.now() - lag_ms });
    };
    const flags = (share: number) => [
      ...['--practice-throttle-hs', String(PROMISED_HS * share), '--practice-inflate', String(1 / share)],
      ...CATCH_UP,
    ];
    const fleet = await startFleet({
      ...{ releaseDir: inject('releaseDir'), warm: true, worker: HONEST, minerFlags: flags(1) },
      poolOptions: { targetShareMs: SHARE_MS, startDifficulty: SHARE_HASHES / 2 ** 32 },
      config: [
        ...['[[expect]]', 'model = "Practice GPU"', 'algo = "sha256d"', `rate_hs = ${PROMISED_HS}`, 'spread = 0.15'],
        ...['[[pool_api]]', 'name = "practice"', 'form = "miningcore"', `url = "${api.url}"`],
        ...['hosts = ["127.0.0.1"]', 'every_s = 30', ''],
      ].join('\n'),
    });
    onTestFinished(() => fleet.close(), 120_000);
    const url = fleet.collector.url;
    const registered = await fetch(`${url}/api/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([order(HONEST, 1), order(LIAR, 2)]),
    });
    expect(await registered.json()).toEqual({ taken: 2 });
    await fleet.addWorker(LIAR, flags(THROTTLED));

    const told = new Set<string>();
    const rows = async (): Promise<Map<string, MachineRow>> => {
      const { machines } = MachinesAnswer.parse(await getJson(`${url}/api/v1/machines`));
      for (const { verdicts } of machines) for (const { verdict } of verdicts) told.add(verdict);
      return new Map(machines.map((row) => [row.worker, row]));
    };
    const bad = await until('both verdicts of the throttled miner', VERDICTS_WITHIN_MS, async () => {
      const found = (await rows()).get(LIAR);
      // Before they are sure they are told as suspicions.
      const sure = found?.verdicts.filter(({ confidence }) => confidence >= 0.99).map(({ verdict }) => verdict) ?? [];
      return found !== undefined && sure.includes('slow_delivered') && sure.includes('claims_too_much') ? found : null;
    });
    const good = (await rows()).get(HONEST);
    console.log([good, bad].map(inWords).join('\n'));
    // Slow, and claiming otherwise: that is no sick card.
    expect(bad).toMatchObject({ advice: 'blacklist', against_host: true, expected: { source: 'own' } });
    const [slow, claims] = (['slow_delivered', 'claims_too_much'] as const).map((name) =>
      bad.verdicts.find(({ verdict }) => verdict === name),
    );
    expect(slow).toMatchObject({ confidence: 0.99, blame: 'host' });
    expect(claims).toMatchObject({ confidence: 0.99, blame: 'host' });
    expect(bad.delivered_hs).toBeLessThan(0.85 * PROMISED_HS);
    expect(bad.claimed_hs).toBeGreaterThan(0.9 * PROMISED_HS);
    expect(good, inWords(good)).toMatchObject({ advice: 'keep', because: [], against_host: false });

    const later = await until('the honest one a minute later', LIMIT_MS, async () => {
      const row = (await rows()).get(HONEST);
      return row !== undefined && Date.parse(row.at) >= Date.parse(bad.at) + CALM_MS ? row : null;
    });
    console.log(inWords(later));
    expect(later, inWords(later)).toMatchObject({ advice: 'keep', because: [], against_host: false });
    // What its shares prove leaves room for all that was promised.
    expect(later.delivered_high_hs).toBeGreaterThan(0.9 * PROMISED_HS);

    // The story of the API's answers to its end, and the truth after it.
    await until('a true answer after all the others', LIMIT_MS, async () => {
      if (api.asked <= ANSWERS.length) return null;
      const now = await rows();
      return [...now.values()].every(({ worker, pool }) => pool?.pool_hs === CREDITS[worker]) ? true : null;
    });
    expect(told).not.toContain('not_at_pool');
  },
);

function order(worker: string, server: number): OrderRegistration {
  return {
    ...{ server, host: `host-of-${worker}`, worker, bid_clore_day: 10, order_id: server },
    ...{ placed_at: new Date().toISOString(), ended_at: null },
    ...{ expect: [{ model: 'Practice GPU', count: 1 }], power_limits_w: [0] },
  };
}

function inWords(row: MachineRow | undefined): string {
  if (row === undefined) return 'no row';
  const { worker, advice, claimed_hs, delivered_hs, delivered_low_hs, delivered_high_hs, verdicts } = row;
  const rates = { claimed_hs, delivered_hs, delivered_low_hs, delivered_high_hs };
  return `${worker}: ${advice} ${JSON.stringify(rates)} ${JSON.stringify(verdicts)}`;
}
