// The main job, end to end, with real processes: the built single file under the contract, the practice miner and pool, the
// collector. What an owner would see is asked for over the reader's API.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import * as z from 'zod/mini';
import { DatabaseSync } from 'node:sqlite';
import { WorkerRow } from '../../wire/api.ts';
import { SharesRecord } from '../../wire/records.ts';
import { openSpool } from '../../reporter/spool/spool.ts';
import { findMarked, isAlive } from '../../platform/process.ts';
import { MARKER } from '../../entrypoint/supervise/marker.ts';
import { killNodeOften } from '../rig/node-kills.ts';
import { getJson, startFleet, until, type Fleet, type FleetOptions } from '../rig/fleet.ts';

/** Runs a test with a fleet of its own, slow enough that all of them together leave the machine usable; warm, unless it says otherwise. */
function withFleet(o: Omit<FleetOptions, 'releaseDir'>, test: (fleet: Fleet) => Promise<void>): () => Promise<void> {
  return async () => {
    const minerFlags = ['--practice-throttle-hs', '30000', ...(o.minerFlags ?? [])];
    const fleet = await startFleet({ releaseDir: inject('releaseDir'), warm: true, ...o, minerFlags });
    try {
      await test(fleet);
    } finally {
      await fleet.close();
    }
  };
}

const Truth = z.object({ true_hs: z.number() });

const ROW_FIELDS = [
  ...['id', 'state', 'last_seen_at', 'boot', 'miner', 'algo', 'pool', 'claimed_hs', 'delivered_hs', 'delivered_low_hs'],
  ...['delivered_high_hs', 'accepted', 'rejected', 'unanswered', 'power_w', 'gpus'],
];

function hashing(f: Fleet, minAccepted = 1): Promise<WorkerRow> {
  return until('a hashing row with accepted shares', 60_000, async () => {
    const row = await f.row();
    return row?.state === 'hashing' && row.accepted >= minAccepted && row.delivered_hs !== null ? row : null;
  });
}

/** What the collector stored, straight from its database. */
function stored(f: Fleet): { reports: { boot: string; seq: number }[]; shares: Map<string, SharesRecord[]> } {
  const db = new DatabaseSync(join(f.dir, 'collector', 'collector.sqlite'), { readOnly: true });
  try {
    const reports = db.prepare('SELECT boot, seq FROM reports JOIN boots USING (boot_no) ORDER BY boot, seq').all();
    const rows = db.prepare(
      "SELECT boot, body FROM records JOIN boots USING (boot_no) WHERE kind = 'shares' ORDER BY record_id",
    );
    const shares = new Map<string, SharesRecord[]>();
    for (const { body, boot } of rows.all()) {
      const of = shares.get(String(boot)) ?? [];
      of.push(SharesRecord.parse(JSON.parse(String(body))));
      shares.set(String(boot), of);
    }
    return { reports: reports.map((r) => ({ boot: String(r['boot']), seq: Number(r['seq']) })), shares };
  } finally {
    db.close();
  }
}

it.concurrent(
  'shows a hashing worker with what it claims and what its shares prove',
  // Many shares, so that the first reports can tell.
  withFleet(
    {
      minerFlags: ['--practice-inflate', '2'],
      poolOptions: { targetShareMs: 250, startDifficulty: 2e-6 },
      warm: false,
    },
    async (f) => {
      const first = await hashing(f);
      for (const field of ROW_FIELDS) expect(first, field).toHaveProperty(field);
      expect(WorkerRow.safeParse(first).success).toBe(true);
      expect(first).toMatchObject({ id: 'rig-1', algo: 'sha256d', rejected: 0, power_w: null, pool: f.pool.url });
      expect(first.boot).toMatch(/^[0-9a-f]{32}$/);

      // With more shares the interval is narrow enough to tell the claim from the truth.
      const row = await until('an interval below the claim', 120_000, async () => {
        const now = await f.row();
        return (now?.delivered_high_hs ?? Infinity) < (now?.claimed_hs ?? 0) ? now : null;
      });
      const [low, middle, high] = [row.delivered_low_hs ?? NaN, row.delivered_hs ?? NaN, row.delivered_high_hs ?? NaN];
      expect(low).toBeLessThanOrEqual(middle);
      expect(middle).toBeLessThanOrEqual(high);
      // What the miner itself knows that it did: it tells the truth on a page of its own.
      const [miner] = await f.tree.miners();
      const api = /127\.0\.0\.1:\d+/.exec(
        (await readFile(`/proc/${miner?.pid}/cmdline`, 'utf8')).split('--api-bind-http')[1] ?? '',
      )?.[0];
      const { true_hs } = Truth.parse(await getJson(`http://${api}/practice/truth`));
      expect(low).toBeLessThan(true_hs);
      expect(high).toBeGreaterThan(true_hs);
      expect(row.claimed_hs).toBeGreaterThan(1.4 * true_hs);
      const log = await readFile(join(f.tree.home, 'log', 'miner.log'), 'utf8');
      expect(log).toContain('Authorized successfully');
    },
  ),
);

