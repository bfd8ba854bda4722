// The drill of the way out: pools and collector are blocked by the kernel for xmrig and the practice miner, each in a container under
// CLORE's contract, and nothing but frps is left. Shares go on being accepted and reports arrive; when the direct ways are open again, both
// go back. No miner is restarted; the times are printed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { NOTHING_OUTSIDE } from '../../../reporter/net/profile.ts';
import { buildPage } from '../../../scripts/release/page.ts';
import { buildRelease } from '../../../scripts/release/release.ts';
import { EventsAnswer, WorkersAnswer, type WorkerRow } from '../../../wire/api.ts';
import { frpBinaries, frpMissing } from '../../frp/binaries.ts';
import { startGate, type Gate } from '../../frp/gate.ts';
import { writePracticeMinerLauncher } from '../../rig/bundle.ts';
import { startCryptonotePool } from '../../rig/cryptonote-pool.ts';
import { getJson, until } from '../../rig/fleet.ts';
import type { PracticePool } from '../../rig/practice-pool.ts';
import { startSha256dPool } from '../../rig/sha256d-pool.ts';
import {
  PRACTICE_MINER,
  processOf,
  startContractContainer,
  XMRIG,
  type Container,
  type ProcessSearch,
} from '../docker.ts';
import { startLoopbackCensor, type LoopbackCensor } from '../loopback-censor.ts';
import { LAB_RELEASE, startOperator, type Operator } from './operator.ts';

/** The direct ways, in the range that the censor rules. */
const [TO_COLLECTOR, TO_PRACTICE, TO_XMRIG] = ['127.77.0.10', '127.77.0.11', '127.77.0.12'] as const;
const SHARE_MS = 1000;
const SHARE_LIMIT_MS = 180_000;
/** Above the ten minutes after which a pool that failed once is tried again without having measured well. */
const RETURN_LIMIT_MS = 780_000;
/** Nobody else is asked; a tenth of all times, and a run every half minute, so that the way back is found in one, not in twenty. */
const PROBE = { ...NOTHING_OUTSIDE, scale: 0.1, run_min_ms: 200_000, run_max_ms: 300_000, fault_run_min_ms: 100_000 };

/** One miner, its pool, and the direct way there. */
interface Drill {
  worker: string;
  pool: PracticePool;
  direct: Gate;
  directUrl: string;
  exportUrl: string;
  container: Container;
  search: ProcessSearch;
}

const missing = await frpMissing();
const why = missing ?? (process.getuid?.() === 0 ? null : 'root makes the faults');

