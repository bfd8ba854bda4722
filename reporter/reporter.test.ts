import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tRex } from '../miners/t-rex.ts';
import type { HttpRequest } from '../platform/http.ts';
import { silentLogger } from '../platform/logger.ts';
import type { RunResult } from '../platform/process.ts';
import { forgetSecrets, registerSecret } from '../platform/secrets.ts';
import { reachabilityOf } from '../test/fakes/reachability.ts';
import { FakeClock } from '../test/fakes/clock.ts';
import { FakeCollector } from '../test/fakes/report-collector.ts';
import type { WireRecord } from '../wire/records.ts';
import { startReporter, type Reporter, type ReporterOptions } from './reporter.ts';
import { Spool } from './spool/spool.ts';
import type { MeterView, MinerView } from './run-view.ts';

const BOOT = 'a'.repeat(32);
const SECRETS = ['sr1.k.w1.9999999999.the-mac', 'pool-password', 'login.of-pool'];

let home = '';
let clock: FakeClock;
let collector: FakeCollector;
let view: MinerView;
let apiText: string;
let windows: number;
let reporters: Reporter[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'reporter-'));
  await mkdir(join(home, 'log'));
  clock = new FakeClock();
  collector = new FakeCollector();
  view = {
    state: 'preparing',
    adapter: tRex,
    apiPort: null,
    release: '0.26.8',
    algo: 'kawpow',
    pool: 'stratum+tcp://p.test:1',
  };
  apiText = JSON.stringify({ name: 't-rex', hashrate: 31_300_000, gpus: [] });
  windows = 0;
  reporters = [];
});
afterEach(async () => {
  for (const reporter of reporters) await stop(reporter);
  forgetSecrets();
  await rm(home, { recursive: true });
});

const meter: MeterView = {
  delivered: (window_ms) => ({ rate_hs: 3e7, low_hs: 2e7, high_hs: 4e7, window_ms }),
  takeWindow: () => ({
    window_ms: 15_000,
    connected_ms: 15_000,
    dialect: 'bitcoin',
    accepted: 1,
    rejected: 0,
    stale: 0,
    unanswered: 0,
    unmeasured: 0,
    work_hashes: 4e9,
    work_sq_hashes2: 1.6e19,
    work_max_hashes: 4e9,
    share_work_hashes: 4e9,
    pool_rtt_ms: 48,
    accepted_total: ++windows,
    rejected_total: 0,
    stale_total: 0,
    unanswered_total: 0,
  }),
};

const absent: RunResult = {
  code: null,
  signal: null,
  error: Object.assign(new Error('spawn nvidia-smi'), { code: 'ENOENT' }),
  stdout: '',
  stderr: '',
  timedOut: false,
};

function start(o: Partial<ReporterOptions> = {}): Reporter {
  const reporter = startReporter({
    worker: 'w1',
    boot: BOOT,
    token: SECRETS[0] ?? '',
    collectors: ['https://c.test'],
    pins: [],
    home,
    env: {},
    nvidiaSmiPath: 'nvidia-smi',
    minerLogPath: join(home, 'log', 'miner.log'),
    headLogPath: join(home, 'log', 'head.log'),
    hostExtras: { release: '0.1.0', payload_sha256: null, server: null, expect: null, country: null },
    miner: () => view,
    meter,
    onSample: () => undefined,
    onLine: () => undefined,
    clock,
    random: () => 0.5,
    http: (r: HttpRequest) =>
      r.url.startsWith('http://127.0.0.1')
        ? Promise.resolve({ status: 200, headers: {}, body: Buffer.from(apiText) })
        : collector.http(r),
    spawn: () => ({ pid: 0, stdout: null, exited: Promise.resolve(absent), kill: () => undefined }),
    run: () => Promise.resolve(absent),
    logger: silentLogger,
    ...o,
  });
  reporters.push(reporter);
  return reporter;
}

async function stop(reporter: Reporter): Promise<void> {
  let ended = false;
  void reporter.stop(3000).then(() => (ended = true));
  await pass(5000, () => ended);
}

