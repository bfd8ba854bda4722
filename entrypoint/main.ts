// The worker, inside a rented container: the program behind entrypoint.sh. The head (entrypoint/bootstrap) verifies and starts it.
//
//   settings   from the order's env: docs/settings.md. All that is wrong is told at once, to the log and to the collector; exit 78.
//   main path  settings -> relay and share meter on loopback -> reporter -> the miner's program (a pinned, verified release, or one
//              that is there) -> the miner, supervised. Everything it writes is under SPOTRIG_HOME.
//   order      nothing is loaded or done before the miner's start that can come after it: the reporter, HTTP, schemas, the look at
//              the GPUs and the disk's tidying come later (`await import`; the build compiles such parts when they are wanted).
//   tunnel     with SPOTRIG_FRP, frpc beside the miner, after it (frp/tunnel.ts).
//   killed     miner and frpc go on by themselves; the next Node of the same boot adopts them. Reports that were spooled are sent later.
//   TERM, INT  the miner gets INT at once and KILL after 7 s, reports are flushed for 3 s at most; exit 0.
//   exit codes 0 stopped by a signal; 78 settings are wrong, which a restart cannot mend; 70 a fault of ours (the head starts
//              Node again).
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { join } from 'node:path';
import { realClock } from '../platform/clock.ts';
import { makeDir } from '../platform/durable-file.ts';
import { messageOf } from '../platform/errors.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import { scrub } from '../platform/secrets.ts';
import { runForOutput, spawnGroup, type LadderStep } from '../platform/process.ts';
import type { Reporter } from '../reporter/reporter.ts';
import type { EventInput, MinerView } from '../reporter/run-view.ts';
import type { Relay } from '../stratum/relay.ts';
import { ShareMeter } from '../stratum/share-meter.ts';
import type { Stall } from '../wire/reachability.ts';
import { parseToken } from '../wire/token.ts';
import { ArtifactStore } from './artifacts/store.ts';
import { egressNames, readConfig, type Config, type Refusal } from './config.ts';
import type { Tunnel } from './frp/tunnel.ts';
import { HandOver } from './hand-over.ts';
import { minerEnvironment } from './miner-env.ts';
import { openMeterState, readMeterState } from './meter-state.ts';
import { Supervisor } from './supervise/supervisor.ts';
import { Watchdog } from './supervise/watchdog.ts';
import {
  choosePorts,
  findRunningMiners,
  firstPool,
  minerLogPath,
  openRelay,
  runMiner,
  type Ports,
  type WorkerDeps,
} from './worker.ts';

/** Filled in by the build. */
declare const __SPOTRIG_VERSION__: string;
declare const __RELEASE_MIRRORS__: readonly string[];

const EX_SOFTWARE = 70;
const EX_CONFIG = 78;

/** The container's end may be near: reports first, for at most this long. */
const FLUSH_MS = 3_000;
/** The reporter is loaded when the worker has something to tell (the miner's start, as a rule), or after this. */
const REPORTER_AFTER_MS = 1_000;
/** By then all that a worker does every minute has been loaded. */
const STEADY_AFTER_MS = 10_000;
/** A worker idles: an optimizing compiler would take 6 MB for nothing. At Node's start the flags would cost its code cache. */
const STEADY_FLAGS = ['--no-opt', '--no-maglev', '--optimize-for-size'] as const;
/** Node is back sooner than this; more is the clock having been set. */
const RESTART_MAX_MS = 120_000;
/** So long the last report waits for the miner's end. */
const LAST_WORDS_MS = 1_500;
/** The prober measures nothing before the miner hashes; its code is not worth a moment of the miner's start. */
const PROBER_AFTER_MS = 5_000;
/** The tunnel may be the only way to a pool, so it does not wait long; but the miner's start comes first. */
const TUNNEL_AFTER_MS = 1_000;
/** What waits until the reporter, or the prober, is loaded. */
const EVENTS_WAITING_MAX = 200;
const STALLS_WAITING_MAX = 8;
/** What the relay tells when a pool is lost or none is reached. */
const POOL_FAULTS: ReadonlySet<string> = new Set(['pool_disconnected', 'pool_unreachable']);
/** On the container's TERM: docker gives 10 s, so the miner is gone at 7 s at the latest. */
const END_LADDER: readonly LadderStep[] = [
  { signal: 'SIGINT', waitMs: 7_000 },
  { signal: 'SIGKILL', waitMs: 1_000 },
];

/** A connection of the relay that died: `url` is the endpoint's. */
interface PoolStall {
  url: string;
  stall: Stall;
}