it.concurrent(
  'killed with SIGKILL and started again: a new boot, no spooled report lost, none counted twice',
  withFleet({}, async (f) => {
    const before = await hashing(f);
    await f.collector.kill();
    // Reports go to the spool only; the container dies in the middle of that, miner and all.
    const sizes = new Set<number>();
    await until('two more reports in the spool', 60_000, async () => {
      sizes.add(await spoolBytes(f));
      return sizes.size >= 3 ? true : null;
    });
    await f.tree.kill();
    const spool = await openSpool({
      dir: join(f.tree.home, 'spool'),
      boot: before.boot ?? '',
      onLoss: () => undefined,
    });
    const spooled = await spool.peek(1000);
    await spool.close();
    expect(spooled.length).toBeGreaterThanOrEqual(2);
    const acceptedByPool = () => Object.values(f.pool.stats().workers).reduce((sum, w) => sum + w.accepted, 0);
    const atKill = acceptedByPool();
    await f.restartWorker();
    await f.restartCollector();
    const after = await until('a row of the new boot', 60_000, async () => {
      const row = await f.row();
      return row !== null && row.boot !== before.boot && row.state === 'hashing' && row.accepted > 0 ? row : null;
    });
    await f.tree.stop();

    const { reports, shares } = stored(f);
    for (const { boot, seq } of spooled) expect(reports).toContainEqual({ boot, seq });
    const boots = [before.boot ?? '', after.boot ?? ''];
    expect(new Set(reports.map((r) => r.boot))).toEqual(new Set(boots));
    for (const boot of boots) {
      const seqs = reports.filter((r) => r.boot === boot).map((r) => r.seq);
      expect(seqs, 'no gap, none twice').toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
    }
    const accepted = boots.map((boot) => (shares.get(boot) ?? []).reduce((sum, s) => sum + s.accepted, 0));
    const totals = boots.map((boot) => shares.get(boot)?.at(-1)?.accepted_total);
    expect(accepted).toEqual(totals);
    // The pool's own books: nothing was counted that it did not accept, and of the killed boot at most the last window is missing.
    expect(accepted[0]).toBeLessThanOrEqual(atKill);
    expect(accepted[0]).toBeGreaterThan(before.accepted);
    expect(accepted[1]).toBe(acceptedByPool() - atKill);
  }),
);

async function spoolBytes(f: Fleet): Promise<number> {
  const dir = join(f.tree.home, 'spool');
  const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((a, b) => a + b, 0);
}

it.concurrent(
  'stopped with TERM: flushes, stops the miner, and leaves no process',
  withFleet({}, async (f) => {
    await hashing(f);
    const [miner] = await f.tree.miners();
    if (miner === undefined) throw new Error('no miner runs');
    await f.tree.stop();
    expect(await isAlive(miner)).toBe(false);
    expect(await isAlive(f.tree.id)).toBe(false);
    expect((await findMarked(MARKER)).filter((m) => m.id.pid === miner.pid)).toEqual([]);
    expect((await f.events()).map((e) => e.event)).toEqual(
      expect.arrayContaining(['worker_stopping', 'miner_stopped']),
    );
  }),
);

