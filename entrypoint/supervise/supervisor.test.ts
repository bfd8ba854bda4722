import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MinerAdapter } from '../../miners/miner.ts';
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { findMarked, identify, isAlive, type ProcessId } from '../../platform/process.ts';
import { formatMark, homeMark, MARKER, parseMark, specHash } from './marker.ts';
import { Watchdog, WATCHDOG_RULES } from './watchdog.ts';
import { Supervisor, type MinerSpec, type RunningMiner, type SupervisorEvent } from './supervisor.ts';

/** A stand-in miner for these tests: a shell script. */
const fakeAdapter: MinerAdapter = {
  name: 'fake-miner',
  argv: () => [],
  env: {},
  apiUrl: () => '',
  parseApi: async () => null,
  logSign: () => null,
  graceMs: 1000,
  stopLadder: [
    { signal: 'SIGINT', waitMs: 300 },
    { signal: 'SIGKILL', waitMs: 3000 },
  ],
  needsNvidia: false,
};

/** A silent API is a fault at once, for the one test that asks. */
const RULES = { ...WATCHDOG_RULES, api_silent: { after_ms: 0, restarts_max: 1, memory_ms: 60_000 } };

let home: string;
let events: SupervisorEvent[];
let waiting: { event: string; resolve: () => void }[];
const supervisors: Supervisor[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spotrig-supervisor-'));
  events = [];
  waiting = [];
});
afterEach(async () => {
  for (const s of supervisors.splice(0)) await s.stop();
  for (const { process: p } of await running()) process.kill(-p.id.pid, 'SIGKILL');
  await rm(home, { recursive: true });
});

function supervisor(adapter = fakeAdapter): Supervisor {
  const s = new Supervisor({
    adapter,
    logPath: join(home, 'miner.log'),
    cwd: home,
    clock: realClock,
    logger: silentLogger,
    watchdog: new Watchdog({ graceMs: 0, rules: RULES }),
    shares: () => null,
    emit: (e) => {
      events.push(e);
      for (const w of waiting) if (w.event === e.event) w.resolve();
    },
  });
  supervisors.push(s);
  return s;
}

function next(event: string): Promise<void> {
  return new Promise((resolve) => waiting.push({ event, resolve }));
}

function spec(script: string, boot = 'a'.repeat(32)): MinerSpec {
  const argv = ['/bin/bash', '-c', script];
  const env = { PATH: '/usr/bin:/bin' };
  return { argv, env, mark: { home: homeMark(home), boot, spec: specHash(argv, env), apiPort: 1, relayPort: 2 } };
}

function run(s: Supervisor, wanted: MinerSpec, found: readonly RunningMiner[] = []): Promise<void> {
  return s.run(found, () => Promise.resolve(wanted));
}

async function running(): Promise<RunningMiner[]> {
  return (await findMarked(MARKER)).flatMap((p) => {
    const mark = parseMark(p.value);
    return mark?.home === homeMark(home) ? [{ process: p, mark }] : [];
  });
}

it('starts a miner with its mark and its log, tells of its end with the last lines, and starts it again', async () => {
  const s = supervisor();
  const exited = next('miner_exited');
  const ran = run(s, spec('echo "one line"; exit 3'));
  await exited;
  expect(events.map((e) => e.event)).toEqual(['miner_started', 'miner_exited']);
  expect(events[1]).toMatchObject({ exit_code: 3, log: ['one line'], level: 'warn' });
  await next('miner_exited');
  await s.stop();
  await ran;
  expect(s.state()).toBe('stopped');
  expect(await readFile(join(home, 'miner.log'), 'utf8')).toBe('one line\none line\n');
});

it('says why a program cannot be started', async () => {
  const s = supervisor();
  const exited = next('miner_exited');
  const ran = run(s, { ...spec(''), argv: ['/nowhere/miner'] });
  await exited;
  expect(events[0]).toMatchObject({ event: 'miner_exited', exit_code: null });
  expect(events[0]?.detail).toContain('ENOENT');
  await s.stop();
  await ran;
});

it('adopts the miner of the same start and spec, and stops any other first', async () => {
  const same = spec('trap "" INT; echo up; while :; do sleep 0.1; done');
  const first = supervisor();
  const started = next('miner_started');
  void run(first, same); // this supervisor stands for a Node that was killed: nobody stops it
  await started;
  const [before] = await running();
  if (before === undefined) throw new Error('no miner runs');

  const second = supervisor();
  const adopted = next('miner_adopted');
  void run(second, same, await running());
  await adopted;
  expect((await running()).map((r) => r.process.id)).toEqual([before.process.id]);
  expect(second.state()).toBe('starting');

  const other = spec('echo other; sleep 60', 'b'.repeat(32));
  const third = supervisor();
  void run(third, other, await running());
  await next('miner_started');
  const now = await running();
  expect(now.filter((r) => formatMark(r.mark) === formatMark(other.mark))).toHaveLength(1);
  expect(await isAlive(before.process.id)).toBe(false);
  await Promise.all([first.stop(), second.stop()]);
});

