// Boots damaged scripts under the contract, each case in a private folder with an empty home, and says what did not hold.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { spawnGroup } from '../../platform/process.ts';
import { HEAD_BYTES, PART_ONE_BYTES } from '../../scripts/release/head.ts';
import { seeded } from '../fakes/random.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { casesOf, damage, type Case, type Form, type Layout } from './damage.ts';

const CONTRACT = resolve(import.meta.dirname, '../contract/delegated-entrypoint.sh');
const RUNTIME = resolve(import.meta.dirname, 'stand-in-runtime.sh');
const TRACE = resolve(import.meta.dirname, 'trace.sh');
const COREUTILS =
  'tail head sha256sum cat tee timeout stat mkdir rm mv chmod sync ln readlink df cp truncate gzip'; // prettier-ignore
const CASE_LIMIT_MS = 30_000;

export interface Violation extends Case {
  what: string;
}

export interface SweepResult {
  cases: number;
  byForm: Record<Form, number>;
  /** Cuts inside part one: they must do nothing at all. */
  silent: number;
  violations: Violation[];
  took_s: number;
}

export interface SweepOptions {
  forms: readonly Form[];
  /** Every so many bytes of the head; 1 is all of them. */
  step: number;
  /** How many offsets of the payload. */
  payload: number;
  seed: number;
  /** Boots at once. */
  parallel: number;
  /** One case alone, to see a violation again. */
  only?: Case;
  /** Changes the script before it is damaged: with a part one that does not check, the sweep must see it. */
  tamper?: (script: Buffer) => Buffer;
  onProgress?: (done: number, all: number) => void;
}