async function main(): Promise<number> {
  const read = readConfig(process.env);
  if ('refusal' in read) return refuse(read.refusal);
  const { config } = read;
  const logger = createLogger({ name: 'spotrig', level: config.logLevel });
  logger.info({ version: __SPOTRIG_VERSION__, worker: config.worker, boot: config.boot }, 'worker starts');
  await makeHome(config.home);
  try {
    return await runWorker(config, logger);
  } finally {
    await logger.flush();
  }
}

/** Says everything that is wrong, here and, where the settings allow it, to the owner. */
async function refuse(refusal: Refusal): Promise<number> {
  const list = refusal.complaints.map((c) => `- ${c}`).join('\n');
  process.stdout.write(`spotrig: the settings are wrong:\n${list}\n`);
  const { collectors, token, home, collectorPins: pins = [] } = refusal.readable;
  const worker = token === undefined ? undefined : parseToken(token)?.worker;
  const boot = process.env['SPOTRIG_BOOT'];
  if (
    collectors !== undefined &&
    token !== undefined &&
    worker !== undefined &&
    home !== undefined &&
    boot !== undefined
  ) {
    await makeHome(home);
    const logger = createLogger({ name: 'spotrig', level: 'error' });
    const events = refusal.complaints.map((detail): EventInput => ({
      event: 'settings_refused',
      level: 'error',
      detail,
    }));
    const { httpRequest } = await import('../platform/http.ts');
    const { tellOnce } = await import('../reporter/tell-once.ts');
    const uplink = {
      worker,
      boot,
      token,
      collectors,
      pins,
      home,
      clock: realClock,
      random: Math.random,
      http: httpRequest,
      logger,
    };
    await tellOnce(uplink, events, FLUSH_MS);
  }
  return EX_CONFIG;
}

async function makeHome(home: string): Promise<void> {
  for (const folder of ['artifacts', 'partial', 'run', 'spool', 'log']) {
    const path = join(home, folder);
    if (!existsSync(path)) await makeDir(path);
  }
}

async function runWorker(config: Config, logger: Logger): Promise<number> {
  const { adapter } = config.miner;
  const ending = new AbortController();
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => {
    faults.push(error);
    ending.abort(new Error('internal error'));
  };
  process.stdout.on('error', () => undefined); // nobody reads our output any more: no reason to stop
  process.on('uncaughtException', onFault);
  process.on('unhandledRejection', onFault);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => ending.abort(new Error(signal)));
  }

  const egressPorts = await portsOfExports(config, logger);
  const running = await findRunningMiners(config.home);
  const ports = choosePorts(running, config.boot);
  const meter = await keptMeter(config, logger);
  const events = new HandOver<EventInput>(EVENTS_WAITING_MAX);
  const emit: WorkerDeps['emit'] = (event) => events.push(event);
  const supervisor = new Supervisor({
    adapter,
    logPath: minerLogPath(config.home),
    cwd: join(config.home, 'run'),
    clock: realClock,
    logger,
    emit,
    watchdog: new Watchdog({ graceMs: adapter.graceMs }),
    shares: () => (config.relay ? meter.facts() : null),
  });
  let relay: Relay | null = null;
  const poolUrl = (): string => relay?.state().pool ?? firstPool(config).url;
  const exportsWell = new Map<string, boolean>();
  const onExport = (name: string, isWell: boolean): void => void exportsWell.set(name, isWell);
  const reporting = report(
    { config, logger, ports, egressPorts, onExport, meter, supervisor, events, poolUrl },
    ending.signal,
  );
  reporting.catch(onFault);
  const stalls = new HandOver<PoolStall>(STALLS_WAITING_MAX);
  const network: { key: string | null } = { key: null };
  const probing = reporting.then((reporter) =>
    probe({ config, logger, supervisor, events, stalls, reporter, network, relay: () => relay }, ending.signal),
  );
  // Mining and reports go on without it.
  probing.catch((error: unknown) => emit({ event: 'probe_failed', level: 'warn', detail: messageOf(error) }));

  const mirrors = [
    ...config.mirrors,
    ...(config.scriptMirror === null ? [] : [config.scriptMirror]),
    ...__RELEASE_MIRRORS__,
  ];
  const deps: WorkerDeps = {
    ...{ config, env: process.env, clock: realClock, random: Math.random, logger },
    ...{ mirrors, meter, supervisor, emit, egressPorts },
    onStall: (url, stall) => stalls.push({ url, stall }),
    onExport,
  };
  if (config.relay) {
    relay = await openRelay(deps, ports);
    ports.relay = relay.port;
  }
  const store = new ArtifactStore({ home: config.home, boot: config.boot, clock: realClock, logger, emit });
  const tunnel = reporting.then((reporter) =>
    openTunnel(
      { config, logger, ports, egressPorts, exportsWell, events, reporter, network, store, mirrors },
      ending.signal,
    ),
  );
  tunnel.catch((error: unknown) => emit({ event: 'frp_down', level: 'error', detail: messageOf(error) }));
  const mining = runMiner(deps, store, ports, running, ending.signal).catch((error: unknown) => {
    if (!ending.signal.aborted) onFault(error);
  });
  if (!ending.signal.aborted) await once(ending.signal, 'abort');

  const reporter = await reporting;
  if (faults.length > 0) return dieOf(faults[0], reporter, logger);
  logger.info({ reason: messageOf(ending.signal.reason) }, 'worker stops');
  emit({ event: 'worker_stopping', level: 'info', detail: messageOf(ending.signal.reason) });
  // How the miner ended belongs into the last report, but the report does not wait long for it.
  const stopped = supervisor.stop(END_LADDER);
  const closed = tunnel.then((open) => open?.stop()).catch(() => undefined);
  await Promise.race([stopped, realClock.sleep(LAST_WORDS_MS)]);
  await relay?.close();
  await reporter.stop(FLUSH_MS);
  await stopped;
  await closed;
  await mining;
  return 0;
}

