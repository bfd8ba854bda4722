// The size check of a 2 GB image: time against unpacking and hashing the same layers, against `docker save | sha256sum`, against
// dive, and memory (design section 8: at most 1.3 times, at most 120 MB).
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { which } from 'zx';
import { ROOT } from '../../scripts/release/release.ts';
import { type ImageFixture, imageFixture } from './image-fixture.ts';
import { type Bench, type Findings, type Measurement, type Row, atMost, plain } from './measurement.ts';
import { median } from './statistics.ts';

const SPOTRIG = join(ROOT, 'bin/spotrig.js');
const FLOOR = resolve(import.meta.dirname, 'image-floor.ts');
const BYTES = 2_000_000_000;
const QUICK_BYTES = 200_000_000;
const ROUNDS = 3;
const RATIO_MAX = 1.3;
const RSS_MAX_BYTES = 120_000_000;
const POLL_MS = 10;
const TAG = 'spotrig-bench/image-check:1';
const DIVE = 'github.com/wagoodman/dive@v0.13.1';

export const imageCheck: Measurement = { name: 'image', about: 'size check of a 2 GB image', run };

/** Whole processes, the two sides in turn: what else the machine does then hits both alike. */
async function run(bench: Bench): Promise<Findings> {
  bench.say('makes the image');
  const fixture = await imageFixture(bench.workDir, TAG, bench.quick ? QUICK_BYTES : BYTES);
  const rows: Row[] = [];
  const values: Findings['values'] = { layer_bytes: fixture.bytes };
  const add = (found: Findings): void => {
    rows.push(...found.rows);
    Object.assign(values, found.values);
  };
  add(await against(bench, 'plain', check(fixture.archive), [process.execPath, FLOOR, ...fixture.plain]));
  add(await against(bench, 'gzip', check(fixture.layout), [process.execPath, FLOOR, ...fixture.gzip]));
  add(await fromEngine(bench, fixture));
  add(await againstDive(bench, fixture));
  return { rows, values };
}

/** The command as its users call it; a limit that lets the image pass. */
function check(source: string): string[] {
  return [process.execPath, SPOTRIG, 'image', 'check', '--json', '--limit', '9GB', source];
}

async function against(bench: Bench, what: string, ours: string[], floor: string[]): Promise<Findings> {
  const rounds = await inTurn(bench, what, ours, floor);
  const rss_bytes = Math.max(...rounds.map((round) => round.ours.rss_bytes));
  const mb = `${(rss_bytes / 1e6).toFixed(0)} MB`;
  return {
    rows: [
      atMost(
        `image check, ${what} layers`,
        ms(rounds.map((r) => r.ours.ms)),
        `unpack and hash: ${ms(rounds.map((r) => r.other.ms))}`,
        ratioOf(rounds),
        RATIO_MAX,
      ),
      {
        ...plain(`image check, ${what} layers, memory`, mb),
        ...{ budget: `≤ ${RSS_MAX_BYTES / 1e6} MB`, isOk: rss_bytes <= RSS_MAX_BYTES },
      },
    ],
    values: { [what]: rounds },
  };
}

/** Needs a Docker engine, which keeps the image for as long as this takes. */
async function fromEngine(bench: Bench, { archive }: ImageFixture): Promise<Findings> {
  if ((await execa('docker', ['info'], { reject: false })).exitCode !== 0) {
    return { rows: [plain('image check, from the engine', 'no Docker engine here')], values: {} };
  }
  bench.say('loads it into the engine');
  await execa('docker', ['load', '-q', '-i', archive]);
  try {
    const save = ['sh', '-c', `docker save ${TAG} | sha256sum`];
    const rounds = await inTurn(bench, 'from the engine', check(TAG), save, 1);
    const rss_bytes = Math.max(...rounds.map((round) => round.ours.rss_bytes));
    return {
      rows: [
        {
          ...plain('image check, from the engine', ms(rounds.map((r) => r.ours.ms))),
          ...{ against: `docker save | sha256sum: ${ms(rounds.map((r) => r.other.ms))}`, ratio: ratioOf(rounds) },
        },
        {
          ...plain('image check, from the engine, memory', `${(rss_bytes / 1e6).toFixed(0)} MB`),
          ...{ budget: `≤ ${RSS_MAX_BYTES / 1e6} MB`, isOk: rss_bytes <= RSS_MAX_BYTES },
        },
      ],
      values: { engine: rounds },
    };
  } finally {
    await execa('docker', ['rmi', '-f', TAG], { reject: false });
  }
}

