import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { serveMinerApi, siText, summaryOf, type MinerState } from './miner-api.ts';
import { parseMinerFlags, type ApiMode } from './miner-flags.ts';

const flags = parseMinerFlags(
  ['-o', 'stratum+tcp://127.0.0.1:3333', '-u', 'W', '-w', 'r1', '--practice-inflate', '2', '--practice-gpus', '2'],
  {},
);
const state: MinerState = {
  startedMs: 1_767_222_000_000,
  nowMs: 1_767_222_060_000,
  hashes: 9_000_000,
  hashing_s: 60,
  rate_hs: 150_000.4,
  rateMinute_hs: 149_000,
  accepted: 61,
  rejected: 1,
  shareHashes: 150_000,
  lastShareHashes: 150_000,
  ping_ms: 1.4,
  retries: 0,
  lastSubmit_s: 1_767_222_059,
};

async function ask(mode: ApiMode, path: string): Promise<{ type: string | null; body: string }> {
  const server = serveMinerApi(
    { host: '127.0.0.1', port: 0 },
    mode,
    { summary: () => summaryOf(flags, state), truth: () => ({}) },
    (error) => {
      throw error;
    },
  );
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(300) });
    return { type: response.headers.get('content-type'), body: await response.text() };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('practice miner API', () => {
  it("answers in t-rex's shape, the claim inflated and spread over the GPUs", async () => {
    const { body } = await ask('ok', '/summary');
    const summary = JSON.parse(body) as { gpus: { hashrate: number }[] };
    expect(summary).toMatchObject({
      name: 'practice-miner',
      version: '1.0.0',
      hashrate: 300_001,
      hashrate_minute: 298_000,
      accepted_count: 61,
      rejected_count: 1,
      uptime: 60,
      gpu_total: 2,
      active_pool: { url: 'stratum+tcp://127.0.0.1:3333', user: 'W', worker: 'r1', difficulty: '150.00 K', ping: 1 },
    });
    expect(summary.gpus.map((gpu) => gpu.hashrate)).toEqual([150_001, 150_000]);
  });

  it('can answer with a page, with half a JSON, or not at all', async () => {
    expect((await ask('html', '/summary')).type).toBe('text/html');
    const { body } = await ask('truncate', '/summary');
    expect(() => JSON.parse(body) as unknown).toThrow(SyntaxError);
    await expect(ask('hang', '/summary')).rejects.toThrow(/timeout/);
  });

  it('tells the truth in every mode', async () => {
    expect((await ask('hang', '/practice/truth')).body).toBe('{}');
  });

  it('writes difficulties with SI suffixes', () => {
    expect([4_295_032_833, 85_900, 12].map(siText)).toEqual(['4.30 G', '85.90 K', '12.00']);
  });
});