/** Loads and starts the reporter once there is something to tell. */
async function report(
  o: {
    config: Config;
    logger: Logger;
    ports: Ports;
    egressPorts: ReadonlyMap<string, number>;
    onExport: (name: string, isWell: boolean) => void;
    meter: ShareMeter;
    supervisor: Supervisor;
    events: HandOver<EventInput>;
    /** Of the endpoint in use. */
    poolUrl: () => string;
  },
  ending: AbortSignal,
): Promise<Reporter> {
  const { config, logger, ports, egressPorts, onExport, meter, supervisor, events, poolUrl } = o;
  const { adapter } = config.miner;
  await Promise.race([events.first, realClock.sleep(REPORTER_AFTER_MS, ending).catch(() => undefined)]);
  const { startReporter } = await import('../reporter/reporter.ts');
  const { httpRequest } = await import('../platform/http.ts');
  const minerView = (): MinerView => ({
    state: supervisor.state(),
    adapter,
    apiPort: ports.api,
    release: config.miner.from === 'release' ? config.miner.release.version : null,
    algo: config.algo,
    pool: poolUrl(),
  });
  const reporter = startReporter({
    ...{ home: config.home, logger, clock: realClock, random: Math.random },
    ...{ http: httpRequest, spawn: spawnGroup, run: runForOutput, env: minerEnvironment(process.env, {}, null) },
    ...{ minerLogPath: minerLogPath(config.home), headLogPath: join(config.home, 'log', 'head.log') },
    nvidiaSmiPath: 'nvidia-smi',
    ...{ worker: config.worker, boot: config.boot, token: config.token },
    ...{ collectors: config.collectors, pins: config.collectorPins },
    exportPort: (name) => egressPorts.get(name) ?? 0,
    onExport,
    miner: minerView,
    meter: config.relay ? meter : null,
    hostExtras: {
      release: __SPOTRIG_VERSION__,
      payload_sha256: config.payloadSha256,
      server: config.server,
      expect: config.expect,
      country: config.country,
    },
    onSample: (sample) => supervisor.observe(sample),
    onLine: (source, line) => {
      const sign = source === 'miner' ? adapter.logSign(line) : null;
      if (sign !== null) supervisor.sign(sign);
    },
  });
  events.handTo((event) => reporter.event(event));
  realClock.setTimer(STEADY_AFTER_MS, () => STEADY_FLAGS.forEach((flag) => setFlagsFromString(flag)));
  return reporter;
}

