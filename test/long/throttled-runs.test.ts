// What the share meter proves of real miners whose true rate is known, whatever they claim.
import { afterEach, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { startRelay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';
import { startCryptonotePool } from '../rig/cryptonote-pool.ts';
import { runMiner } from '../rig/run-miner.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';

/** From the miner’s start; at a share in 60 ms, some fifty to a hundred shares. */
const RUN_MS = 7000;
const SHARE_MS = 60;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((clean) => clean()));
});

interface Run {
  dialect: 'bitcoin' | 'cryptonote';
  throttle_hs: number;
  inflate: number;
}

interface Measured {
  true_hs: number;
  claimed_hs: number;
  low_hs: number;
  high_hs: number;
  shares: number;
}

/** Twelve miners from 5,000 to 16,000 H/s in both dialects; the honest ones are in the minority. */
const RUNS: Run[] = Array.from({ length: 12 }, (_, i) => ({
  dialect: i % 2 === 0 ? 'bitcoin' : 'cryptonote',
  throttle_hs: 5000 + i * 1000,
  inflate: [1, 3, 0.2][i % 3] ?? 1,
}));

/** One miner at a pool with variable difficulty through the relay; the difficulty begins too high and finds its place. */
async function measure({ dialect, throttle_hs, inflate }: Run): Promise<Measured> {
  const pool = await (dialect === 'bitcoin'
    ? startSha256dPool({ targetShareMs: SHARE_MS, startDifficulty: 5e-7 })
    : startCryptonotePool({ targetShareMs: SHARE_MS, startHashes: 2000, algo: 'practice-sha256d' }));
  cleanups.push(() => pool.close());
  const parsed = parsePoolUrl(pool.url);
  if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
  const meter = new ShareMeter(realClock);
  const common = { listenHost: '127.0.0.1', listenPort: 0, clock: realClock, logger: silentLogger } as const;
  const relay = await startRelay({ ...common, endpoints: [parsed.pool], meter, onEvent: () => undefined });
  cleanups.push(() => relay.close());
  // It ends by time, not by the number of shares: to stop when enough have come would favour the lucky. And it ends hashing before
  // anything is compared, or shares still on their way would count as hashes and not as shares.
  const miner = await runMiner({ port: relay.port, dialect, throttle_hs, inflate, stallAfterMs: RUN_MS });
  cleanups.push(() => miner.stop());
  await expect.poll(() => meter.totals().accepted_total, { timeout: 30_000, interval: 50 }).toBeGreaterThan(0);
  let [hashes, claimed_hs] = [0, 0];
  for (let before = -1; hashes !== before;) {
    before = hashes;
    await realClock.sleep(500);
    claimed_hs = Math.max(claimed_hs, await miner.claimed_hs());
    ({ hashes } = await miner.truth());
  }
  const accepted = (): number => Object.values(pool.stats().workers).reduce((sum, book) => sum + book.accepted, 0);
  for (let calm = 0; calm < 5; calm += 1) {
    const before = accepted();
    await realClock.sleep(100);
    if (accepted() !== before || meter.totals().accepted_total !== before) calm = -1;
  }
  const { window_ms, low_hs, high_hs } = meter.delivered(600_000);
  if (window_ms === null || low_hs === null || high_hs === null) throw new Error('the meter knows no rate');
  await miner.stop();
  // Hashes and shares are of the same time, so its length does not matter.
  return { true_hs: (hashes * 1000) / window_ms, claimed_hs, low_hs, high_hs, shares: meter.totals().accepted_total };
}

const isInside = ({ low_hs, high_hs }: Measured, rate_hs: number): boolean => low_hs <= rate_hs && rate_hs <= high_hs;

it('has the true rate of each of twelve throttled miners inside its 99.9 % interval, and the lies outside', async () => {
  const measured = await Promise.all(RUNS.map(measure));
  for (const [i, run] of RUNS.entries()) {
    let found = measured[i];
    if (found === undefined) throw new Error('a run is missing');
    if (!isInside(found, found.true_hs)) {
      // Chance alone does this to one of a thousand runs. It does it to no run twice.
      console.warn(`outside its interval, measured again: ${JSON.stringify({ ...run, ...found })}`);
      found = await measure(run);
    }
    const told = JSON.stringify({ ...run, ...found });
    expect(found.shares, told).toBeGreaterThan(10);
    expect(isInside(found, found.true_hs), told).toBe(true);
    if (run.inflate !== 1) expect(isInside(found, found.claimed_hs), told).toBe(false);
  }
});