async function pass(maxMs: number, done: () => boolean = () => false): Promise<number> {
  const begin = clock.monoMs();
  while (clock.monoMs() - begin < maxMs && !done()) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 2)); // disk and zlib
  }
  return clock.monoMs() - begin;
}

function of<K extends WireRecord['kind']>(kind: K): Extract<WireRecord, { kind: K }>[] {
  return collector.records.filter((r): r is Extract<WireRecord, { kind: K }> => r.kind === kind);
}

describe('reporter', () => {
  it('tells of the start and the host within a second or two', async () => {
    start();
    expect(await pass(5000, () => of('host').length === 1)).toBeLessThanOrEqual(1500);
    expect(of('lifecycle').map((e) => e.event)).toEqual(expect.arrayContaining(['worker_started', 'gpu_tool_absent']));
    expect(of('hashrate')[0]).toMatchObject({ state: 'preparing', claimed_hs: null });
    expect(of('gpu')).toEqual([]);
  });

  it('reports every 15 s, and soon after the first hashes', async () => {
    start();
    await pass(5000);
    view = { ...view, state: 'starting', apiPort: 4067 };
    await pass(3000);
    view = { ...view, state: 'hashing' };
    await pass(4500, () => of('hashrate').some((r) => r.claimed_hs === 31_300_000));
    expect(of('hashrate').at(-1)).toMatchObject({ state: 'hashing', claimed_hs: 31_300_000, delivered_hs: 3e7 });
    const before = collector.stored.length;
    await pass(60_000);
    expect(collector.stored.length - before).toBe(4);
    expect(of('shares').map((s) => s.accepted_total)).toEqual(of('shares').map((_, i) => i + 1));
    expect(of('host')).toHaveLength(1);
  });

  it('sends an error at once, but a flood of them in few reports', async () => {
    const reporter = start();
    await pass(4000);
    const before = collector.stored.length;
    for (let i = 0; i < 300; i++)
      reporter.event({ event: 'miner_exited', level: 'error', detail: `fall ${i}`, log: ['last words'] });
    expect(await pass(5000, () => of('lifecycle').some((e) => e.detail === 'fall 299'))).toBeLessThan(5000);
    expect(collector.stored.length - before).toBeLessThanOrEqual(5); // 26 KB, in pieces below a filter's threshold
    expect(of('lifecycle').at(-1)).toMatchObject({ event: 'miner_exited', log: ['last words'], exit_code: null });
  });

  it('reports new log lines once, and has the last ones at hand', async () => {
    const heard: string[] = [];
    await writeFile(join(home, 'log', 'head.log'), 'head: runtime is here\n');
    await writeFile(join(home, 'log', 'miner.log'), 'of an earlier run\n');
    const reporter = start({ onLine: (source, line) => heard.push(`${source} ${line}`) });
    await pass(1000);
    await appendFile(join(home, 'log', 'miner.log'), '\u001b[31mgenerating DAG\u001b[0m\n');
    expect(await reporter.minerTail(5)).toEqual(['of an earlier run', 'generating DAG']);
    await pass(20_000);
    expect(heard).toEqual(['head head: runtime is here', 'miner generating DAG']);
    expect(of('log').map((l) => [l.source, ...l.lines])).toEqual([
      ['head', 'head: runtime is here'],
      ['miner', 'generating DAG'],
    ]);
  });

  it('lets no secret out: not in logs, events, API answers or details', async () => {
    SECRETS.forEach(registerSecret);
    const dirty = SECRETS.join(' ');
    const encoded = Buffer.from(`user:${SECRETS[1]}`).toString('base64');
    apiText = JSON.stringify({ name: 't-rex', version: dirty, algorithm: dirty, hashrate: 1, gpus: [] });
    view = {
      ...view,
      state: 'hashing',
      apiPort: 1,
      algo: `kawpow ${SECRETS[1]}`,
      pool: `stratum+tcp://${SECRETS[2]}@p.test:1`,
    };
    const reporter = start({
      hostExtras: { release: '0.1.0', payload_sha256: null, server: SECRETS[1] ?? '', expect: dirty, country: null },
    });
    await pass(300);
    await writeFile(
      join(home, 'log', 'miner.log'),
      `connecting as ${dirty}\nbasic ${encoded}\n${'x'.repeat(390)}${SECRETS[0]}\n`,
    );
    await writeFile(join(home, 'log', 'head.log'), `${encodeURIComponent(dirty)}\n`);
    reporter.event({
      event: 'miner_exited',
      level: 'error',
      detail: `argv: ["t-rex","-p",${JSON.stringify(SECRETS[1])}] ${'y'.repeat(570)} ${SECRETS[0]}`,
      log: [`--user ${SECRETS[2]}`],
    });
    await pass(20_000);
    await stop(reporter);
    const kinds = new Set(collector.records.map((r) => r.kind));
    expect([...kinds].toSorted()).toEqual(['hashrate', 'host', 'lifecycle', 'log', 'shares']);
    let everything = JSON.stringify(collector.stored);
    for (const name of await readdir(join(home, 'spool')))
      everything += await readFile(join(home, 'spool', name), 'utf8');
    for (const secret of SECRETS) {
      expect(everything).not.toContain(secret);
      expect(everything).not.toContain(secret.slice(0, 9));
    }
    expect(everything).not.toContain(encoded.slice(8, 20));
    expect(everything).toContain('***');
  });

  it('keeps what it measured through an outage and a restart of Node, and tells nothing twice', async () => {
    collector.fate = () => 'drop_before';
    const first = start();
    await pass(40_000);
    await stop(first);
    expect(collector.stored).toEqual([]);
    collector.fate = () => 'ok';
    start();
    await pass(40_000);
    const seqs = collector.stored.map((e) => e.seq);
    expect(seqs).toEqual(seqs.map((_, i) => i));
    const totals = of('shares').map((s) => s.accepted_total);
    expect(totals).toEqual(totals.map((_, i) => i + 1));
    expect(of('lifecycle').filter((e) => e.event === 'worker_started')).toHaveLength(2);
  });

  it('goes on without a disk, and has every event and the host when there is one again', async () => {
    await writeFile(join(home, 'spool'), 'a file where the folder should be');
    const reporter = start();
    reporter.event({ event: 'artifact_failed', level: 'error', detail: 'disk is full' });
    await pass(20_000);
    expect(collector.stored).toEqual([]);
    await rm(join(home, 'spool'));
    await pass(300_000, () => of('host').length > 0); // the disk is a real one, and may be slow
    expect(of('lifecycle').map((e) => e.event)).toEqual(expect.arrayContaining(['worker_started', 'artifact_failed']));
    expect(of('host')).toHaveLength(1);
  });

  it('tells how many reports a full disk cost, and keeps what is told once', async () => {
    const full = vi.spyOn(Spool.prototype, 'append').mockRejectedValue(new Error('ENOSPC: no space left on device'));
    const reporter = start();
    reporter.measured(reachabilityOf());
    await pass(20_000);
    full.mockRestore();
    await pass(300_000, () => of('lifecycle').some((e) => e.event === 'spool_dropped'));
    expect(of('host')).toHaveLength(1);
    expect(of('reachability')).toHaveLength(1);
    expect(of('lifecycle').filter((e) => e.event === 'worker_started')).toHaveLength(1);
    expect(of('lifecycle').find((e) => e.event === 'spool_dropped')?.detail).toMatch(
      /^[12] reports could not be written/,
    );
  });

  it('writes a last report when it is stopped, and ends in time when nobody answers', async () => {
    const reporter = start();
    await pass(2000);
    reporter.event({ event: 'worker_stopping', level: 'info', detail: 'SIGTERM' });
    await stop(reporter);
    expect(of('lifecycle').map((e) => e.event)).toContain('worker_stopping');

    const hanging = start({ http: () => new Promise(() => undefined) });
    await pass(2000);
    let ended = false;
    void hanging.stop(3000).then(() => (ended = true));
    expect(await pass(10_000, () => ended)).toBeLessThanOrEqual(3500);
  });
});
