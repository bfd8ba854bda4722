// A series: one worker that lives through several trials on the same disk, watched all the time, and its books at the end.
import { mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '../../platform/clock.ts';
import { PART_ONE_BYTES } from '../../scripts/release/head.ts';
import type { Box } from './box.ts';
import { SENTINEL_DIR, SENTINEL_DOUBLE, SENTINEL_LOCK, type ChaosRelease } from './chaos-release.ts';
import { Inspector } from './inspector.ts';
import { compareBooks, PoolBook, readSpool, readStored } from './ledger.ts';
import { MinerWatch } from './miner-watch.ts';
import type { ChaosMirror } from './mirror.ts';
import type { Plan } from './plan.ts';
import { ofRole, workerProcesses } from './processes.ts';
import { fillDisk, freeDisk } from './small-disk.ts';
import { isStep, waitForStep, watchStep, type Scene } from './steps.ts';

/** A worker that is not mining again after this does not converge. */
const CONVERGE_MS = 120_000;
/** A step that a start passed unseen, or never comes to: the fault then comes all the same. */
const STEP_LIMIT_MS = 12_000;
/** The same where Node alone was killed before: its next start does not come to every step. */
const GOING_LIMIT_MS = 1_500;
const END_MS = 15_000;
const DRAIN_MS = 60_000;
/** More shares than were on their way when the fault came. */
const ENOUGH_SHARES = 2;
const RUNTIME_BYTES = 26_000_000;

/** What all series share. */
export interface Surroundings {
  release: ChaosRelease;
  mirror: ChaosMirror;
  accepted(): number;
  dropPoolConnections(): void;
  collector: { dataDir: string; kill(): Promise<void>; start(): Promise<void> };
}

export interface TrialResult {
  plan: Plan;
  /** From the end of the last fault to the pool's next shares; null when they never came. */
  seconds: number | null;
  /** Steps that were waited for and seen. */
  caught: string[];
  missed: string[];
  violations: string[];
  /** A reason why the trial could not be made here. */
  skipped: string | null;
}

export class Series {
  readonly #box: Box;
  readonly #s: Surroundings;
  readonly #worker: string;
  readonly #canFill: boolean;
  readonly #scene: Scene;
  readonly #watch: MinerWatch;
  readonly #book: PoolBook;
  readonly #spooled = new Set<string>();
  readonly #inspector: Inspector;

  constructor(o: { box: Box; worker: string; surroundings: Surroundings; canFill: boolean }) {
    this.#box = o.box;
    this.#s = o.surroundings;
    this.#worker = o.worker;
    this.#canFill = o.canFill;
    const { home, script } = o.box;
    this.#scene = { home, script, release: o.surroundings.release, accepted: () => this.#s.accepted() };
    this.#watch = new MinerWatch(home);
    this.#inspector = new Inspector(o.box, o.surroundings.release);
    this.#book = new PoolBook(() => this.#s.accepted());
  }

  /** The first start, cold. Throws when it does not come to mining: nothing was done to it yet. */
  async boot(): Promise<void> {
    const sentinel = join(this.#box.home, SENTINEL_DIR);
    await mkdir(sentinel, { recursive: true });
    for (const name of [SENTINEL_LOCK, SENTINEL_DOUBLE]) await writeFile(join(sentinel, name), '');
    await this.#box.start();
    if ((await this.#converge()) === null) throw new Error(`the worker does not mine: ${await this.#lastWords()}`);
  }

  /** One trial, from a mining worker to a mining worker. */
  async trial(plan: Plan): Promise<TrialResult> {
    const result: TrialResult = { plan, seconds: null, caught: [], missed: [], violations: [], skipped: null };
    if (plan.kind === 'disk-full' && !this.#canFill) {
      return { ...result, skipped: 'no small disk could be made (it takes root and tmpfs)' };
    }
    try {
      await this.#play(plan, result);
    } finally {
      await freeDisk(this.#filler());
    }
    result.seconds = await this.#converge();
    this.#s.mirror.fault = null;
    if (result.seconds === null) {
      result.violations.push(`not mining after ${CONVERGE_MS / 1000} s: ${await this.#lastWords()}`);
    }
    result.violations.push(...(await this.#inspector.look(this.#watch.takeMost())));
    await this.#noteSpool();
    return result;
  }

  /** Ends the worker with TERM and compares the books. Returns what is wrong. */
  async finish(): Promise<string[]> {
    const wrong: string[] = [];
    await this.#end(wrong);
    // What had to wait because an outage was just over is sent by the next start.
    if ((await readSpool(this.#box.home)).waiting > 1) {
      await this.#box.start();
      const drained = await waitFor(DRAIN_MS, async () => (await readSpool(this.#box.home)).waiting === 0);
      if (!drained) wrong.push(`the spool is not empty ${DRAIN_MS / 1000} s after a start`);
      await this.#end(wrong);
    }
    await this.#noteSpool();
    wrong.push(...(await this.#inspector.look(this.#watch.takeMost())));
    const { reports, waiting } = await readSpool(this.#box.home);
    // Written after the last connection: for the next start to send.
    for (const name of waiting === 0 ? [] : reports.slice(-waiting)) this.#spooled.delete(name);
    const stored = readStored(this.#s.collector.dataDir, this.#worker);
    wrong.push(...compareBooks({ spooled: this.#spooled, stored, pool: this.#book }));
    if (stored.reports.length === 0) wrong.push('the collector has no report at all');
    return wrong;
  }

  async close(): Promise<void> {
    this.#watch.close();
    this.#book.close();
    await this.#box.remove();
  }

  async #play(plan: Plan, result: TrialResult): Promise<void> {
    if (isStep(plan.moment) || plan.kind === 'truncate' || plan.kind === 'two-heads') {
      await this.#kill();
      if (plan.isCold) await this.#wipeArtifacts();
    }
    for (let time = 0; time < plan.times; time++) await this.#fault(plan, result);
    await this.#startIfEnded();
    if (plan.onTop !== null) {
      await realClock.sleep(plan.onTop.delayMs);
      await this.#strike(plan.onTop.kind);
      await this.#startIfEnded();
    }
  }

  /** Waits for the plan's moment, of a new start where it is a step. */
  async #moment(plan: Plan, result: TrialResult): Promise<void> {
    const { moment } = plan;
    if (isStep(moment)) {
      const watch = watchStep(this.#scene, moment);
      const isStart = workerProcesses(this.#box.home).length === 0;
      if (isStart) await this.#box.start();
      const isSeen = await waitForStep(watch, isStart ? STEP_LIMIT_MS : GOING_LIMIT_MS);
      if (isSeen) result.caught.push(moment.at);
      else if (isStart) result.missed.push(moment.at);
    } else await this.#startIfEnded();
    await realClock.sleep(moment.delayMs);
  }

  async #fault(plan: Plan, result: TrialResult): Promise<void> {
    const { kind, part, forMs } = plan;
    const { mirror, collector } = this.#s;
    switch (kind) {
      case 'kill-all':
      case 'node-kill':
      case 'head-kill':
      case 'stop-start':
        await this.#moment(plan, result);
        return this.#strike(kind);
      case 'truncate':
        await this.#cutScript(part, forMs);
        return this.#box.start();
      case 'two-heads': {
        const beside = plan.isCold || isStep(plan.moment);
        if (beside) await this.#moment(plan, result);
        else await this.#box.start();
        return this.#box.startBeside();
      }
      case 'collector-down':
        await this.#moment(plan, result);
        await collector.kill();
        await realClock.sleep(forMs);
        if (part < 0.5) await this.#strike('kill-all');
        await collector.start();
        return this.#startIfEnded();
      case 'pool-drop':
        await this.#moment(plan, result);
        return this.#s.dropPoolConnections();
      case 'mirror-cut':
        // Both end by themselves, when so many connections had it.
        mirror.fault = { kind: 'cut', bytes: Math.floor(part ** 2 * RUNTIME_BYTES), times: 1 + (forMs % 5) };
        return this.#box.start();
      case 'mirror-freeze':
        mirror.fault = { kind: 'freeze', bytes: Math.floor(part ** 2 * RUNTIME_BYTES), times: 1 };
        return this.#box.start();
      case 'mirror-wrong':
        mirror.fault = { kind: 'wrong', how: part < 0.5 ? 'program' : part < 0.75 ? 'page' : 'bit' };
        await this.#box.start();
        await realClock.sleep(forMs);
        mirror.fault = null;
        return;
      case 'disk-full':
        await this.#moment(plan, result);
        await fillDisk(this.#filler(), Math.floor(part * 50_000_000));
        await realClock.sleep(forMs);
        if (part < 0.3) await this.#strike('kill-all');
        await this.#startIfEnded();
        return realClock.sleep(forMs / 2);
    }
  }

  /** What is ended as a whole is started by the next moment, or at the end of the faults. */
  async #strike(kind: 'kill-all' | 'node-kill' | 'head-kill' | 'stop-start'): Promise<void> {
    if (kind === 'kill-all') return this.#kill();
    if (kind === 'stop-start') {
      await this.#box.stop();
      return this.#noteSpool();
    }
    const victims = ofRole(workerProcesses(this.#box.home), kind === 'node-kill' ? 'node' : 'head');
    for (const { pid } of victims) killIfThere(pid, 'SIGKILL');
    if (kind === 'head-kill') await this.#box.startAgain();
  }

  async #startIfEnded(): Promise<void> {
    if (workerProcesses(this.#box.home).length === 0) await this.#box.start();
  }

  async #kill(): Promise<void> {
    await this.#box.kill();
    await this.#noteSpool();
  }

  /** Cuts the script where the contract's wget may have been killed; one time in two the rest is zeros, as after a power cut. */
  async #cutScript(part: number, coin: number): Promise<void> {
    const { script } = this.#box;
    const { size } = await stat(script);
    const offset = PART_ONE_BYTES + Math.floor(part * (size - PART_ONE_BYTES));
    await truncate(script, offset);
    if (coin % 2 === 0) await truncate(script, size);
  }

  async #wipeArtifacts(): Promise<void> {
    for (const name of ['artifacts', 'partial']) {
      const dir = join(this.#box.home, name);
      for (const entry of await readdir(dir).catch((): string[] => [])) await rm(join(dir, entry), { recursive: true });
    }
  }

  #filler(): string {
    return join(this.#box.home, SENTINEL_DIR, 'filler');
  }

  /** Seconds until the pool has new shares of one miner under one Node; null when that does not come. */
  async #converge(): Promise<number | null> {
    const begun = performance.now();
    const before = this.#s.accepted();
    const isThere = await waitFor(CONVERGE_MS, async () => {
      if (this.#s.accepted() < before + ENOUGH_SHARES) return false;
      const processes = workerProcesses(this.#box.home);
      return ofRole(processes, 'miner').length === 1 && ofRole(processes, 'node').length === 1;
    });
    return isThere ? (performance.now() - begun) / 1000 : null;
  }

  async #noteSpool(): Promise<void> {
    for (const name of (await readSpool(this.#box.home)).reports) this.#spooled.add(name);
  }

  /** TERM to the heads, as a container's end should be, and nothing may be left. */
  async #end(wrong: string[]): Promise<void> {
    const { home } = this.#box;
    for (const { pid } of ofRole(workerProcesses(home), 'head')) killIfThere(pid, 'SIGTERM');
    const left = (): string[] => workerProcesses(home).filter((p) => p.role !== 'contract').map((p) => `${p.role} ${p.argv.slice(0, 3).join(' ')}`); // prettier-ignore
    if (!(await waitFor(END_MS, async () => left().length === 0))) {
      wrong.push(`processes ${END_MS / 1000} s after TERM: ${left().join('; ')}`);
    }
    await this.#box.kill().catch(() => undefined); // it may have ended by itself
  }

  async #lastWords(): Promise<string> {
    const lines = (await this.#box.output()).trim().split('\n');
    const running = workerProcesses(this.#box.home).map((p) => `${p.role} ${p.pid}`);
    return `${running.join(', ') || 'nothing runs'}\n${lines.slice(-15).map((l) => `      ${l.slice(0, 200)}`).join('\n')}`; // prettier-ignore
  }
}

async function waitFor(limitMs: number, look: () => Promise<boolean>): Promise<boolean> {
  for (const deadline = performance.now() + limitMs; performance.now() < deadline;) {
    if (await look()) return true;
    await realClock.sleep(30);
  }
  return false;
}

function killIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile
  }
}
