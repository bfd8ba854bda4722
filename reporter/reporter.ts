// Measures, writes down, sends. A record of a moment is made when a report is made; a report is on disk before it is sent. Only
// what happened since the last report (15 s at most: a window of shares, events, log lines) dies with a killed Node; the shares'
// totals go on with the boot's meter.
import { join } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { httpRequest } from '../platform/http.ts';
import type { Logger } from '../platform/logger.ts';
import type { runForOutput, spawnGroup } from '../platform/process.ts';
import { scrubDeep } from '../platform/secrets.ts';
import type { MinerSample } from '../miners/miner.ts';
import type { FrpRecord } from '../wire/frp.ts';
import type { HostRecord, LifecycleRecord, LogRecord, WireRecord } from '../wire/records.ts';
import type { ReachabilityRecord } from '../wire/reachability.ts';
import type { VerdictName } from '../wire/verdict.ts';
import { WORD_FIELDS } from '../wire/word-fields.ts';
import { lifecycleRecord } from './lifecycle.ts';
import { LogTail } from './log-tail.ts';
import { packReports } from './packing.ts';
import type { EventInput, MeterView, MinerView } from './run-view.ts';
import { GpuSampler } from './samplers/gpu.ts';
import { HashrateSampler } from './samplers/hashrate.ts';
import { readHost, type HostExtras } from './samplers/host.ts';
import { every } from './schedule.ts';
import { openSpool, type Spool } from './spool/spool.ts';
import { Uplink } from './uplink.ts';

const REPORT_PERIOD_MS = 15_000;
const REPORT_JITTER_MS = 1000;
const TICK_MS = 1000;
/** The miner's API and the logs are read every so many ticks; at every tick while the miner starts. */
const SAMPLE_TICKS = 5;
/** The first report waits for the host's facts, but no longer than this. */
const FIRST_REPORT_MS = 1000;
/** After the first hashes, so that the owner sees them soon. */
const HASHING_REPORT_MS = 3000;
/** The miner's start comes first: nvidia-smi and the look at the host would compete with it for two slow cores. */
const MEASURE_AFTER_MS = 250;
/** A flood of errors makes no flood of reports. */
const EARLY_REPORT_PAUSE_MS = 2000;
const EVENTS_MAX = 200;
/** Two runs over all that an order can name. */
const MEASURED_MAX = 64;

export interface ReporterOptions {
  worker: string;
  boot: string;
  token: string;
  /** Addresses of collectors as in the settings, in order of preference; with none everything stays in the spool. */
  collectors: readonly string[];
  /** Loopback port of an export's visitor (see Uplink). */
  exportPort?: (name: string) => number;
  onExport?: (name: string, isWell: boolean) => void;
  pins: readonly string[];
  /** SPOTRIG_HOME; the spool is under it. */
  home: string;
  /** What nvidia-smi gets: PATH, and the library path where the image sets one. */
  env: Record<string, string>;
  nvidiaSmiPath: string;
  minerLogPath: string;
  headLogPath: string;
  hostExtras: HostExtras;
  miner: () => MinerView;
  meter: MeterView | null;
  /** Every answer of the miner's API, null for a bad one. */
  onSample: (sample: MinerSample | null) => void;
  /** Every new log line, clean and scrubbed. */
  onLine: (source: LogRecord['source'], line: string) => void;
  clock: Clock;
  random: () => number;
  http: typeof httpRequest;
  spawn: typeof spawnGroup;
  run: typeof runForOutput;
  logger: Logger;
}

export interface Reporter {
  /** Takes an event into the next report; one of level `error` makes that report now. Never throws. */
  event(event: EventInput): void;
  /** Takes a measurement, or the tunnel as it is now, into the next report. */
  measured(record: ReachabilityRecord | FrpRecord): void;
  /** The collectors that are reached best are used first; by their URLs as in the settings, others are ignored. */
  rankCollectors(ranks: readonly { url: string; verdict: VerdictName | null }[]): void;
  /** The miner's last log lines as they are on disk now (at most 60), oldest first: the evidence when it died. */
  minerTail(lines: number): Promise<string[]>;
  /** Writes a last report, sends what it can in time, and ends everything. What is left stays on disk for the next start. */
  stop(deadlineMs: number): Promise<void>;
}

/** Starts to measure and to report, at once and in the background. Nothing here ever stops the miner. */
export function startReporter(o: ReporterOptions): Reporter {
  return new RunningReporter(o);
}

