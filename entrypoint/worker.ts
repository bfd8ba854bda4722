// The worker's miner: from settings to a running program behind the relay. Converges: each pass compares what is there with
// what should be there and does what is missing, so a kill at any point costs only the next pass.
import { basename, dirname, join } from 'node:path';
import type { MinerLaunch } from '../miners/miner.ts';
import { backoffMs } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { codeOf, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { findMarked } from '../platform/process.ts';
import { startRelay, type Relay } from '../stratum/relay.ts';
import type { ShareMeter } from '../stratum/share-meter.ts';
import type { KeyMemory } from '../stratum/pool-key.ts';
import type { Stall } from '../wire/reachability.ts';
import { throughVisitors, type PoolUrl } from '../stratum/pool-url.ts';
import { route } from '../stratum/route.ts';
import type { ArtifactStore } from './artifacts/store.ts';
import type { Config, Environment } from './config.ts';
import { minerEnvironment } from './miner-env.ts';
import { nvmlLibraryDir } from './nvml-link.ts';
import { freeLoopbackPort } from './ports.ts';
import { homeMark, MARKER, parseMark, specHash, type Mark } from './supervise/marker.ts';
import type { MinerSpec, RunningMiner, Supervisor, SupervisorEvent } from './supervise/supervisor.ts';

/** Between two tries to get the miner's program. */
const FETCH_BACKOFF = { baseMs: 5_000, maxMs: 300_000 };
/** Whether there is room now costs nothing to ask, and each minute without a miner costs rent. */
const DISK_LOOK_MS = 15_000;
/** After the start, so that reading the program again does not hold it up. */
const TIDY_AFTER_MS = 60_000;

/** The customary password of pools that want none. */
const NO_PASSWORD = 'x';

export interface WorkerDeps {
  config: Config;
  env: Environment;
  clock: Clock;
  random: () => number;
  logger: Logger;
  /** Visitors' loopback ports, by the export's name. */
  egressPorts: ReadonlyMap<string, number>;
  /** Mirrors in order, for `<mirror>/artifacts/<sha256>`. */
  mirrors: readonly string[];
  meter: ShareMeter;
  supervisor: Supervisor;
  emit: (event: SupervisorEvent) => void;
  /** The relay's connection to an endpoint died after it had served. */
  onStall: (url: string, stall: Stall) => void;
  /** Whether a connection through an export of frp carried data. */
  onExport: (name: string, isWell: boolean) => void;
}

/** Ports of the miner's API and of the relay; an adopted miner knows only the ones it was started with. */
export interface Ports {
  /** null before the first start: it is chosen right before, so that no other program can take it meanwhile. */
  api: number | null;
  /** 0: whichever is free when the relay is opened. */
  relay: number;
}

/** Where the miner's log is. */
export function minerLogPath(home: string): string {
  return join(home, 'log', 'miner.log');
}

/** Marked miners of this home that run now. */
export async function findRunningMiners(home: string): Promise<RunningMiner[]> {
  const mine = homeMark(home);
  return (await findMarked(MARKER)).flatMap((process) => {
    const mark = parseMark(process.value);
    return mark?.home === mine ? [{ process, mark }] : [];
  });
}

/** The ports of a miner of this boot that still runs; else none yet. */
export function choosePorts(running: readonly RunningMiner[], boot: string): Ports {
  const known = running.find(({ mark }) => mark.boot === boot)?.mark;
  return known === undefined ? { api: null, relay: 0 } : { api: known.apiPort, relay: known.relayPort };
}

/**
 * Starts the relay for the pools. Where its port is taken, by whatever program, it takes another: a miner that was started for the
 * old one is then replaced, because its command line is no longer the wanted one.
 */
export async function openRelay(deps: WorkerDeps, ports: Ports): Promise<Relay> {
  const open = (listenPort: number): Promise<Relay> =>
    startRelay({
      listenHost: '127.0.0.1',
      listenPort,
      endpoints: throughVisitors(deps.config.pools, (name) => deps.egressPorts.get(name) ?? 0),
      country: deps.config.country,
      keys: keptKeys(deps),
      // "x" is what the miner says by itself: the line then passes unchanged.
      ...(deps.config.password === NO_PASSWORD ? {} : { password: deps.config.password }),
      clock: deps.clock,
      logger: deps.logger,
      meter: deps.meter,
      algo: deps.config.algo,
      onEvent: ({ event, level, detail }) => deps.emit({ event, level, detail }),
      onStall: deps.onStall,
      onExport: deps.onExport,
    });
  try {
    return await open(ports.relay);
  } catch (error) {
    if (codeOf(error) !== 'relay_listen_failed') throw error;
    deps.logger.warn({ port: ports.relay }, 'the relay’s port is taken, another is used');
    return open(0);
  }
}

/**
 * The path of the miner's program: the one that is there already, or the pinned release, fetched again and again until it is
 * there. Rejects only with the signal's reason.
 */
export async function obtainProgram(deps: WorkerDeps, store: ArtifactStore, signal: AbortSignal): Promise<string> {
  const { miner } = deps.config;
  let told = '';
  for (let attempt = 0; ; attempt++) {
    try {
      return miner.from === 'path'
        ? await store.preinstalled(miner.path)
        : await store.ensure(miner.release, deps.mirrors, signal);
    } catch (error) {
      signal.throwIfAborted();
      const isFull = codeOf(error) === 'disk_low';
      const delayMs = isFull ? DISK_LOOK_MS : backoffMs(attempt, { ...FETCH_BACKOFF, random: deps.random });
      const detail = `${messageOf(error)}; next try in ${Math.round(delayMs / 1000)} s`;
      if (detail !== told) {
        deps.logger.error({ detail }, 'the miner’s program is not there');
        deps.emit({ event: isFull ? 'disk_low' : 'artifact_failed', level: 'error', detail });
      }
      told = detail;
      await deps.clock.sleep(delayMs, signal);
    }
  }
}

/** What the start need not wait for: old artefacts go, and a program that was trusted by its name is compared with what came. */
async function lookAfterStore(deps: WorkerDeps, store: ArtifactStore, signal: AbortSignal): Promise<void> {
  const { miner } = deps.config;
  try {
    await deps.clock.sleep(TIDY_AFTER_MS, signal);
    await pruneArtifacts(deps, store, signal);
    if (miner.from === 'release') await store.recheck(miner.release, signal);
  } catch (error) {
    if (!signal.aborted) deps.logger.warn({ error: messageOf(error) }, 'the miner’s program could not be read again');
  }
}

/** Keys of pools on disk; loaded when a pool with TLS is dialled. */
function keptKeys({ config, logger }: WorkerDeps): KeyMemory {
  let loaded: Promise<KeyMemory> | null = null;
  const keys = (): Promise<KeyMemory> =>
    (loaded ??= import('./pool-keys.ts').then(({ PoolKeys }) => new PoolKeys(config.home, logger)));
  return {
    get: async (endpoint) => (await keys()).get(endpoint),
    set: async (endpoint, spki_sha256) => (await keys()).set(endpoint, spki_sha256),
  };
}

/** The endpoint that comes first while nothing is known of any. */
export function firstPool({ pools, country }: Config): PoolUrl {
  const [place = 0] = route({ endpoints: pools, country, ranks: new Map(), health: [], current: null, nowMs: 0 });
  const pool = pools[place];
  if (pool === undefined) throw new TypeError('no pool'); // readConfig refuses an empty list
  return pool;
}

/** Everything that a miner is started with. */
function minerSpec(deps: WorkerDeps, binary: string, ports: Ports & { api: number }): MinerSpec {
  const { config } = deps;
  const { adapter } = config.miner;
  const launch: MinerLaunch = {
    binary,
    algo: config.algo,
    pool: config.relay ? { host: '127.0.0.1', port: ports.relay, tls: null } : firstPool(config),
    // The relay puts in the password, and the endpoint's own login where it has one: a command line is no place for a secret.
    wallet: config.wallet ?? 'spotrig',
    worker: config.poolWorker,
    password: config.relay ? NO_PASSWORD : config.password,
    apiPort: ports.api,
    extraArgs: config.minerArgs,
  };
  const libraryDir = adapter.needsNvidia ? nvmlLibraryDir(join(config.home, 'run')) : null;
  const argv = adapter.argv(launch);
  const env = minerEnvironment(deps.env, adapter.env, libraryDir);
  const mark: Mark = {
    home: homeMark(config.home),
    boot: config.boot,
    spec: specHash(argv, env),
    apiPort: ports.api,
    relayPort: ports.relay,
  };
  return { argv, env, mark };
}

/** Removes what no plan needs: an order's disk is 650 MB. What runs now stays: payload, runtime, the miner's release and frpc's. */
async function pruneArtifacts(deps: WorkerDeps, store: ArtifactStore, signal: AbortSignal): Promise<void> {
  const { miner, payloadSha256, frp, frpc } = deps.config;
  const keep = new Set([basename(dirname(process.execPath))]);
  if (payloadSha256 !== null) keep.add(payloadSha256);
  if (miner.from === 'release') keep.add(miner.release.sha256);
  if (frp.length > 0 && frpc?.from === 'release') keep.add(frpc.release.sha256);
  try {
    await store.prune(keep, signal);
  } catch (error) {
    deps.logger.warn({ error: messageOf(error) }, 'old artefacts could not be removed');
  }
}

/** Gets the program and keeps the miner running until the signal. */
export async function runMiner(
  deps: WorkerDeps,
  store: ArtifactStore,
  ports: Ports,
  running: readonly RunningMiner[],
  signal: AbortSignal,
): Promise<void> {
  void lookAfterStore(deps, store, signal);
  const { miner } = deps.config;
  let starts = 0;
  await deps.supervisor.run(running, async () => {
    // Before anything is fetched: on a full disk it makes the room.
    if (miner.from === 'release' && !store.has(miner.release)) await pruneArtifacts(deps, store, signal);
    const binary = await obtainProgram(deps, store, signal);
    // Another one at every start: the old one may have been taken since, and that may be why the miner ended.
    const api = ports.api === null || starts > 0 ? await freeLoopbackPort() : ports.api;
    ports.api = api;
    starts++;
    return minerSpec(deps, binary, { ...ports, api });
  });
}