it.concurrent(
  'wrong settings: one list in the container’s output, the same list at the collector, and code 78',
  withFleet(
    {
      env: {
        SPOTRIG_ALGO: 'kaw pow',
        SPOTRIG_POOLS: 'nowhere',
        SPOTRIG_MINER: 'no-such-miner',
        SPOTRIG_RELAY: 'maybe',
        SPOTRIG_POOL: 'a typing error',
      },
    },
    async (f) => {
      const wrong = ['SPOTRIG_ALGO', 'SPOTRIG_POOLS', 'SPOTRIG_MINER', 'SPOTRIG_RELAY', 'SPOTRIG_POOL'];
      const events = await until('the complaints at the collector', 60_000, async () => {
        const refused = (await f.events()).filter((e) => e.event === 'settings_refused');
        return refused.length >= wrong.length ? refused : null;
      });
      for (const name of wrong)
        expect(
          events.filter((e) => e.detail.startsWith(`${name} `)),
          name,
        ).toHaveLength(1);
      const output = await until('the end of Node', 10_000, async () => {
        const text = await readFile(f.tree.outputPath, 'utf8');
        return text.includes('78') ? text : null;
      });
      for (const name of wrong) expect(output).toContain(`- ${name} `);
      expect(await f.tree.miners()).toEqual([]);
    },
  ),
);

for (const mode of ['html', 'truncate', 'hang'] as const) {
  it.concurrent(
    `a miner’s API that answers with ${mode}: null samples and one event, while shares go on`,
    withFleet({ minerFlags: ['--practice-api', mode] }, async (f) => {
      await until('the event', 60_000, async () => {
        return (await f.events()).some((e) => e.event === 'miner_api_bad_answer') ? true : null;
      });
      const row = await until('accepted shares', 30_000, async () => {
        const now = await f.row();
        return now !== null && now.accepted > 0 ? now : null;
      });
      expect(row.claimed_hs).toBeNull();
      expect(row.delivered_hs).toBeGreaterThan(0);
      expect((await f.tree.miners()).length).toBe(1);
    }),
  );
}

it.concurrent(
  'no secret of the order in a log, a report, a command line or an answer',
  withFleet(
    { worker: 'rig-2', poolLogin: 'planted-login-2:planted-pass-1', env: { SPOTRIG_PASSWORD: 'planted-pass-3' } },
    async (f) => {
      await hashing(f);
      const places = new Map<string, string>();
      const note = async (path: string): Promise<void> => void places.set(path, await readFile(path, 'latin1'));
      await note(f.tree.outputPath);
      for (const name of ['log/head.log', 'log/miner.log']) await note(join(f.tree.home, name));
      for (const file of await readdir(join(f.tree.home, 'spool'))) await note(join(f.tree.home, 'spool', file));
      for (const file of await readdir(join(f.dir, 'collector'))) {
        if (file !== 'keys.json') await note(join(f.dir, 'collector', file));
      }
      for (const path of ['workers', `workers/${f.worker}`, 'events']) {
        places.set(path, JSON.stringify(await getJson(`${f.collector.url}/api/v1/${path}`)));
      }
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
        await note(`/proc/${pid}/cmdline`).catch(() => undefined); // it has ended meanwhile
      }
      const logins = Object.keys(f.pool.stats().workers);
      expect(
        logins.some((login) => login.includes('planted-login-2')),
        'the relay logs in with the endpoint’s login',
      ).toBe(true);
      expect(places.size).toBeGreaterThan(10);
      for (const [place, text] of places) {
        for (const secret of [
          f.token,
          f.token.split('.')[4] ?? '',
          'planted-pass-1',
          'planted-login-2',
          'planted-pass-3',
        ]) {
          expect(text.includes(secret), `${place} holds ${secret.slice(0, 9)}…`).toBe(false);
        }
      }
    },
  ),
);

it.concurrent('Node killed twice: the same miner goes on, and its totals are the pool’s', () =>
  killNodeOften(inject('releaseDir'), 2),
);