describe.skipIf(why !== null && process.env['CI'] !== 'true')(`the way out through frps (${why ?? 'real'})`, () => {
  let dir: string;
  let frpc: string;
  let operator: Operator;
  let censor: LoopbackCensor;
  let toCollector: Gate;
  let drills: Drill[];
  const pools: PracticePool[] = [];
  const gates: Gate[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-way-out-'));
    ({ frpc } = await frpBinaries());
    await buildRelease({ out: LAB_RELEASE, xz: 'make', log: (line) => console.log(`build: ${line}`) });
    await buildPage({ out: join(LAB_RELEASE, 'page') });
    censor = await startLoopbackCensor();
    pools.push(
      await startSha256dPool({ targetShareMs: SHARE_MS, startDifficulty: 5e-6 }),
      await startCryptonotePool({ algo: 'rx/0', startHashes: 10, targetShareMs: SHARE_MS }),
    );
    const [practice, cryptonote] = pools as [PracticePool, PracticePool];
    const collectorPort = await freeLoopbackPort();
    const exports = { collector: collectorPort, 'pool-a': practice.port, 'pool-b': cryptonote.port };
    operator = await startOperator({ dir, collectorPort, exports });
    const ways = [
      [collectorPort, TO_COLLECTOR],
      [practice.port, TO_PRACTICE],
      [cryptonote.port, TO_XMRIG],
    ] as const;
    for (const [port, host] of ways) gates.push(await startGate(port, host));
    const [collectorGate, practiceGate, xmrigGate] = gates as [Gate, Gate, Gate];
    toCollector = collectorGate;
    const launcher = await writePracticeMinerLauncher(join(dir, 'miner'), ['--practice-throttle-hs', '20000']);
    drills = await Promise.all([
      startDrill('frp-lab-out-practice', {
        ...{ pool: practice, direct: practiceGate, host: TO_PRACTICE, exported: 'pool-a', search: PRACTICE_MINER },
        env: { SPOTRIG_MINER: `t-rex@${launcher}`, SPOTRIG_ALGO: 'sha256d' },
        mounts: [dirname(launcher), dirname(process.execPath)],
      }),
      startDrill('frp-lab-out-xmrig', {
        ...{ pool: cryptonote, direct: xmrigGate, host: TO_XMRIG, exported: 'pool-b', search: XMRIG },
        env: {
          SPOTRIG_MINER: 'xmrig@/usr/bin/xmrig',
          SPOTRIG_MINER_ARGS: JSON.stringify(['--randomx-mode=light', '--threads=1', '--no-huge-pages']),
          SPOTRIG_ALGO: 'rx/0',
        },
        mounts: [],
      }),
    ]);
  });

  afterAll(async () => {
    await censor?.close();
    for (const { container } of drills ?? []) await container.remove();
    for (const gate of gates) gate.close();
    await operator?.close();
    for (const pool of pools) await pool.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function startDrill(
    worker: string,
    o: Pick<Drill, 'pool' | 'direct' | 'search'> & {
      host: string;
      exported: string;
      env: Record<string, string>;
      mounts: string[];
    },
  ): Promise<Drill> {
    const { pool, direct, search } = o;
    const directUrl = `stratum+tcp://${o.host}:${direct.port}`;
    const exportUrl = `frp+stcp://${o.exported}`;
    const collector = `http://${TO_COLLECTOR}:${toCollector.port}`;
    const container = await startContractContainer({
      name: worker,
      contractPath: resolve('test/contract/delegated-entrypoint.sh'),
      mounts: [dirname(frpc), ...o.mounts],
      env: {
        DELEGATED_ENTRYPOINT: `${collector}/entrypoint.sh`,
        WORKER_NAME: worker,
        SPOTRIG_COLLECTOR: `${collector}, ${collector}#frp=collector`,
        SPOTRIG_TOKEN: operator.tokenOf(worker),
        SPOTRIG_POOLS: `${directUrl} ${exportUrl}`,
        SPOTRIG_WALLET: '4practicewallet',
        SPOTRIG_PROBE: JSON.stringify(PROBE),
        SPOTRIG_FRPC: `frpc@${frpc}`,
        ...operator.order,
        ...o.env,
      },
    });
    return { ...{ worker, pool, direct, search, directUrl, exportUrl, container } };
  }

  async function rowOf({ worker }: Drill): Promise<WorkerRow | null> {
    const { workers } = WorkersAnswer.parse(await getJson(`${operator.collector.url}/api/v1/workers`));
    return workers.find((row) => row.id === worker) ?? null;
  }

  /** Its newest events last. */
  async function eventsOf({ worker }: Drill): Promise<string[]> {
    const { events } = EventsAnswer.parse(await getJson(`${operator.collector.url}/api/v1/events?worker=${worker}`));
    return events.map(({ event, detail }) => `${event}: ${detail}`).toReversed();
  }

  const booked = ({ pool }: Drill): number =>
    Object.values(pool.stats().workers).reduce((sum, book) => sum + book.accepted, 0);

  const hashesAt = (drill: Drill, url: string, limitMs: number): Promise<WorkerRow> =>
    until(`${drill.worker}: a report of shares at ${url}`, limitMs, async () => {
      const row = await rowOf(drill);
      return row?.state === 'hashing' && row.pool === url && row.accepted > 0 ? row : null;
    });

  /** Seconds until it holds for each drill, as a text. */
  async function timed(what: string, ready: (drill: Drill) => Promise<unknown>): Promise<void> {
    const begun = performance.now();
    const times = await Promise.all(
      drills.map(async (drill) => {
        await ready(drill);
        return `${drill.worker} ${((performance.now() - begun) / 1000).toFixed(1)} s`;
      }),
    );
    console.log(`lab: ${what}: ${times.join(', ')}`);
  }

  it('keeps shares and reports going while only frps is left, and goes back', { timeout: 1_200_000 }, async () => {
    for (const drill of drills) await hashesAt(drill, drill.directUrl, SHARE_LIMIT_MS);
    const processes = await Promise.all(drills.map(({ container, search }) => processOf(container, search)));
    for (const drill of drills)
      await until(`${drill.worker}: a tunnel`, 60_000, async () =>
        (await eventsOf(drill)).some((event) => event.startsWith('frp_up')) ? true : null,
      );

    await censor.put('freeze', TO_PRACTICE);
    await censor.put('freeze', TO_XMRIG);
    await censor.put('blackhole', TO_COLLECTOR);
    const before = new Map(drills.map((drill) => [drill.worker, booked(drill)]));
    await Promise.all([
      timed('only frps is left: next accepted share after', (drill) =>
        until(`${drill.worker}: a share through frps`, SHARE_LIMIT_MS, () =>
          Promise.resolve(booked(drill) > (before.get(drill.worker) ?? 0) ? true : null),
        ),
      ),
      timed('only frps is left: the collector knows of it after', (drill) =>
        hashesAt(drill, drill.exportUrl, SHARE_LIMIT_MS),
      ),
    ]);
    for (const drill of drills) {
      const row = await hashesAt(drill, drill.exportUrl, 1000);
      await until(`${drill.worker}: ten more shares, reported`, SHARE_LIMIT_MS, async () => {
        const now = await rowOf(drill);
        return now?.pool === drill.exportUrl && now.accepted >= row.accepted + 10 ? true : null;
      });
      expect((await eventsOf(drill)).filter((event) => event.startsWith('frp_egress_used'))).toHaveLength(2);
    }

    await censor.lift('freeze', TO_PRACTICE);
    await censor.lift('freeze', TO_XMRIG);
    await censor.lift('blackhole', TO_COLLECTOR);
    const left = async (drill: Drill, words: string): Promise<true | null> =>
      (await eventsOf(drill)).some((event) => event.startsWith('frp_egress_left') && event.includes(words))
        ? true
        : null;
    await Promise.all([
      timed('direct ways restored: reports go directly after', (drill) =>
        until(`${drill.worker}: direct reports`, RETURN_LIMIT_MS, () => left(drill, 'reports')),
      ),
      timed('direct ways restored: shares go directly after', async (drill) => {
        await until(`${drill.worker}: at the pool again`, RETURN_LIMIT_MS, () => left(drill, 'miner'));
        await hashesAt(drill, drill.directUrl, SHARE_LIMIT_MS);
      }),
    ]);

    expect(await Promise.all(drills.map(({ container, search }) => processOf(container, search)))).toEqual(processes);
    for (const drill of drills) {
      const row = await hashesAt(drill, drill.directUrl, SHARE_LIMIT_MS);
      const all = booked(drill);
      console.log(`lab: ${drill.worker}: ${row.accepted} accepted, ${row.unanswered} unanswered; pool booked ${all}`);
      expect(row).toMatchObject({ rejected: 0 });
      expect(row.accepted).toBeLessThanOrEqual(all);
      const events = await eventsOf(drill);
      expect(events.filter((event) => event.startsWith('miner_started'))).toHaveLength(1);
    }
  });
});