/** Another tool that looks at an image's size. It keeps no limit and verifies no digest. */
async function againstDive(bench: Bench, { archive }: ImageFixture): Promise<Findings> {
  const dive = await diveProgram(bench);
  if (dive === null) return { rows: [plain('image check, against dive', 'dive cannot be had here')], values: {} };
  const rounds = await inTurn(bench, 'dive', check(archive), [dive, '--source', 'docker-archive', '--ci', archive]);
  const rss = (side: 'ours' | 'other'): string =>
    `${(Math.max(...rounds.map((r) => r[side].rss_bytes)) / 1e6).toFixed(0)} MB`;
  return {
    rows: [
      {
        ...plain('image check, plain layers', `${ms(rounds.map((r) => r.ours.ms))}, ${rss('ours')}`),
        ...{ against: `dive 0.13.1: ${ms(rounds.map((r) => r.other.ms))}, ${rss('other')}`, ratio: ratioOf(rounds) },
      },
    ],
    values: { dive: rounds },
  };
}

/** Built once, and kept; null where there is no go, or nothing to build it from. */
async function diveProgram(bench: Bench): Promise<string | null> {
  const dir = join(ROOT, '.cache/dive', DIVE.slice(DIVE.indexOf('@') + 1));
  const program = join(dir, 'dive');
  if (existsSync(program)) return program;
  if ((await which('go', { nothrow: true })) === null) return null;
  bench.say('builds dive');
  await mkdir(dir, { recursive: true });
  const built = await execa('go', ['install', DIVE], { env: { GOBIN: dir, GOTOOLCHAIN: 'local' }, reject: false });
  return built.exitCode === 0 ? program : null;
}

interface Cost {
  ms: number;
  /** Highest resident memory of the process itself. */
  rss_bytes: number;
}

async function inTurn(
  bench: Bench,
  what: string,
  ours: string[],
  other: string[],
  wanted = ROUNDS,
): Promise<{ ours: Cost; other: Cost }[]> {
  const rounds: { ours: Cost; other: Cost }[] = [];
  // The first round warms the disk's cache up.
  for (let round = 0; round <= wanted; round++) {
    bench.signal.throwIfAborted();
    const costs = { ours: await costOf(ours), other: await costOf(other) };
    if (round > 0) rounds.push(costs);
  }
  bench.say(`${what}: ${ratioOf(rounds).toFixed(2)} in ${wanted} rounds`);
  return rounds;
}

/** Runs a program to its good end. */
async function costOf([file = '', ...args]: string[]): Promise<Cost> {
  const begun = performance.now();
  const child = execa(file, args, { stdin: 'ignore', stdout: 'ignore' });
  let rss_bytes = 0;
  const poll = setInterval(() => {
    void peakOf(child.pid ?? 0).then((bytes) => (rss_bytes = Math.max(rss_bytes, bytes)));
  }, POLL_MS);
  try {
    await child;
  } finally {
    clearInterval(poll);
  }
  return { ms: performance.now() - begun, rss_bytes };
}

/** VmHWM of proc_pid_status(5): the highest so far. 0 when the process is gone. */
async function peakOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

function ms(times: readonly number[]): string {
  return `${median(times).toFixed(0)} ms`;
}

function ratioOf(rounds: readonly { ours: Cost; other: Cost }[]): number {
  return median(rounds.map(({ ours, other }) => ours.ms / other.ms));
}