class RunningReporter implements Reporter {
  readonly #o: ReporterOptions;
  readonly #hashrate: HashrateSampler;
  readonly #gpu: GpuSampler;
  readonly #minerLog: LogTail;
  readonly #headLog: LogTail;
  readonly #stops: (() => void)[] = [];
  #spool: Spool | null = null;
  #uplink: Uplink | null = null;
  /** Until it is on the disk. */
  #host: HostRecord | null = null;
  #events: LifecycleRecord[] = [];
  #measured: (ReachabilityRecord | FrpRecord)[] = [];
  /** Reports that never reached the disk. */
  #unspooled = 0;
  #reporting: Promise<void> = Promise.resolve();
  #lastReportMs = -Infinity;
  #early: { dueMs: number; cancel: () => void } | null = null;
  #ticks = 0;
  #wasHashing = false;
  #stopped = false;

  constructor(o: ReporterOptions) {
    this.#o = o;
    const { clock, random, http, onLine } = o;
    const onEvent = (event: EventInput): void => this.event(event);
    this.#hashrate = new HashrateSampler({ clock, http, onSample: o.onSample, onEvent });
    const needed = o.miner().adapter.needsNvidia;
    const { env, spawn, nvidiaSmiPath: tool } = o;
    this.#gpu = new GpuSampler({ tool, env, clock, random, spawn, needed, onEvent });
    this.#minerLog = new LogTail({ path: o.minerLogPath, source: 'miner', fromStart: false, onLine });
    this.#headLog = new LogTail({ path: o.headLogPath, source: 'head', fromStart: true, onLine });
    this.event({ event: 'worker_started', level: 'info', detail: `spotrig ${o.hostExtras.release}` });
    void this.#poll(this.#minerLog); // what is there now is of an earlier run
    this.#soon(FIRST_REPORT_MS);
    this.#stops.push(
      clock.setTimer(MEASURE_AFTER_MS, () => {
        this.#gpu.start();
        void this.#addHost();
      }),
      every({ clock, random, periodMs: TICK_MS, jitterMs: 0, action: () => this.#tick() }),
      every({
        clock,
        random,
        periodMs: REPORT_PERIOD_MS,
        jitterMs: REPORT_JITTER_MS,
        action: () => this.#report(),
      }),
    );
  }

  event(event: EventInput): void {
    this.#events.push(lifecycleRecord(event, this.#o.clock.nowMs()));
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    if (event.level === 'error') this.#soon(0);
  }

  measured(record: ReachabilityRecord | FrpRecord): void {
    this.#measured.push(record);
    if (this.#measured.length > MEASURED_MAX) this.#measured.shift();
  }

  rankCollectors(ranks: readonly { url: string; verdict: VerdictName | null }[]): void {
    this.#uplink?.setRanking(ranks);
  }

  async minerTail(lines: number): Promise<string[]> {
    await this.#poll(this.#minerLog);
    return this.#minerLog.lastLines(lines);
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#early?.cancel();
    this.#gpu.stop();
    const ended = new AbortController();
    const tooLate = this.#o.clock.sleep(deadlineMs, ended.signal).catch(() => undefined);
    await Promise.race([this.#end(this.#o.clock.monoMs() + deadlineMs), tooLate]);
    ended.abort();
  }

  async #end(deadlineMonoMs: number): Promise<void> {
    await this.#report();
    await this.#uplink?.finish(Math.max(0, deadlineMonoMs - this.#o.clock.monoMs()));
    if (this.#events.length > 0) await this.#report(); // how the miner ended: for the next start to send
    await this.#spool?.close();
  }

  async #tick(): Promise<void> {
    const view = this.#o.miner();
    const hashing = view.state === 'hashing';
    if (hashing && !this.#wasHashing) this.#soon(HASHING_REPORT_MS);
    this.#wasHashing = hashing;
    if (view.state !== 'starting' && this.#ticks++ % SAMPLE_TICKS !== 0) return;
    await Promise.all([this.#hashrate.poll(view), this.#poll(this.#minerLog), this.#poll(this.#headLog)]);
  }

  async #poll(tail: LogTail): Promise<void> {
    try {
      await tail.poll();
    } catch (error) {
      this.#o.logger.warn({ error: messageOf(error) }, 'cannot read a log');
    }
  }

  async #addHost(): Promise<void> {
    const { hostExtras: extras, home, nvidiaSmiPath: tool, env, run, clock } = this.#o;
    this.#host = await readHost({ extras, home, tool, env, run, nowMs: clock.nowMs() });
    this.#soon(0);
  }

  /** A report out of turn in `ms`, unless one is due before. */
  #soon(ms: number): void {
    if (this.#stopped) return;
    const now = this.#o.clock.monoMs();
    const dueMs = Math.max(now + ms, this.#lastReportMs + EARLY_REPORT_PAUSE_MS);
    if (this.#early !== null && this.#early.dueMs <= dueMs) return;
    this.#early?.cancel();
    const cancel = this.#o.clock.setTimer(dueMs - now, () => {
      this.#early = null;
      void this.#report();
    });
    this.#early = { dueMs, cancel };
  }

  #report(): Promise<void> {
    this.#lastReportMs = this.#o.clock.monoMs();
    this.#reporting = this.#reporting.then(() => this.#spoolReport());
    return this.#reporting;
  }

  async #spoolReport(): Promise<void> {
    await Promise.all([this.#poll(this.#minerLog), this.#poll(this.#headLog)]);
    try {
      const spool = await this.#open();
      // From here to the end of `append` is what a kill can lose of a window of shares: some milliseconds.
      await this.#append(spool, packReports(this.#collect()));
      this.#sayUnspooled();
    } catch (error) {
      this.#o.logger.error({ error: messageOf(error) }, 'cannot write a report to disk');
    }
    this.#uplink?.wake();
  }

  /** What is told once (events, measurements, the host) waits for the next report when the disk does not take this one. */
  async #append(spool: Spool, reports: WireRecord[][]): Promise<void> {
    for (const [i, records] of reports.entries()) {
      try {
        await spool.append(records);
      } catch (error) {
        const left = reports.slice(i);
        this.#unspooled += left.length;
        this.#events = [...left.flat().filter((r) => r.kind === 'lifecycle'), ...this.#events].slice(-EVENTS_MAX);
        const measured = left.flat().filter((r) => r.kind === 'reachability' || r.kind === 'frp');
        this.#measured = [...measured, ...this.#measured].slice(-MEASURED_MAX);
        this.#host ??= left.flat().find((r) => r.kind === 'host') ?? null;
        throw error;
      }
    }
  }

  async #open(): Promise<Spool> {
    if (this.#spool !== null) return this.#spool;
    const { home, boot, worker, token, collectors, exportPort, onExport, pins, clock, random, http, logger } = this.#o;
    const onEvent = (event: EventInput): void => this.event(event);
    const spool = await openSpool({
      dir: join(home, 'spool'),
      boot,
      onLoss: (kind, reports) => this.#sayLoss(kind, reports),
    });
    this.#spool = spool;
    this.#uplink = new Uplink({
      ...{ worker, token, collectors, pins, spool, clock, random, http, logger, onEvent },
      ...(exportPort === undefined ? {} : { exportPort, onExport }),
    });
    return spool;
  }

  /** Everything that the next report tells. The one place where strings on their way out are scrubbed. */
  #collect(): WireRecord[] {
    const view = this.#o.miner();
    const atMs = this.#o.clock.nowMs();
    const records: (WireRecord | null)[] = [
      this.#host,
      ...this.#events,
      ...this.#measured,
      this.#hashrate.record(view, this.#o.meter),
      this.#o.meter === null ? null : { kind: 'shares', at_ms: atMs, pool: view.pool, ...this.#o.meter.takeWindow() },
      this.#gpu.record(),
      this.#headLog.takeRecord(atMs),
      this.#minerLog.takeRecord(atMs),
    ];
    this.#host = null;
    this.#events = [];
    this.#measured = [];
    return scrubDeep(
      records.filter((r) => r !== null),
      WORD_FIELDS,
    );
  }

  #sayLoss(kind: 'dropped' | 'damaged', reports: number): void {
    const detail =
      kind === 'dropped'
        ? `the spool was full: its ${reports} oldest reports are gone`
        : `${reports} reports (or more) could not be read back from the disk`;
    this.event({ event: kind === 'dropped' ? 'spool_dropped' : 'spool_damaged', level: 'warn', detail });
  }

  #sayUnspooled(): void {
    if (this.#unspooled === 0) return;
    const detail = `${this.#unspooled} reports could not be written to the disk and are gone`;
    this.#unspooled = 0;
    this.event({ event: 'spool_dropped', level: 'warn', detail });
  }
}