/** Runs a sweep around a release of the real worker, whose Node is a stand-in. */
export async function runSweep(o: SweepOptions): Promise<SweepResult> {
  const begun = performance.now();
  const dir = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'spotrig-sweep-'));
  const bench = await Bench.open(dir, o.tamper ?? ((script) => script));
  try {
    const cases = o.only === undefined ? casesOf(bench.layout, { ...o, random: seeded(o.seed) }) : [o.only];
    const violations: Violation[] = [];
    const queue = cases.entries();
    let silent = 0;
    const lane = async (name: string): Promise<void> => {
      for (const [i, one] of queue) {
        const wrong = await bench.try(one, name, i % 4 === 0 ? 'curl' : 'wget');
        violations.push(...wrong.map((what) => ({ ...one, what })));
        if (one.offset < bench.layout.partOneCode) silent += 1;
        o.onProgress?.(i + 1, cases.length);
      }
    };
    await Promise.all(Array.from({ length: o.parallel }, (_, i) => lane(`lane-${i}`)));
    const byForm: Record<Form, number> = { cut: 0, zeros: 0, flip: 0, poison: 0 };
    for (const { form } of cases) byForm[form] += 1;
    return { cases: cases.length, byForm, silent, violations, took_s: (performance.now() - begun) / 1000 };
  } finally {
    await bench.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** What was run of the script, one entry for each time that bash began to read it: the last line that a command stood in. */
export function linesRun(trace: string): number[] {
  const runs: number[] = [];
  for (const line of trace.split('\n')) {
    if (line === 'start onstart.sh') runs.push(0);
    const at = /^\++ onstart\.sh (\d+) /.exec(line)?.[1];
    if (at !== undefined) runs.push(Math.max(runs.pop() ?? 0, Number(at)));
  }
  return runs;
}

class Bench {
  readonly layout: Layout;
  readonly #dir: string;
  readonly #whole: Buffer;
  readonly #partOneLines: number;
  readonly #headLines: number;
  readonly #artifacts: Map<string, Buffer>;
  readonly #asked = new Map<string, number>();
  readonly #server: Server;

  private constructor(dir: string, whole: Buffer, artifacts: Map<string, Buffer>) {
    this.#dir = dir;
    this.#whole = whole;
    this.#artifacts = artifacts;
    const partOneCode = whole.subarray(0, PART_ONE_BYTES).toString().trimEnd().length;
    this.layout = { partOneCode, partOne: PART_ONE_BYTES, head: HEAD_BYTES, whole: whole.length };
    this.#partOneLines = linesOf(whole.subarray(0, PART_ONE_BYTES));
    this.#headLines = linesOf(whole.subarray(0, HEAD_BYTES));
    // The lane that asks is the first folder of the path.
    this.#server = createServer((request, response) => {
      const [, lane = '', , digest = ''] = (request.url ?? '').split('/');
      this.#asked.set(lane, (this.#asked.get(lane) ?? 0) + 1);
      const bytes = this.#artifacts.get(digest);
      response.writeHead(bytes === undefined ? 404 : 200, { 'content-length': bytes?.length ?? 0 }).end(bytes);
    });
  }

  static async open(dir: string, tamper: (script: Buffer) => Buffer): Promise<Bench> {
    const dist = join(dir, 'dist');
    await writeFile(join(dir, 'release.toml'), 'mirrors = []\nnode_flags = []\n');
    await buildRelease({
      out: dist,
      xz: 'off',
      log: () => undefined,
      settingsPath: join(dir, 'release.toml'),
      runtimePath: RUNTIME,
      cacheDir: join(dir, 'cache'),
    });
    const names = readdirSync(join(dist, 'artifacts'));
    const artifacts = new Map(names.map((name) => [name, readFileSync(join(dist, 'artifacts', name))]));
    const bench = new Bench(dir, tamper(await readFile(join(dist, 'entrypoint.sh'))), artifacts);
    for (const fetcher of ['wget', 'curl']) await bench.#makePath(fetcher);
    await new Promise<void>((listening) => bench.#server.listen(0, '127.0.0.1', listening));
    return bench;
  }

  /** A PATH with coreutils, gzip and one fetcher; a `sleep` that is short, so that the contract's endless one ends. */
  async #makePath(fetcher: string): Promise<void> {
    const bin = join(this.#dir, `bin-${fetcher}`);
    await mkdir(bin);
    for (const name of [...COREUTILS.split(' '), fetcher]) {
      await symlink((await execa('bash', ['-c', 'type -P "$1"', 'type', name])).stdout, join(bin, name));
    }
    await writeFile(join(bin, 'sleep'), '#!/bin/bash\n');
    await chmod(join(bin, 'sleep'), 0o755);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** Boots one case, and returns what did not hold. */
  async try(one: Case, lane: string, fetcher: string): Promise<string[]> {
    const dir = join(this.#dir, lane);
    const at = (name: string): string => join(dir, name);
    await mkdir(dir);
    const damaged = damage(this.#whole, one, at('executed'));
    await writeFile(at('onstart.sh'), damaged, { mode: 0o755 });
    this.#asked.set(lane, 0);
    const child = spawnGroup({
      argv: ['/bin/bash', CONTRACT],
      env: {
        PATH: join(this.#dir, `bin-${fetcher}`),
        ONSTART: at('onstart.sh'),
        DELEGATED_ENTRYPOINT: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${lane}/entrypoint.sh`,
        SPOTRIG_HOME: at('home'),
        BASH_ENV: TRACE,
        SWEEP_TRACE: `${dir}.trace`,
      },
      cwd: dir,
      stdout: 'ignore',
      stderr: 'ignore',
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), CASE_LIMIT_MS);
    const { signal } = await child.exited;
    clearTimeout(limit);
    const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'latin1') : '');
    const wrong: string[] = [];
    const require = (holds: boolean, what: string): void => void (holds || wrong.push(what));
    require(signal === null, `no end within ${CASE_LIMIT_MS} ms`);
    require(!existsSync(at('executed')), 'wrong bytes were executed');
    require(!existsSync(at('home/unverified')), 'the runtime was given a wrong payload');
    const runs = linesRun(read(`${dir}.trace`));
    if (one.offset < this.layout.partOneCode) {
      require(runs.every((line) => line === 0), 'a command of a cut part one was run');
      require(this.#asked.get(lane) === 0, 'something was fetched');
      require(readdirSync(dir).join() === 'onstart.sh', 'a file was written');
    } else {
      // Poison may begin with the very byte that was there.
      const inHead = !damaged.subarray(0, HEAD_BYTES).equals(this.#whole.subarray(0, HEAD_BYTES));
      require(read(at('home/booted')).split('\n').length === 2, 'it did not boot exactly once');
      require(runs.length === (inHead ? 2 : 1), `bash began to read the script ${runs.length} times`);
      require(!inHead || (runs[0] ?? Infinity) <= this.#partOneLines, `line ${runs[0]} of a wrong part two was run`);
      require((runs.at(-1) ?? 0) <= this.#headLines, 'the payload was run as a script');
      const healed = inHead ? this.#whole.subarray(0, HEAD_BYTES) : damaged;
      require(readFileSync(at('onstart.sh')).equals(healed), 'the script is not what it should be');
      require(readdirSync(dir).toSorted().join() === 'home,onstart.sh', 'files were left beside the script');
      require(existsSync(at('home/partial')) &&
        readdirSync(at('home/partial')).length === 0, 'partial downloads were left');
    }
    await rm(dir, { recursive: true });
    await rm(`${dir}.trace`, { force: true });
    return wrong;
  }
}

function linesOf(bytes: Buffer): number {
  return bytes.toString('latin1').split('\n').length - 1;
}
