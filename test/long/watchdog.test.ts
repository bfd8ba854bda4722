// Each rule of the watchdog with a real miner that really fails, from the fault to the collector: the practice miner in a process
// of its own, the supervisor, the relay, a practice pool, and the reporter that tells a fake collector. Only the times of the rules
// are shorter: they are data (Watchdog's `rules`), and the worker's own are in WATCHDOG_RULES.
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { homeMark, MARKER, specHash } from '../../entrypoint/supervise/marker.ts';
import { Supervisor } from '../../entrypoint/supervise/supervisor.ts';
import { Watchdog, WATCHDOG_RULES, type Rule, type RuleName } from '../../entrypoint/supervise/watchdog.ts';
import { tRex } from '../../miners/t-rex.ts';
import { realClock, type Clock } from '../../platform/clock.ts';
import { httpRequest } from '../../platform/http.ts';
import { silentLogger } from '../../platform/logger.ts';
import { findMarked, runForOutput, signalGroup, spawnGroup } from '../../platform/process.ts';
import { startReporter } from '../../reporter/reporter.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { startRelay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';
import type { LifecycleRecord } from '../../wire/records.ts';
import { FakeCollector } from '../fakes/report-collector.ts';
import { writePracticeMinerLauncher } from '../rig/bundle.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';
import { until } from '../rig/fleet.ts';

