// Node is killed again and again while the miner mines: the miner goes on, the next Node takes it over, no share is forgotten.
// A few kills are part of `npm test`, twenty of the lab.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startFleet, until, type Fleet } from './fleet.ts';

/** The head starts Node at once again when it ran for 10 s. */
const RUN_MS = 11_000;

async function nodePid(f: Fleet): Promise<number> {
  return Number((await readFile(join(f.tree.home, 'run', 'node'), 'utf8')).split(' ')[0]);
}

function booked(f: Fleet): { accepted: number; unanswered: number } {
  const books = Object.values(f.pool.stats().workers);
  const sum = (of: (b: (typeof books)[number]) => number): number => books.reduce((total, b) => total + of(b), 0);
  return { accepted: sum((b) => b.accepted), unanswered: sum((b) => b.unanswered) };
}

/** Expects the same miner all along, and totals that are the pool's but for shares whose answer was lost. */
export async function killNodeOften(releaseDir: string, kills: number): Promise<void> {
  const fleet = await startFleet({ releaseDir, minerFlags: ['--practice-throttle-hs', '40000'], warm: true });
  try {
    await until('shares', 60_000, async () => (booked(fleet).accepted > 2 ? true : null));
    const [miner] = await fleet.tree.miners();
    const delays: number[] = [];
    for (let i = 0; i < kills; i++) {
      await new Promise((resolve) => setTimeout(resolve, RUN_MS + i * 37));
      const pid = await nodePid(fleet);
      const before = booked(fleet).accepted;
      const killedAt = performance.now();
      process.kill(pid, 'SIGKILL');
      await until('another share after the kill', 30_000, async () => (booked(fleet).accepted > before ? true : null));
      delays.push(performance.now() - killedAt);
      expect(await nodePid(fleet)).not.toBe(pid);
      expect(await fleet.tree.miners()).toEqual([miner]);
    }
    const sorted = delays.toSorted((a, b) => a - b);
    console.log(
      `from the kill to the next accepted share: median ${Math.round(sorted[sorted.length >> 1] ?? NaN)} ms, most ${Math.round(sorted.at(-1) ?? NaN)} ms`,
    );

    await fleet.tree.stop();
    const row = await until('the last report', 10_000, async () => {
      const now = await fleet.row();
      return now !== null && now.accepted + now.unanswered >= booked(fleet).accepted ? now : null;
    });
    const pool = booked(fleet).accepted;
    expect(row.accepted).toBeLessThanOrEqual(pool);
    expect(row.accepted + row.unanswered).toBeGreaterThanOrEqual(pool);
    const events = (await fleet.events()).map((e) => e.event);
    expect(events.filter((event) => event === 'miner_adopted')).toHaveLength(kills);
    expect(events.filter((event) => event === 'miner_started')).toHaveLength(1);
  } finally {
    await fleet.close();
  }
}
