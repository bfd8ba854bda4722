// Keeps one miner running: starts it, or adopts the one that already runs, judges it, restarts it with back-off, stops it by
// the ladder. The miner outlives this process: it is in a group of its own and writes to a file by itself.
import { closeSync } from 'node:fs';
import type { Logger } from '../../platform/logger.ts';
import { capLog, openAppendLog, tailLines } from '../../platform/capped-log.ts';
import type { Clock } from '../../platform/clock.ts';
import { isErrno, messageOf } from '../../platform/errors.ts';
import {
  identify,
  isAlive,
  killLadder,
  signalGroup,
  spawnGroup,
  type ExitInfo,
  type LadderStep,
  type MarkedProcess,
  type ProcessId,
} from '../../platform/process.ts';
import type { LogSign, MinerAdapter, MinerSample } from '../../miners/miner.ts';
import type { LifecycleInput, MinerState } from '../../wire/records.ts';
import { minerState, type HealthFacts } from './health.ts';
import { formatMark, MARKER, type Mark } from './marker.ts';
import { decideRestart } from './restart-policy.ts';
import type { Fault, RuleName, ShareFacts, Watchdog } from './watchdog.ts';

/** A miner's log is cut to its tail when it passes this. */
const LOG_MAX_BYTES = 2 * 1024 * 1024;
const LOG_KEEP_BYTES = 256 * 1024;
const HOUSEKEEPING_MS = 30_000;
/** How often an adopted miner, whose exit nobody reports to us, is looked at. */
const ADOPTED_POLL_MS = 1_000;
/** Between tries to stop a miner that no signal ends. */
const UNKILLABLE_RETRY_MS = 60_000;
/** Lines that go with an exit as evidence. */
const EVIDENCE_LINES = 30;

const UNKNOWN_EXIT: ExitInfo = { code: null, signal: null, error: null };

/** A marked miner of this home that runs. */
export interface RunningMiner {
  process: MarkedProcess;
  mark: Mark;
}

/** How one miner is run. */
export interface MinerSpec {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  mark: Mark;
}

export type SupervisorEvent = LifecycleInput;

export interface SupervisorOptions {
  adapter: MinerAdapter;
  logPath: string;
  cwd: string;
  clock: Clock;
  logger: Logger;
  emit: (event: SupervisorEvent) => void;
  watchdog: Watchdog;
  /** What the relay knows; null where it is off. */
  shares: () => ShareFacts | null;
}