const LIMIT_MS = 180_000;
const BOOT = 'b'.repeat(32);
const SHORT: Rule = { after_ms: 1_000, restarts_max: 1, memory_ms: 600_000 };
/** The reporter polls every second and reports every three. */
const quickClock: Clock = { ...realClock, setTimer: (ms, fn) => realClock.setTimer(ms / 5, fn) };
/** t-rex in all but patience. */
const adapter = {
  ...tRex,
  graceMs: 2_000,
  stopLadder: [
    { signal: 'SIGINT', waitMs: 500 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ],
} as const;

let dir: string;
let launcher: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-watchdog-'));
  launcher = await writePracticeMinerLauncher(join(dir, 'practice'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Watched {
  /** Waits for so many events of this name at the collector, and returns them all. */
  told: (event: string, count?: number) => Promise<LifecycleRecord[]>;
  count: (event: string) => number;
  /** Pid of the miner that runs now and is not this one. */
  miner: (butNot?: number) => Promise<number>;
}

/** A worker's parts around a practice miner with these flags; the watchdog's patience is short for one rule. */
async function watched(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  name: string,
  short: RuleName | null,
  flags: readonly string[],
): Promise<Watched> {
  const home = join(dir, name);
  for (const folder of ['run', 'log', 'spool']) await mkdir(join(home, folder), { recursive: true });
  const pool = await startSha256dPool({ targetShareMs: 500, startDifficulty: 1e-6 });
  const parsed = parsePoolUrl(`stratum+tcp://127.0.0.1:${pool.port}`);
  if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
  const collector = new FakeCollector();
  const meter = new ShareMeter(realClock);
  const relay = await startRelay({
    ...{ listenHost: '127.0.0.1', listenPort: 0, endpoints: [parsed.pool] },
    ...{ clock: realClock, logger: silentLogger, meter, onEvent: () => undefined },
  });
  const apiPort = await freeLoopbackPort();
  const logPath = join(home, 'log/miner.log');
  const supervisor = new Supervisor({
    ...{ adapter, logPath, cwd: home, clock: realClock, logger: silentLogger },
    emit: (event) => reporter.event(event),
    watchdog: new Watchdog({
      graceMs: adapter.graceMs,
      rules: short === null ? WATCHDOG_RULES : { ...WATCHDOG_RULES, [short]: SHORT },
    }),
    shares: () => meter.facts(),
  });
  const reporter = startReporter({
    ...{ worker: 'rig-1', boot: BOOT, token: 't', collectors: ['http://collector.test'], pins: [], home, env: {} },
    ...{ nvidiaSmiPath: '/nowhere/nvidia-smi', minerLogPath: logPath, headLogPath: join(home, 'log/head.log') },
    hostExtras: { release: '0', payload_sha256: null, server: null, expect: null, country: null },
    miner: () => ({ state: supervisor.state(), adapter, apiPort, release: null, algo: 'sha256d', pool: null }),
    meter,
    onSample: (sample) => supervisor.observe(sample),
    onLine: (source, line) => {
      const sign = source === 'miner' ? adapter.logSign(line) : null;
      if (sign !== null) supervisor.sign(sign);
    },
    http: (request) =>
      request.url.startsWith('http://collector.test') ? collector.http(request) : httpRequest(request),
    ...{ clock: quickClock, random: Math.random, spawn: spawnGroup, run: runForOutput, logger: silentLogger },
  });
  const argv = adapter.argv({
    ...{ binary: launcher, algo: 'sha256d', wallet: 'w', worker: 'rig-1', password: 'x', apiPort },
    pool: { host: '127.0.0.1', port: relay.port, tls: null },
    extraArgs: ['-N', '1', '--practice-throttle-hs', '20000', '--practice-dag-ms', '100', ...flags],
  });
  const env = { PATH: '/usr/bin:/bin' };
  const mark = { home: homeMark(home), boot: BOOT, spec: specHash(argv, env), apiPort, relayPort: relay.port };
  const ran = supervisor.run([], () => Promise.resolve({ argv, env, mark }));
  onTestFinished(async () => {
    await supervisor.stop([{ signal: 'SIGKILL', waitMs: 5_000 }]);
    await ran;
    await reporter.stop(1_000);
    await relay.close();
    await pool.close();
  });
  const all = (event: string): LifecycleRecord[] =>
    collector.records.filter((r): r is LifecycleRecord => r.kind === 'lifecycle' && r.event === event);
  return {
    told: (event, count = 1) =>
      until(`${count} × ${event}`, LIMIT_MS, () => Promise.resolve(all(event).length >= count ? all(event) : null)),
    count: (event) => all(event).length,
    miner: (butNot) =>
      until('a miner', LIMIT_MS, async () => {
        const mine = (await findMarked(MARKER)).find((m) => m.value.startsWith(mark.home));
        return mine === undefined || mine.id.pid === butNot ? null : mine.id.pid;
      }),
  };
}

describe.concurrent('a miner that fails is told of with evidence, and restarted once', { timeout: LIMIT_MS }, () => {
  it('hangs: its API is silent', async (test) => {
    const rig = await watched(test, 'hang', 'api_silent', []);
    const pid = await rig.miner();
    await realClock.sleep(3_000);
    signalGroup(pid, 'SIGSTOP');
    const [fault] = await rig.told('watchdog_api_silent');
    expect(fault).toMatchObject({ level: 'error', detail: expect.stringMatching(/no whole answer for \d+ s; the miner is restarted/) as string }); // prettier-ignore
    expect(fault?.log.join('\n')).toContain('practice-miner');
    await rig.miner(pid);
  });

  it('hashes nothing: told and restarted, and the second time only told', async (test) => {
    const rig = await watched(test, 'stall', 'zero_hashrate', ['--practice-stall-after-ms', '2500']);
    const [first, second] = await rig.told('watchdog_zero_hashrate', 2);
    expect(first?.detail).toMatch(/says 0 H\/s for \d+ s.*; the miner is restarted$/);
    expect(second?.detail).toMatch(/it was restarted for that already, so this is only a report$/);
    expect(rig.count('miner_started')).toBe(2);
    expect(rig.count('miner_exited')).toBe(0);
  });

  it('claims a rate and hands in no share', async (test) => {
    const rig = await watched(test, 'no-share', 'no_share', [
      '--practice-throttle-hs',
      '400',
      '--practice-inflate',
      '1000',
    ]);
    const pid = await rig.miner();
    const [fault] = await rig.told('watchdog_no_share');
    expect(fault?.detail).toMatch(/no share was accepted for \d+ s; at the claimed \d+ H\/s one is expected every 0 s; the miner is restarted/); // prettier-ignore
    await rig.miner(pid);
  });

  it.for<[RuleName, string, string]>([
    ['gpu_lost', 'ERROR: GPU #0: GPU is lost, reboot the rig', 'a lost GPU'],
    ['cuda_error', 'ERROR: CUDA_ERROR_ILLEGAL_ADDRESS in kernel launch', 'a CUDA error'],
  ])('says %s in its log', async ([rule, line, words], test) => {
    const rig = await watched(test, rule, rule, ['--practice-say', line]);
    const pid = await rig.miner();
    const [fault] = await rig.told(`watchdog_${rule}`);
    expect(fault?.detail).toContain(`log told of ${words}`);
    expect(fault?.log.join('\n')).toContain(line);
    await rig.miner(pid);
  });

  it('keeps ending: after five fast exits it is tried slowly', async (test) => {
    const rig = await watched(test, 'exits', null, ['--practice-exit-after-ms', '200', '--practice-exit-code', '3']);
    const exits = await rig.told('miner_exited', 5);
    expect(exits.map((e) => e.level)).toEqual(['warn', 'warn', 'warn', 'warn', 'error']);
    expect(exits[4]).toMatchObject({ exit_code: 3, detail: expect.stringContaining('next start in 300 s, because it keeps ending') as string }); // prettier-ignore
    expect(exits[4]?.log.join('\n')).toContain('practice-miner ends');
    expect(rig.count('miner_started')).toBe(5);
  });
});
