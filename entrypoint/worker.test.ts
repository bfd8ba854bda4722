import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { minerReleases } from '../miners/pinned.ts';
import { tRex } from '../miners/t-rex.ts';
import { realClock, type Clock } from '../platform/clock.ts';
import { SpotrigError } from '../platform/errors.ts';
import { silentLogger } from '../platform/logger.ts';
import { ShareMeter } from '../stratum/share-meter.ts';
import { writeRecord } from './artifacts/program-record.ts';
import { ArtifactStore } from './artifacts/store.ts';
import { readConfig } from './config.ts';
import { Supervisor, type SupervisorEvent } from './supervise/supervisor.ts';
import { Watchdog } from './supervise/watchdog.ts';
import { choosePorts, findRunningMiners, runMiner, type WorkerDeps } from './worker.ts';

const TOKEN = `sr1.k1.rig-1.9999999999.${'A'.repeat(43)}`;

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spotrig-worker-'));
  await mkdir(join(home, 'run'));
  await writeFile(join(home, 'miner'), '#!/bin/bash\necho "$*"\n');
  await chmod(join(home, 'miner'), 0o755);
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

/** A worker of the pinned t-rex; `onEvent` is called with each event. */
function worker(onEvent: (event: SupervisorEvent) => void, clock: Clock = realClock): WorkerDeps {
  const read = readConfig({
    SPOTRIG_COLLECTOR: 'http://127.0.0.1:1',
    SPOTRIG_TOKEN: TOKEN,
    SPOTRIG_MINER: 't-rex',
    SPOTRIG_ALGO: 'kawpow',
    SPOTRIG_POOLS: 'stratum+tcp://127.0.0.1:1',
    SPOTRIG_WALLET: 'w',
    SPOTRIG_HOME: home,
    SPOTRIG_BOOT: 'a'.repeat(32),
  });
  if ('refusal' in read) throw new Error(read.refusal.complaints.join());
  const common = { clock, logger: silentLogger, emit: onEvent, onStall: () => undefined, onExport: () => undefined };
  const supervisor = new Supervisor({
    ...common,
    adapter: tRex,
    logPath: join(home, 'miner.log'),
    cwd: home,
    watchdog: new Watchdog({ graceMs: 1000 }),
    shares: () => null,
  });
  return {
    ...common,
    config: read.config,
    env: {},
    random: () => 0,
    mirrors: [],
    egressPorts: new Map(),
    meter: new ShareMeter(realClock),
    supervisor,
  };
}

it('makes room before it fetches the program, and gives every start an API port of its own', async () => {
  const calls: string[] = [];
  const store = {
    prune: () => Promise.resolve(calls.push('prune')),
    has: () => calls.includes('program'),
    ensure: () => {
      calls.push('program');
      if (!calls.includes('prune')) throw new SpotrigError('disk_low', 'no room');
      return Promise.resolve(join(home, 'miner'));
    },
  } as unknown as ArtifactStore;
  const twice = Promise.withResolvers<void>();
  let ended: readonly string[] = [];
  const deps = worker((event) => {
    if (event.event !== 'miner_exited') return;
    ended = event.log ?? [];
    if (ended.length === 2) twice.resolve();
  });
  const ports = choosePorts([], 'a'.repeat(32));
  expect(ports.api).toBe(null);
  const ran = runMiner(deps, store, ports, [], new AbortController().signal);
  await twice.promise;
  await deps.supervisor.stop();
  await ran;
  expect(calls.slice(0, 3)).toEqual(['prune', 'program', 'program']);
  const asked = ended.map((line) => /--api-bind-http 127\.0\.0\.1:(\d+)/.exec(line)?.[1]);
  expect(new Set(asked).size).toBe(2);
  expect(Number(asked[1])).toBe(ports.api);
});

it('reads the program again a minute after the start: a damaged one is told of, counts as absent, and the miner goes on', async () => {
  const [release] = minerReleases;
  if (release === undefined) throw new Error('no release is pinned');
  const folder = join(home, 'artifacts', release.sha256);
  const program = join(folder, 't-rex');
  const text = '#!/bin/bash\nexec sleep 60\n';
  await mkdir(folder, { recursive: true });
  await writeFile(program, text, { mode: 0o755 });
  await writeRecord(folder, { size_bytes: text.length, sha256: createHash('sha256').update(text).digest('hex') });

  // Only the minute is waited for by hand.
  const minute = Promise.withResolvers<void>();
  const clock: Clock = {
    ...realClock,
    sleep: (ms, signal) => (ms === 60_000 ? minute.promise : realClock.sleep(ms, signal)),
  };
  const events: SupervisorEvent[] = [];
  const [started, damaged] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const emit = (event: SupervisorEvent): void => {
    events.push(event);
    if (event.event === 'miner_started') started.resolve();
    if (event.event === 'artifact_failed') damaged.resolve();
  };
  const deps = worker(emit, clock);
  const store = new ArtifactStore({ home, boot: 'a'.repeat(32), clock, logger: silentLogger, emit });
  const ran = runMiner(deps, store, choosePorts([], 'a'.repeat(32)), [], new AbortController().signal);
  await started.promise;
  expect(store.has(release)).toBe(true);
  await writeFile(program, text.replace('60', '61'));
  minute.resolve();
  await damaged.promise;
  expect(events.at(-1)).toMatchObject({ level: 'error', detail: expect.stringContaining('has changed on the disk') as string }); // prettier-ignore
  expect(store.has(release)).toBe(false);
  expect((await findRunningMiners(home)).length).toBe(1);
  await deps.supervisor.stop();
  await ran;
  expect(events.map((e) => e.event)).not.toContain('miner_exited');
});
