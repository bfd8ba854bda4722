// Memory and CPU of the worker side (the head's bash and Node) over ten minutes of real work: relay on, a practice miner that
// hands in about a share a second, polls every 5 s, reports every 15 s to a real collector. Beside it an idle Node of the same
// binary. The miner, the pool and the collector are not counted.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '../../platform/clock.ts';
import { spawnGroup } from '../../platform/process.ts';
import { startFleet, until, type Fleet } from '../rig/fleet.ts';
import { atMost, plain, type Bench, type Findings, type Measurement } from './measurement.ts';
import { cpuMsOf, cpuMsOfAll, memoryOf, memoryOfAll, type Memory } from './process-cost.ts';

const RSS_MAX = 1.8;
const CPU_MAX = 0.005;
const SAMPLE_MS = 10_000;

/** Resident memory and CPU of bash and Node. */
export const footprint: Measurement = { name: 'footprint', about: 'memory and CPU of bash + Node, ten minutes', run };

interface Sample {
  at_s: number;
  worker: Memory;
  node: Memory;
  idle: Memory;
}

async function run(bench: Bench): Promise<Findings> {
  const total_ms = bench.quick ? 30_000 : 600_000;
  const releaseDir = await bench.release();
  const fleet = await startFleet({ releaseDir, minerFlags: ['--practice-throttle-hs', '20000'] });
  try {
    await until('a hashing worker', 60_000, async () => ((await fleet.row())?.state === 'hashing' ? true : null));
    const { head, node } = await pidsOf(fleet.tree.home);
    const argv = [await readlink(`/proc/${node}/exe`), '-e', 'setInterval(() => {}, 1e6)'];
    const idle = spawnGroup({ argv, env: {}, stdout: 'ignore', stderr: 'ignore' });
    try {
      return await watch(bench, fleet, { head, node, idle: idle.pid }, total_ms);
    } finally {
      idle.kill('SIGKILL');
      await idle.exited;
    }
  } finally {
    await fleet.close();
  }
}

async function watch(
  bench: Bench,
  fleet: Fleet,
  { head, node, idle }: { head: number; node: number; idle: number },
  total_ms: number,
): Promise<Findings> {
  const worker = [head, node];
  const samples: Sample[] = [];
  const begun = performance.now();
  const before = { worker: await cpuMsOfAll(worker), accepted: (await fleet.row())?.accepted ?? 0 };
  for (let at = SAMPLE_MS; at <= total_ms; at += SAMPLE_MS) {
    await realClock.sleep(begun + at - performance.now(), bench.signal);
    const [ours, theirs] = [await memoryOfAll(worker), await memoryOf(idle)];
    samples.push({ at_s: at / 1000, worker: ours, node: await memoryOf(node), idle: theirs });
    if (at % 30_000 === 0) bench.say(`${at / 1000} s: RSS ${mb(ours.rss_bytes)}, idle Node ${mb(theirs.rss_bytes)}`);
  }
  const wall_ms = performance.now() - begun;
  const cpu_ms = (await cpuMsOfAll(worker)) - before.worker;
  const row = await fleet.row();
  const accepted = (row?.accepted ?? 0) - before.accepted;
  if (row?.state !== 'hashing' || accepted <= 0) throw new Error('the worker did not hash all the time');

  const last = samples.at(-1);
  if (last === undefined) throw new Error('no sample');
  const max = Math.max(...samples.map((s) => s.worker.rss_bytes));
  const share = cpu_ms / wall_ms;
  const parts = `bash ${mb(last.worker.rss_bytes - last.node.rss_bytes)} + Node ${mb(last.node.rss_bytes)}`;
  const idleText = (bytes: number): string => `idle Node: ${mb(bytes)}`;
  const { rss_bytes, pss_bytes } = last.idle;
  return {
    rows: [
      atMost(`RSS after ${last.at_s} s`, `${mb(last.worker.rss_bytes)} (${parts})`, idleText(rss_bytes), last.worker.rss_bytes / rss_bytes, RSS_MAX),
      { ...plain('RSS, maximum', mb(max), idleText(rss_bytes)), ratio: max / rss_bytes },
      { ...plain('PSS at the end', mb(last.worker.pss_bytes), idleText(pss_bytes)), ratio: last.worker.pss_bytes / pss_bytes },
      {
        what: 'CPU of bash + Node',
        measured: `${(share * 100).toFixed(2)} % (${(cpu_ms / 1000).toFixed(2)} s, ${accepted} shares)`,
        against: `one core; idle Node: ${((await cpuMsOf(idle)) / 1000).toFixed(2)} s`,
        ratio: share,
        budget: `≤ ${CPU_MAX * 100} %`,
        isOk: share <= CPU_MAX,
      },
    ], // prettier-ignore
    values: { samples, cpu_ms, wall_ms, accepted_shares: accepted },
  };
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The head by its lock, Node by what the head wrote down: each is `pid start`. */
export async function pidsOf(home: string): Promise<{ head: number; node: number }> {
  const run = join(home, 'run');
  const lock = (await readdir(run)).filter((name) => name.startsWith('lock.')).toSorted().at(-1); // prettier-ignore
  if (lock === undefined) throw new Error('the head has no lock');
  const head = Number.parseInt(await readlink(join(run, lock)), 10);
  return { head, node: Number.parseInt(await readFile(join(run, 'node'), 'utf8'), 10) };
}
