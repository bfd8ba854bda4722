import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tRex } from '../miners/t-rex.ts';
import { realClock } from '../platform/clock.ts';
import { SpotrigError } from '../platform/errors.ts';
import { silentLogger } from '../platform/logger.ts';
import { ShareMeter } from '../stratum/share-meter.ts';
import type { ArtifactStore } from './artifacts/store.ts';
import { readConfig } from './config.ts';
import { Supervisor } from './supervise/supervisor.ts';
import { Watchdog } from './supervise/watchdog.ts';
import { choosePorts, runMiner, type WorkerDeps } from './worker.ts';

const TOKEN = `sr1.k1.rig-1.9999999999.${'A'.repeat(43)}`;

let home: string;
let ended: string[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spotrig-worker-'));
  await mkdir(join(home, 'run'));
  await writeFile(join(home, 'miner'), '#!/bin/bash\necho "$*"\n');
  await chmod(join(home, 'miner'), 0o755);
  ended = [];
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

/** A worker whose miner ends at once; `onEnd` is called with each of its command lines. */
function worker(onEnd: () => void): WorkerDeps {
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
  const emit: WorkerDeps['emit'] = (event) => {
    if (event.event !== 'miner_exited') return;
    ended = [...(event.log ?? [])];
    onEnd();
  };
  const common = { clock: realClock, logger: silentLogger, emit };
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
  const deps = worker(() => {
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