export class Supervisor {
  readonly #o: SupervisorOptions;
  #phase: HealthFacts['phase'] = 'preparing';
  #startedMonoMs = 0;
  #dagSinceMonoMs: number | null = null;
  #sample: MinerSample | null = null;
  #sampleMonoMs: number | null = null;
  #current: ProcessId | null = null;
  /** All that may run and must not outlive `stop`: the current miner, and those of earlier starts until they are gone. */
  readonly #processes = new Set<ProcessId>();
  #endLadder: readonly LadderStep[];
  /** The rule for which the miner is being stopped, to be started again. */
  #restartFor: RuleName | null = null;
  #ended = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#o = options;
    this.#endLadder = options.adapter.stopLadder;
  }

  /**
   * Runs the miner until `stop`. `running` are the marked miners found at start: the one with this very spec and boot is adopted,
   * every other is stopped first, so there are never two. `prepare` is asked before every start: what was there may have gone.
   */
  async run(running: readonly RunningMiner[], prepare: () => Promise<MinerSpec>): Promise<void> {
    for (const { process } of running) this.#processes.add(process.id);
    const housekeeping = this.#keepLogSmall();
    try {
      let spec = await prepare();
      let adopted = await this.#adoptOrStop(running, spec.mark);
      let fastExits = 0;
      while (!this.#ended.signal.aborted) {
        const startedAt = this.#o.clock.monoMs();
        const exit = adopted === null ? await this.#runOwn(spec) : await this.#watchAdopted(adopted);
        adopted = null;
        this.#forgetCurrent();
        if (this.#ended.signal.aborted) break;
        if (this.#restartFor !== null) {
          // Our own doing, told already: no back-off, and no exit to count.
          this.#o.watchdog.restarted(this.#restartFor, this.#o.clock.monoMs());
          this.#restartFor = null;
        } else {
          const decision = decideRestart(this.#o.clock.monoMs() - startedAt, fastExits);
          fastExits = decision.fastExits;
          await this.#tellExit(exit, decision.delayMs, decision.giveUpFastTries);
          this.#phase = 'backing_off';
          await this.#o.clock.sleep(decision.delayMs, this.#ended.signal).catch(() => undefined);
          if (this.#ended.signal.aborted) break;
        }
        this.#phase = 'preparing';
        spec = await prepare();
      }
    } finally {
      this.#ended.abort(new Error('stopped'));
      this.#phase = 'stopped';
      await housekeeping;
    }
  }

  /** Stops every miner for good, by the given ladder or the adapter's own; `run` then ends. */
  async stop(ladder: readonly LadderStep[] = this.#endLadder): Promise<void> {
    this.#endLadder = ladder;
    this.#ended.abort(new Error('stopped'));
    const ids = [...this.#processes];
    if (ids.length === 0) return;
    const ends = await Promise.all(ids.map((id) => killLadder({ id, steps: ladder, clock: this.#o.clock })));
    const gone = ends.every((end) => end === 'gone');
    this.#o.emit({
      event: 'miner_stopped',
      level: gone ? 'info' : 'error',
      detail: gone ? 'the miner was stopped' : 'the miner did not end on SIGKILL: a GPU may hang in the kernel',
    });
  }

  /** What the API said last; null = no whole answer this time. */
  observe(sample: MinerSample | null): void {
    const nowMs = this.#o.clock.monoMs();
    if (sample !== null) {
      this.#sample = sample;
      this.#sampleMonoMs = nowMs;
    }
    this.#o.watchdog.observe(sample, nowMs);
    if (this.#phase !== 'running' || this.#current === null || this.#restartFor !== null) return;
    const fault = this.#o.watchdog.judge(this.#o.shares(), nowMs);
    if (fault !== null) void this.#onFault(fault, this.#current);
  }

  /** What a line of the miner's log means to us. */
  sign(sign: LogSign): void {
    if (sign === 'dag_begin') this.#dagSinceMonoMs = this.#o.clock.monoMs();
    if (sign === 'dag_done') this.#dagSinceMonoMs = null;
    this.#o.watchdog.sign(sign, this.#o.clock.monoMs());
  }

  state(): MinerState {
    return minerState({
      phase: this.#ended.signal.aborted ? 'stopped' : this.#phase,
      nowMonoMs: this.#o.clock.monoMs(),
      startedMonoMs: this.#startedMonoMs,
      graceMs: this.#o.adapter.graceMs,
      dagSinceMonoMs: this.#dagSinceMonoMs,
      sample: this.#sample,
      sampleMonoMs: this.#sampleMonoMs,
    });
  }

  async #runOwn(spec: MinerSpec): Promise<ExitInfo> {
    this.#begin(this.#o.clock.monoMs());
    if (this.#ended.signal.aborted) return UNKNOWN_EXIT;
    const log = openAppendLog(this.#o.logPath);
    try {
      const child = spawnGroup({
        argv: spec.argv,
        env: { ...spec.env, [MARKER]: formatMark(spec.mark) },
        cwd: this.#o.cwd,
        stdout: log,
        stderr: 'stdout',
      });
      const id = child.pid === 0 ? null : await identify(child.pid);
      if (id !== null) this.#setCurrent(id);
      if (child.pid !== 0) {
        this.#o.logger.info({ pid: child.pid }, 'miner started');
        this.#o.emit({ event: 'miner_started', level: 'info', detail: `${this.#o.adapter.name} started` });
      }
      // A stop that came while the process was being made did not see it.
      if (this.#ended.signal.aborted && this.#current !== null) await this.stop();
      const exit = await child.exited;
      child.kill('SIGKILL'); // helpers that outlived their leader: there are never two miners
      return exit;
    } finally {
      closeSync(log);
    }
  }

  async #watchAdopted(process: MarkedProcess): Promise<ExitInfo> {
    this.#begin(this.#o.clock.monoMs() - Math.max(0, this.#o.clock.nowMs() - process.startedAtMs));
    this.#setCurrent(process.id);
    this.#o.logger.info({ pid: process.id.pid }, 'miner adopted');
    this.#o.emit({ event: 'miner_adopted', level: 'info', detail: `${this.#o.adapter.name} was running and goes on` });
    while (await isAlive(process.id)) await this.#o.clock.sleep(ADOPTED_POLL_MS);
    signalGroup(process.id.pid, 'SIGKILL'); // as above
    return UNKNOWN_EXIT;
  }

  #setCurrent(id: ProcessId): void {
    this.#current = id;
    this.#processes.add(id);
  }

  #forgetCurrent(): void {
    if (this.#current !== null) this.#processes.delete(this.#current);
    this.#current = null;
  }

  async #onFault(fault: Fault, id: ProcessId): Promise<void> {
    if (fault.restart) this.#restartFor = fault.rule;
    const next = fault.restart
      ? 'the miner is restarted'
      : 'it was restarted for that already, so this is only a report';
    this.#o.logger.warn({ rule: fault.rule, evidence: fault.evidence, restart: fault.restart }, 'watchdog');
    this.#o.emit({
      event: `watchdog_${fault.rule}`,
      level: 'error',
      detail: `${fault.evidence}; ${next}`,
      log: await tailLines(this.#o.logPath, 16_384, EVIDENCE_LINES),
    });
    if (!fault.restart) return;
    const end = await killLadder({ id, steps: this.#o.adapter.stopLadder, clock: this.#o.clock });
    if (end === 'unkillable') {
      const detail = 'the miner does not end on SIGKILL (a GPU may hang in the kernel); no other is started beside it';
      this.#o.emit({ event: 'miner_stopped', level: 'error', detail });
    }
  }

  #begin(startedMonoMs: number): void {
    this.#o.watchdog.begin(startedMonoMs, this.#o.clock.monoMs());
    this.#phase = 'running';
    this.#startedMonoMs = startedMonoMs;
    this.#dagSinceMonoMs = null;
    this.#sample = null;
    this.#sampleMonoMs = null;
  }

  async #tellExit(exit: ExitInfo, delayMs: number, giveUp: boolean): Promise<void> {
    const how =
      exit.error !== null
        ? `could not be started: ${messageOf(exit.error)}`
        : exit.signal !== null
          ? `was ended by ${exit.signal}`
          : `ended${exit.code === null ? '' : ` with code ${exit.code}`}`;
    const next = `next start in ${Math.round(delayMs / 1000)} s`;
    this.#o.emit({
      event: 'miner_exited',
      level: giveUp ? 'error' : 'warn',
      detail: `${this.#o.adapter.name} ${how}; ${next}${giveUp ? ', because it keeps ending within a minute' : ''}`,
      exit_code: exit.code,
      signal: exit.signal,
      log: await tailLines(this.#o.logPath, 16_384, EVIDENCE_LINES),
    });
  }

  /** The one of `running` that goes on, or null; the others are gone when this resolves (or `stop` ends them). */
  async #adoptOrStop(running: readonly RunningMiner[], wanted: Mark): Promise<MarkedProcess | null> {
    let adopted: MarkedProcess | null = null;
    for (const { process, mark } of running) {
      if (adopted === null && mark.spec === wanted.spec && mark.boot === wanted.boot) adopted = process;
      else await this.#stopStranger(process, mark);
    }
    return adopted;
  }

  async #stopStranger(process: MarkedProcess, mark: Mark): Promise<void> {
    this.#o.logger.warn({ pid: process.id.pid, boot: mark.boot }, 'stopping a miner of another start');
    let told = false;
    while (!this.#ended.signal.aborted) {
      const end = await killLadder({ id: process.id, steps: this.#o.adapter.stopLadder, clock: this.#o.clock });
      if (end === 'gone') {
        this.#processes.delete(process.id);
        const detail = 'a miner of an earlier start, or with other settings, was stopped first';
        this.#o.emit({ event: 'miner_stopped', level: 'warn', detail });
        return;
      }
      const detail =
        'a miner of an earlier start does not end on SIGKILL (a GPU may hang in the kernel); no other is started beside it';
      if (!told) this.#o.emit({ event: 'miner_stopped', level: 'error', detail });
      told = true;
      await this.#o.clock.sleep(UNKILLABLE_RETRY_MS, this.#ended.signal).catch(() => undefined);
    }
  }

  /** Also keeps Node's event loop alive: the miner itself is unref'd. */
  async #keepLogSmall(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      await this.#o.clock.sleep(HOUSEKEEPING_MS, this.#ended.signal).catch(() => undefined);
      await capLog(this.#o.logPath, LOG_MAX_BYTES, LOG_KEEP_BYTES).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) this.#o.logger.warn({ error: messageOf(error) }, 'miner log could not be cut');
      });
    }
  }
}
