// npm run chaos: kills a mining worker, and all that it depends on, at random moments and at every step of its start, and checks
// after each trial that it came back by itself and did nothing that it must not do.
//
//   a trial     one or more faults, drawn from the seed; then the worker must mine again: accepted shares in the pool's books,
//               one miner, one Node. The time is from the end of the last fault (or the restart) to those shares.
//   after each  never two miners at a moment; no wrong bytes run, or kept as an artefact; no heap of temporary files.
//   a series    ten trials on one disk. At its end, after TERM: no process left; every report that was ever spooled is at the
//               collector once; its accepted shares are at most the pool's, and all of those in the windows that were reported.
//   Ctrl+C      ends after the trial that runs, and shows what there is.
//   exit code   0 without a violation, 1 with one, or when the bench itself broke.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { messageOf } from '../../platform/errors.ts';
import { runForOutput } from '../../platform/process.ts';
import { LAB_BASE_IMAGE } from '../lab/docker.ts';
import { startCollectorProcess, type CollectorProcess } from '../rig/collector-process.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';
import { dockerBox, treeBox, type BoxOptions } from './box.ts';
import { buildChaosRelease } from './chaos-release.ts';
import { startChaosMirror } from './mirror.ts';
import { describePlan, KINDS, planTrial, type Kind, type Plan } from './plan.ts';
import { Series, type Surroundings, type TrialResult } from './series.ts';
import { mountSmallDisk, unmount } from './small-disk.ts';
import { stepsOf, tableOf } from './table.ts';

const HELP = `npm run chaos -- [options]: kills, cuts and starves a worker, and checks that it heals

  --trials N       how many (default 40)
  --seed S         a number; the same seed gives the same faults (default: a new one, which is printed)
  --only KIND      one kind of fault: ${KINDS.join(', ')}
  --only-trial K   trial K of this seed alone (with the other options as they were)
  --docker         in containers, or not at all
  --no-docker      as a process tree, also where there is Docker
  --json FILE      write all results there too
  --help           this text

The last line is "N trials, N violations". Exit code 1 on any violation.`;

