// Pool and miner together, as real processes and sockets: what the pool books must fit what the miner really hashed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writePracticeMinerLauncher } from './bundle.ts';
import { startCryptonotePool } from './cryptonote-pool.ts';
import type { PracticePool } from './practice-pool.ts';
import { startSha256dPool } from './sha256d-pool.ts';

let dir = '';
let launcher = '';
let pool: PracticePool;
let miner: ReturnType<typeof run> | null = null;

function run(argv: readonly string[]) {
  return execa(launcher, argv, { reject: false });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-rig-'));
  launcher = await writePracticeMinerLauncher(dir, ['--practice-throttle-hs', '40000', '--practice-dag-ms', '50']);
});
afterAll(() => rm(dir, { recursive: true }));
afterEach(async () => {
  miner?.kill('SIGKILL');
  await miner;
  miner = null;
  await pool.close();
});

function start(apiPort: number, ...flags: string[]): ReturnType<typeof run> {
  const api = `127.0.0.1:${apiPort}`;
  const line = ['-a', 'sha256d', '-o', pool.url, '-u', 'W', '-w', 'r1', '-p', 'x', '--api-bind-http', api, '-N', '30'];
  const running = run([...line, '--practice-reconnect-ms', '50', ...flags]);
  miner = running;
  return running;
}

async function freePort(): Promise<number> {
  const taken = await startSha256dPool();
  await taken.close();
  return taken.port;
}

async function getJson(port: number, path: string): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return (await response.json()) as Record<string, number>;
}

async function accepted(count: number): Promise<void> {
  await expect
    .poll(() => pool.stats().workers['W.r1']?.accepted ?? 0, { timeout: 15_000, interval: 50 })
    .toBeGreaterThan(count);
}

describe('practice rig', () => {
  it('delivers what it hashed while it claims three times as much', async () => {
    pool = await startSha256dPool({ startDifficulty: 4e-7, targetShareMs: 40 });
    const port = await freePort();
    const running = start(port, '--practice-inflate', '3');
    await accepted(60);
    // The rate is sampled once a second.
    await expect
      .poll(async () => (await getJson(port, '/summary'))['hashrate'], { timeout: 10_000 })
      .toBeGreaterThan(0);
    const [summary, truth] = [await getJson(port, '/summary'), await getJson(port, '/practice/truth')];
    const book = pool.stats().workers['W.r1'];
    expect(book?.rejected).toEqual({});
    // Sixty shares tell the work to about 13 %; these bounds are some four times that.
    const delivered = (book?.work_hashes ?? 0) / Number(truth['hashes']);
    expect(delivered).toBeGreaterThan(0.5);
    expect(delivered).toBeLessThan(1.8);
    const claimed = Number(summary['hashrate']) / Number(truth['true_hs']);
    expect(claimed).toBeGreaterThan(1.5);
    expect(claimed).toBeLessThan(6);
    expect(Number(truth['true_hs'])).toBeLessThan(44_000);

    running.kill('SIGINT');
    const result = await running;
    expect(result.exitCode).toBe(0);
    const log = String(result.stdout);
    for (const line of ['Authorized successfully.', 'generating DAG', 'DAG generated [', '[ OK ] 1/1 - '])
      expect(log).toContain(line);
  });

  it('comes back when the pool drops it', async () => {
    pool = await startSha256dPool({ startDifficulty: 4e-7, targetShareMs: 40 });
    void start(await freePort());
    await accepted(2);
    pool.dropConnections();
    await expect.poll(() => pool.stats().connections_total, { timeout: 5000 }).toBe(2);
    const before = pool.stats().workers['W.r1']?.accepted ?? 0;
    await accepted(before);
  });

  it('speaks the CryptoNote dialect too', async () => {
    pool = await startCryptonotePool({ algo: 'practice-sha256d', startHashes: 2000, targetShareMs: 40 });
    void start(await freePort(), '--practice-dialect', 'cryptonote');
    await accepted(10);
    expect(pool.stats().workers['W.r1']?.rejected).toEqual({});
  });

  it('dies on demand: by itself with a code, and not by INT when told so', async () => {
    pool = await startSha256dPool();
    expect((await start(await freePort(), '--practice-exit-after-ms', '1', '--practice-exit-code', '7')).exitCode).toBe(
      7,
    );
    const running = start(await freePort(), '--practice-ignore-int', '1');
    await expect.poll(() => pool.stats().connections, { timeout: 5000 }).toBe(1);
    const ignored = new Promise<void>((resolve) => {
      running.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('SIGINT ignored')) resolve();
      });
    });
    running.kill('SIGINT');
    await ignored;
    running.kill('SIGTERM');
    const result = await running;
    expect(result.exitCode).toBe(143);
  });

  it.each(['sha256d-pool', 'cryptonote-pool'])('%s runs from the command line and ends clean', async (name) => {
    pool = await startSha256dPool();
    const cli = execa(process.execPath, [join(import.meta.dirname, `${name}.ts`), '--json'], { reject: false });
    const ready = await new Promise<string>((resolve) =>
      cli.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(JSON.parse(ready)).toMatchObject({ ready: true });
    cli.kill('SIGTERM');
    expect((await cli).exitCode).toBe(0);
    const help = await execa(process.execPath, [join(import.meta.dirname, `${name}.ts`), '--help']);
    expect(help.stdout).toContain('--target-share-ms');
  });
});
