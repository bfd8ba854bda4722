// One nvidia-smi that runs for the life of the worker: starting one for every sample costs a rig a second of CPU each time.
import type { Readable } from 'node:stream';
import type { Clock } from '../../platform/clock.ts';
import { backoffMs } from '../../platform/backoff.ts';
import { isErrno, messageOf } from '../../platform/errors.ts';
import type { Child, ExitInfo, spawnGroup } from '../../platform/process.ts';
import type { GpuRecord, GpuSample } from '../../wire/records.ts';
import * as fit from '../fit.ts';
import type { EventInput } from '../run-view.ts';
import { newestOf, parseRow, queryArgv, sampleOf, SAMPLE_FIELDS, withoutRefused } from './gpu-query.ts';

const LOOP_S = 5;
/** Rows older than this say nothing about now. */
const ROW_MAX_AGE_MS = 3 * LOOP_S * 1000;
/** No line for this long: the driver hangs. */
const SILENCE_MS = 60_000;
/** A run that gave rows for this long was a good one: its end begins a new row of failures. */
const GOOD_RUN_MS = 300_000;
const RESTART_BASE_MS = 10_000;
const RESTART_MAX_MS = 600_000;
const LINE_MAX_CHARS = 4096;

export interface GpuSamplerOptions {
  /** nvidia-smi: a path, or a name that `env.PATH` finds. */
  tool: string;
  env: Record<string, string>;
  clock: Clock;
  random: () => number;
  spawn: typeof spawnGroup;
  /** Whether the miner needs the cards: then a missing tool is a warning. */
  needed: boolean;
  onEvent: (event: EventInput) => void;
}

export class GpuSampler {
  readonly #o: GpuSamplerOptions;
  readonly #newest = new Map<number, { sample: GpuSample; atMs: number }>();
  #fields: string[] = [...SAMPLE_FIELDS];
  #child: Child | null = null;
  #lastLineMs = 0;
  /** Last line that was no row: why it went wrong. */
  #complaint = '';
  #failures = 0;
  #answers = false;
  #hung = false;
  #startedMs = 0;
  #stopped = false;
  #cancelTimer = (): void => undefined;

  constructor(o: GpuSamplerOptions) {
    this.#o = o;
  }

  start(): void {
    const child = this.#o.spawn({
      argv: queryArgv(this.#o.tool, this.#fields, LOOP_S),
      env: this.#o.env,
      stdout: 'pipe',
      stderr: 'ignore',
    });
    this.#child = child;
    this.#complaint = '';
    this.#hung = false;
    this.#startedMs = this.#o.clock.monoMs();
    this.#lastLineMs = this.#startedMs;
    this.#watchSilence(child);
    // A program that could not be started has an error and no exit; its output then ends at once.
    const read = child.stdout === null ? Promise.resolve() : this.#read(child.stdout);
    void Promise.all([child.exited, read]).then(([exit]) => this.#ended(exit));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#child?.kill('SIGKILL'); // it holds nothing that a softer end would save
  }

  /** The GPUs now; null where nothing is known (no tool, no driver, a hang). */
  record(): GpuRecord | null {
    const now = this.#o.clock.monoMs();
    for (const [index, row] of this.#newest) if (now - row.atMs > ROW_MAX_AGE_MS) this.#newest.delete(index);
    if (!this.#answers || now - this.#lastLineMs > ROW_MAX_AGE_MS) return null;
    const gpus = newestOf([...this.#newest.values()].map((row) => row.sample));
    return { kind: 'gpu', at_ms: this.#o.clock.nowMs(), gpus };
  }

  async #read(stdout: Readable): Promise<void> {
    let rest = '';
    stdout.setEncoding('utf8');
    try {
      for await (const chunk of stdout as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = (lines.pop() ?? '').slice(0, LINE_MAX_CHARS);
        for (const line of lines) this.#line(line);
      }
    } catch (error) {
      this.#complaint = messageOf(error); // the pipe broke: the exit follows
    }
    if (rest !== '') this.#line(rest);
  }

  #line(text: string): void {
    this.#lastLineMs = this.#o.clock.monoMs();
    const row = parseRow(this.#fields, text);
    if (row === null) {
      if (text.trim() !== '') this.#complaint = fit.logLine(text);
      return;
    }
    const sample = sampleOf(row);
    this.#newest.set(sample.index, { sample, atMs: this.#lastLineMs });
    this.#answers = true;
  }

  #watchSilence(child: Child): void {
    const left = this.#lastLineMs + SILENCE_MS - this.#o.clock.monoMs();
    this.#cancelTimer = this.#o.clock.setTimer(left, () => {
      if (this.#o.clock.monoMs() - this.#lastLineMs < SILENCE_MS) {
        this.#watchSilence(child);
        return;
      }
      this.#hung = true;
      this.#failed(`said nothing for ${SILENCE_MS / 1000} s`);
      // One that hangs in the driver cannot be killed either; it is then not started again, for two would hang.
      child.kill('SIGKILL');
    });
  }

  #ended(exit: ExitInfo): void {
    this.#cancelTimer();
    this.#child = null;
    if (this.#stopped) return;
    if (isErrno(exit.error, 'ENOENT', 'EACCES')) {
      const detail = `${this.#o.tool} is not here: no GPU is measured`;
      this.#o.onEvent({ event: 'gpu_tool_absent', level: this.#o.needed ? 'warn' : 'info', detail });
      return;
    }
    const fewer = withoutRefused(this.#fields, this.#complaint);
    if (fewer !== null) {
      this.#fields = fewer;
      this.start();
      return;
    }
    const end = exit.error === null ? `ended (${exit.signal ?? `exit ${exit.code}`})` : messageOf(exit.error);
    if (!this.#hung) this.#failed(this.#complaint === '' ? end : `${end}: ${this.#complaint}`);
    this.#answers = false;
    const waitMs = backoffMs(this.#failures - 1, {
      baseMs: RESTART_BASE_MS,
      maxMs: RESTART_MAX_MS,
      random: this.#o.random,
    });
    this.#cancelTimer = this.#o.clock.setTimer(waitMs, () => this.start());
  }

  /** One event for a row of failures. */
  #failed(what: string): void {
    const ranWell = this.#answers && this.#o.clock.monoMs() - this.#startedMs >= GOOD_RUN_MS;
    this.#failures = ranWell ? 1 : this.#failures + 1;
    if (this.#failures > 1) return;
    const detail = fit.detail(`nvidia-smi ${what}`);
    this.#o.onEvent({ event: 'gpu_tool_failed', level: this.#o.needed ? 'error' : 'warn', detail });
  }
}