const SERIES_TRIALS = 10;
/** About four shares a second at the miner's pace. */
const SHARE_DIFFICULTY = 1.2e-6;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    trials: { type: 'string', default: '40' },
    seed: { type: 'string' },
    only: { type: 'string' },
    'only-trial': { type: 'string' },
    docker: { type: 'boolean' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** What did not hold, and how to see it again. `trial` is null where it shows only in the books of a series. */
interface Violation {
  trials: number[];
  text: string;
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not a whole number`);
  return Number(text);
}

function kindOf(text: string | undefined): Kind | null {
  if (text === undefined) return null;
  const kind = KINDS.find((k) => k === text);
  if (kind === undefined) throw new Error(`--only: there is no "${text}"; there are ${KINDS.join(', ')}`);
  return kind;
}

/** Whether to use containers; says why not where nobody asked for a tree. */
async function useDocker(): Promise<boolean> {
  if (values.docker === false) return false;
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' };
  const argv = ['docker', 'image', 'inspect', LAB_BASE_IMAGE];
  const { code } = await runForOutput({ argv, env, timeoutMs: 20_000, maxBytes: 1000 });
  if (code === 0) return true;
  if (values.docker === true)
    throw new Error(`no Docker engine here that has ${LAB_BASE_IMAGE} (npm run lab makes it)`);
  console.log(`a process tree, since no Docker engine here has ${LAB_BASE_IMAGE} (npm run lab makes it)`);
  return false;
}

async function chaos(): Promise<void> {
  const only = kindOf(values.only);
  const seed = values.seed === undefined ? randomInt(1_000_000) : wholeNumber('seed', values.seed);
  const one = values['only-trial'];
  const trials = one === undefined ? wholeNumber('trials', values.trials) : 1;
  const first = one === undefined ? 0 : wholeNumber('only-trial', one);
  const plans = Array.from({ length: trials }, (_, i) => planTrial(seed, first + i, only));
  const isDocker = await useDocker();
  const how = [`--seed ${seed}`, only === null ? '' : `--only ${only}`, isDocker ? '--docker' : '--no-docker'];
  const again = how.filter((word) => word !== '').join(' ');
  console.log(`${trials} trials: npm run chaos -- ${again} --trials ${trials}`);

  // Outside the repository, whose package.json would make the miner's file an ES module.
  const workDir = await mkdtemp(join(tmpdir(), 'spotrig-chaos-'));
  const stops: (() => Promise<void>)[] = [];
  const results: TrialResult[] = [];
  const violations: Violation[] = [];
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ended.abort(new Error(signal)));
  try {
    const surroundings = await startSurroundings(workDir, stops);
    for (let at = 0; at < plans.length && !ended.signal.aborted; at += SERIES_TRIALS) {
      const number = at / SERIES_TRIALS;
      await runSeries({
        ...{
          plans: plans.slice(at, at + SERIES_TRIALS),
          number,
          isDocker,
          workDir,
          surroundings,
          signal: ended.signal,
        },
        ...{ results, violations },
      });
    }
    if (violations.length === 0) await rm(workDir, { recursive: true, force: true });
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }

  console.log(`\n${tableOf(results)}\n${stepsOf(results)}`);
  for (const { text, trials: of } of violations) {
    console.log(`\nviolation: ${text}`);
    for (const trial of of) console.log(`  again: npm run chaos -- ${again} --only-trial ${trial}`);
  }
  if (violations.length > 0) console.log(`\nwhat the containers printed is in ${workDir}`);
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ seed, isDocker, results, violations }, null, 2)}\n`);
  }
  const done = results.filter((r) => r.skipped === null).length;
  const skipped = results.length - done;
  console.log(`\n${done} trials, ${violations.length} violations${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  if (violations.length > 0) process.exitCode = 1;
}

/** Collector, pool and mirror for all series. */
async function startSurroundings(workDir: string, stops: (() => Promise<void>)[]): Promise<World> {
  const release = await buildChaosRelease(join(workDir, 'release'), (line) => console.log(`build: ${line}`));
  const mirror = await startChaosMirror(release);
  stops.push(() => mirror.close());
  const pool = await startSha256dPool({ startDifficulty: SHARE_DIFFICULTY, vardiff: false });
  stops.push(() => pool.close());
  const dataDir = join(workDir, 'collector');
  const options = { dataDir, releaseDir: release.dir, pageDir: join(release.dir, 'page') };
  let process: CollectorProcess = await startCollectorProcess({ port: 0, ...options });
  stops.push(() => process.stop());
  const port = Number(new URL(process.url).port);
  return {
    ...{ release, mirror, poolUrl: pool.url, collectorUrl: process.url },
    accepted: () => Object.values(pool.stats().workers).reduce((sum, w) => sum + w.accepted, 0),
    dropPoolConnections: () => pool.dropConnections(),
    collector: {
      dataDir,
      kill: () => process.kill(),
      start: async () => {
        process = await startCollectorProcess({ port, ...options });
      },
    },
  };
}

type World = Surroundings & { poolUrl: string; collectorUrl: string };

async function runSeries(o: {
  plans: readonly Plan[];
  number: number;
  isDocker: boolean;
  workDir: string;
  surroundings: World;
  signal: AbortSignal;
  results: TrialResult[];
  violations: Violation[];
}): Promise<void> {
  const { surroundings: s } = o;
  const worker = `chaos-${o.number}`;
  const dir = join(o.workDir, worker);
  await mkdir(dir, { recursive: true });
  const canFill = await mountSmallDisk(dir);
  const keys = await loadKeys(s.collector.dataDir);
  const boxOptions: BoxOptions = {
    ...{ name: `spotrig-${worker}-${process.pid}`, dir, logPath: join(o.workDir, `${worker}.log`) },
    entrypointUrl: `${s.mirror.url}/entrypoint.sh`,
    env: {
      WORKER_NAME: worker,
      SPOTRIG_COLLECTOR: s.collectorUrl,
      SPOTRIG_TOKEN: mintToken(keys, { worker, expires_s: Math.floor(Date.now() / 1000) + 86_400 }),
      SPOTRIG_MINER: 't-rex',
      SPOTRIG_ALGO: 'sha256d',
      SPOTRIG_POOLS: s.poolUrl,
      SPOTRIG_WALLET: 'practice-wallet',
    },
  };
  const box = o.isDocker ? dockerBox(boxOptions) : treeBox(boxOptions);
  const series = new Series({ box, worker, surroundings: s, canFill });
  try {
    await series.boot();
    for (const plan of o.plans) {
      if (o.signal.aborted) break;
      const result = await series.trial(plan);
      o.results.push(result);
      o.violations.push(...result.violations.map((text) => ({ trials: [plan.trial], text })));
      const time = result.seconds === null ? 'never' : `${result.seconds.toFixed(1)} s`;
      console.log(
        `${String(plan.trial).padStart(4)}  ${(result.skipped === null ? time : 'skipped').padStart(7)}  ${describePlan(plan)}` +
          (result.skipped === null ? '' : ` (${result.skipped})`),
      );
      for (const text of result.violations) console.log(`      VIOLATION ${text}`);
      if (result.seconds === null) break;
    }
    const trials = o.plans.map((p) => p.trial);
    for (const text of await series.finish()) {
      o.violations.push({ trials, text: `${worker}: ${text}` });
      console.log(`      VIOLATION in the books of the series: ${text}`);
    }
  } finally {
    await series.close();
    if (canFill) await unmount(dir);
  }
}

if (values.help) {
  console.log(HELP);
} else {
  try {
    await chaos();
  } catch (error) {
    console.error(`chaos: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