/** Loads and starts the prober, well after the miner; the relay and the uplink then choose by what it finds. */
async function probe(
  o: {
    config: Config;
    logger: Logger;
    supervisor: Supervisor;
    events: HandOver<EventInput>;
    stalls: HandOver<PoolStall>;
    reporter: Reporter;
    /** Filled in as collectors tell it. */
    network: { key: string | null };
    relay: () => Relay | null;
  },
  ending: AbortSignal,
): Promise<void> {
  const { config, logger, supervisor, events, stalls, reporter, network, relay } = o;
  const { probe: profile } = config;
  if (profile === null) return;
  await realClock.sleep(PROBER_AFTER_MS, ending).catch(() => undefined);
  if (ending.aborted) return;
  const { startReachability } = await import('../reporter/start-reachability.ts');
  const { algoProfile } = await import('../stratum/algos.ts');
  const sampler = startReachability(
    {
      ...{ home: config.home, pools: config.pools, dialect: algoProfile(config.algo).dialect, wallet: config.wallet },
      ...{ collectors: config.collectors, pins: config.collectorPins, token: config.token },
      ...{ version: __SPOTRIG_VERSION__, profile },
    },
    {
      ...{ clock: realClock, random: Math.random, logger },
      isHashing: () => supervisor.state() === 'hashing',
      onRecord: (record) => {
        network.key = record.egress?.key ?? network.key;
        reporter.measured(record);
      },
      onRanks: (ranks, sinceMs) => {
        relay()?.setRanking(ranks, sinceMs);
        reporter.rankCollectors(ranks);
      },
      onEvent: (event) => events.push(event),
    },
  );
  ending.addEventListener('abort', () => sampler.stop(), { once: true });
  stalls.handTo((stalled) => sampler.fault(stalled));
  events.handTo((event) => {
    reporter.event(event);
    if (POOL_FAULTS.has(event.event)) sampler.fault();
  });
}

/** Loads and opens the tunnel; null where the settings name none. */
async function openTunnel(
  o: {
    config: Config;
    logger: Logger;
    ports: Ports;
    egressPorts: ReadonlyMap<string, number>;
    /** Whether each export's last connection carried data. */
    exportsWell: ReadonlyMap<string, boolean>;
    events: HandOver<EventInput>;
    reporter: Reporter;
    network: { key: string | null };
    store: ArtifactStore;
    mirrors: readonly string[];
  },
  ending: AbortSignal,
): Promise<Tunnel | null> {
  const { config, logger, ports, egressPorts, exportsWell, events, reporter, network, store, mirrors } = o;
  const { frp: addresses, frpCa: ca, frpc, frpSshKey: sshKey, egressKey, expose, country, home, boot } = config;
  const token = parseToken(config.token);
  if (addresses.length === 0 || ca === null || frpc === null || token === null) return null;
  await realClock.sleep(TUNNEL_AFTER_MS, ending).catch(() => undefined);
  if (ending.aborted) return null;
  const { Tunnel } = await import('./frp/tunnel.ts');
  const tunnel = new Tunnel({
    ...{ home, boot, token, addresses, ca, sshKey, country, expose, egressKey, egressPorts, exportsWell },
    minerPort: () => ports.api,
    network: () => network.key,
    program: (signal) =>
      frpc.from === 'path' ? store.preinstalled(frpc.path) : store.ensure(frpc.release, mirrors, signal),
    onRecord: (record) => reporter.measured(record),
    onSample: (sample) => reporter.measured(sample),
    emit: (event) => events.push(event),
    ...{ clock: realClock, random: Math.random, logger },
  });
  void tunnel.run(ending);
  return tunnel;
}

/** The visitors' ports of the exports that the settings name; nothing is loaded where they name none. */
async function portsOfExports(config: Config, logger: Logger): Promise<ReadonlyMap<string, number>> {
  const names = egressNames(config);
  if (names.length === 0) return new Map();
  const { keepEgressPorts } = await import('./frp/egress-ports.ts');
  return keepEgressPorts({ home: config.home, boot: config.boot, names, logger });
}

/** The share meter, kept on disk at every change: it goes on where a Node of this boot was killed. */
async function keptMeter(config: Config, logger: Logger): Promise<ShareMeter> {
  const saved = await readMeterState(config.home, config.boot, realClock.nowMs());
  const disk = openMeterState(config.home, config.boot);
  const save = (): void => {
    try {
      disk.write({ saved_at_ms: realClock.nowMs(), state: meter.state() });
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the share meter could not be saved');
    }
  };
  const meter: ShareMeter = new ShareMeter(realClock, save);
  if (saved !== null) meter.restore(saved.state, Math.min(saved.since_ms, RESTART_MAX_MS));
  return meter;
}

/** A fault of ours: the owner is told, the miner goes on, and the next Node adopts it. */
async function dieOf(fault: unknown, reporter: Reporter, logger: Logger): Promise<number> {
  const stack = scrub(fault instanceof Error ? (fault.stack ?? fault.message) : String(fault));
  logger.error({ stack }, 'internal error');
  reporter.event({ event: 'internal_error', level: 'error', detail: messageOf(fault), log: stack.split('\n') });
  await reporter.stop(FLUSH_MS);
  return EX_SOFTWARE;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stdout.write(`spotrig: ${messageOf(error)}\n${scrub(error instanceof Error ? (error.stack ?? '') : '')}\n`);
    process.exit(EX_SOFTWARE);
  },
);