it('climbs the ladder for a miner that does not listen', async () => {
  const s = supervisor();
  const started = next('miner_started');
  const ran = run(s, spec('trap "" INT TERM; echo up; while :; do sleep 0.1; done'));
  await started;
  await s.stop();
  await ran;
  expect(events.at(-1)).toMatchObject({ event: 'miner_stopped', level: 'info' });
  expect(await running()).toEqual([]);
});

it('restarts a miner for a fault of the watchdog, with the evidence, and after that only tells', async () => {
  const s = supervisor();
  const started = next('miner_started');
  const ran = run(s, spec('trap "exit 0" INT; echo "last words"; while :; do sleep 0.05; done'));
  await started;
  const [first] = await running();
  await vi.waitFor(async () => expect(await readFile(join(home, 'miner.log'), 'utf8')).toContain('last words'));
  const again = next('miner_started');
  s.observe(null);
  await again;
  expect(events.find((e) => e.event === 'watchdog_api_silent')).toMatchObject({ level: 'error', log: ['last words'] });
  expect(events.map((e) => e.event)).not.toContain('miner_exited');
  const [second] = await running();
  expect(second?.process.id.pid).not.toBe(first?.process.id.pid);
  const told = next('watchdog_api_silent');
  s.observe(null);
  await told;
  expect(events.at(-1)?.detail).toContain('only a report');
  expect((await running()).map((r) => r.process.id)).toEqual([second?.process.id]);
  await s.stop();
  await ran;
});

/** A miner that a killed Node left behind: INT and TERM do nothing to it. */
async function leftBehind(boot: string): Promise<ProcessId> {
  const earlier = supervisor();
  const started = next('miner_started');
  void run(earlier, spec('trap "" INT TERM; while :; do sleep 0.05; done', boot));
  await started;
  const id = (await running()).find((r) => r.mark.boot === boot)?.process.id;
  if (id === undefined) throw new Error('no miner runs');
  return id;
}

const AT_ONCE = [{ signal: 'SIGKILL', waitMs: 3000 }] as const;

it('stops what runs from an earlier start although the program is not there yet', async () => {
  const id = await leftBehind('b'.repeat(32));
  const s = supervisor();
  void s.run(await running(), () => new Promise<MinerSpec>(() => undefined));
  await s.stop(AT_ONCE);
  expect(await isAlive(id)).toBe(false);
  expect(s.state()).toBe('stopped');
});

it('stops by the given ladder also while a miner of an earlier start is being stopped by the longer one', async () => {
  const id = await leftBehind('b'.repeat(32));
  const slow = { ...fakeAdapter, stopLadder: [{ signal: 'SIGINT', waitMs: 60_000 }] as const };
  const s = supervisor(slow);
  const ran = run(s, spec('sleep 60'), await running());
  await s.stop(AT_ONCE);
  await ran;
  expect(await isAlive(id)).toBe(false);
  expect(await running()).toEqual([]);
});

it('leaves no miner, and no longer ladder than the given one, when a stop comes while one is being started', async () => {
  const slow = { ...fakeAdapter, stopLadder: [{ signal: 'SIGINT', waitMs: 60_000 }] as const };
  for (let turns = 0; turns < 12; turns++) {
    const s = supervisor(slow);
    const ran = run(s, spec('trap "" INT; while :; do sleep 0.05; done'));
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    await s.stop(AT_ONCE);
    await ran;
    expect(await running()).toEqual([]);
  }
});

it('is told as stopped from the moment that it is being stopped', async () => {
  const s = supervisor();
  const started = next('miner_started');
  const ran = run(s, spec('sleep 60'));
  await started;
  const unknown = { name: null, version: null, algo: null, uptime_s: null, accepted: null, rejected: null };
  s.observe({ ...unknown, claimed_hs: 5, gpus: [] });
  expect(s.state()).toBe('hashing');
  const stopped = s.stop();
  expect(s.state()).toBe('stopped');
  await stopped;
  await ran;
});

it('ends helpers that outlive their leader, so that there are never two miners', async () => {
  const s = supervisor();
  const exited = next('miner_exited');
  const ran = run(s, spec('sleep 60 & echo $!; exit 1'));
  await exited;
  const helper = Number((await readFile(join(home, 'miner.log'), 'utf8')).trim());
  await s.stop();
  await ran;
  await expect.poll(() => identify(helper)).toBe(null);
});

it('asks for the program before every start', async () => {
  const s = supervisor();
  const started = next('miner_started');
  let asked = 0;
  const ran = s.run([], () => Promise.resolve(asked++ === 0 ? { ...spec(''), argv: ['/gone'] } : spec('sleep 60')));
  await started;
  expect(asked).toBe(2);
  await s.stop();
  await ran;
});
