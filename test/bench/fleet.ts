// A large fleet on one collector: two thousand workers that report every 15 s, each under an order, and a reader who looks all the while.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Pool } from 'undici';
import { loadKeys } from '../../collector/keys.ts';
import { DATABASE_FILE } from '../../collector/main.ts';
import { mintToken } from '../../collector/tokens.ts';
import { realClock } from '../../platform/clock.ts';
import type { OrderRegistration } from '../../wire/orders.ts';
import { gzipped, hostRecord, typicalEnvelope } from '../fakes/reports.ts';
import { startCollectorProcess } from '../rig/collector-process.ts';
import { type Bench, type Findings, type Measurement, plain } from './measurement.ts';
import { cpuMsOf, memoryOf } from './process-cost.ts';
import { median, quantile } from './statistics.ts';

const WORKERS = 2000;
const EVERY_MS = 15_000;
const LOOK_EVERY_MS = 3000;
const READ_MAX_MS = 200;

/** What 2,000 workers cost the collector, and how it answers meanwhile. */
export const fleet: Measurement = { name: 'fleet', about: '2,000 workers on one collector for ten minutes', run };

async function run(bench: Bench): Promise<Findings> {
  const run_ms = bench.quick ? 90_000 : 600_000;
  const releaseDir = await bench.release();
  const dataDir = join(bench.workDir, 'fleet');
  const pageDir = join(releaseDir, 'page');
  const collector = await startCollectorProcess({ port: 0, dataDir, releaseDir, pageDir });
  const reports = new Pool(collector.url, { connections: 64 });
  const reader = new Pool(collector.url, { connections: 4 });
  try {
    const keys = await loadKeys(dataDir);
    const expires_s = Math.floor(Date.now() / 1000) + 86_400;
    const workers = Array.from({ length: WORKERS }, (_, i) => `rig-${i}`);
    const tokens = workers.map((worker) => mintToken(keys, { worker, expires_s }));
    await registerOrders(reader, workers);

    const delays: number[] = [];
    let [sent, refused] = [0, 0];
    const first = performance.now();
    const until = first + run_ms;
    const cpu_before_ms = await cpuMsOf(collector.pid);
    const looks = lookAllTheWhile(reader, { until, signal: bench.signal, pid: collector.pid });
    await Promise.all(
      workers.map(async (worker, i) => {
        // Spread over the interval, as they start at any moment.
        for (let seq = 0, due = first + (i / WORKERS) * EVERY_MS; due < until; seq++, due += EVERY_MS) {
          await realClock.sleep(Math.max(0, due - performance.now()), bench.signal);
          const isOk = await report(reports, { worker, token: tokens[i] ?? '', seq });
          delays.push(performance.now() - due);
          if (isOk) sent += 1;
          else refused += 1;
          if (i === 0 && seq % 4 === 0)
            bench.say(`${Math.round((performance.now() - first) / 1000)} s of ${run_ms / 1000}`);
        }
      }),
    );
    const seen = await looks;
    const cpu_pct = ((await cpuMsOf(collector.pid)) - cpu_before_ms) / ((performance.now() - first) / 100);
    await collector.stop();
    const stored = storedReports(join(dataDir, DATABASE_FILE));
    return findingsOf({ sent, refused, stored, delays, cpu_pct, ...seen });
  } finally {
    await Promise.all([reports.destroy(), reader.destroy()]);
    await collector.kill();
  }
}

interface Seen {
  view_ms: number[];
  machines_ms: number[];
  rss_bytes: number[];
}

function findingsOf(
  o: Seen & { sent: number; refused: number; stored: number; delays: number[]; cpu_pct: number },
): Findings {
  const { sent, refused, stored } = o;
  const view_ms = median(o.view_ms);
  const machines_ms = median(o.machines_ms);
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const third = Math.max(1, Math.floor(o.rss_bytes.length / 3));
  const bounded = (what: string, ms: number, all: readonly number[]) => ({
    ...{ what, measured: `${ms.toFixed(0)} ms (p95 ${quantile(all, 0.95).toFixed(0)})`, against: `${READ_MAX_MS} ms` },
    ...{ ratio: ms / READ_MAX_MS, budget: '≤ 1 ×', isOk: ms <= READ_MAX_MS },
  });
  return {
    rows: [
      {
        ...{ what: 'reports stored', measured: String(stored), against: `acknowledged: ${sent}`, ratio: stored / sent },
        ...{ budget: '= 1 ×', isOk: stored === sent && refused === 0 },
      },
      bounded('page’s first view', view_ms, o.view_ms),
      bounded('/api/v1/machines', machines_ms, o.machines_ms),
      plain('a report’s answer', `${median(o.delays).toFixed(0)} ms (p99 ${quantile(o.delays, 0.99).toFixed(0)})`),
      plain(
        'memory',
        `${mb(median(o.rss_bytes.slice(-third)))}, most ${mb(Math.max(...o.rss_bytes))}`,
        `first third: ${mb(median(o.rss_bytes.slice(0, third)))}`,
      ),
      plain('processor', `${o.cpu_pct.toFixed(0)} % of one core`),
    ],
    values: { ...o, delays: undefined, delay_p50_ms: median(o.delays), delay_p99_ms: quantile(o.delays, 0.99) },
  };
}

/** What a reader's browser asks for at its first view, and a bot's question; no other answer is waited for meanwhile. */
async function lookAllTheWhile(reader: Pool, o: { until: number; signal: AbortSignal; pid: number }): Promise<Seen> {
  const seen: Seen = { view_ms: [], machines_ms: [], rss_bytes: [] };
  const html = await read(reader, '/');
  const assets = [...html.matchAll(/(?:src|href)="(\/?[^"]+\.(?:js|css))"/g)].map(
    (m) => `/${(m[1] ?? '').replace(/^\//, '')}`,
  );
  const timed = async (paths: readonly string[]): Promise<number> => {
    const began = performance.now();
    for (const path of paths) await read(reader, path);
    return performance.now() - began;
  };
  while (performance.now() < o.until) {
    await realClock.sleep(LOOK_EVERY_MS, o.signal);
    seen.view_ms.push(await timed(['/', ...assets, '/api/v1/workers']));
    seen.machines_ms.push(await timed(['/api/v1/machines']));
    seen.rss_bytes.push((await memoryOf(o.pid)).rss_bytes);
  }
  return seen;
}

async function read(pool: Pool, path: string): Promise<string> {
  const { statusCode, body } = await pool.request({ path, method: 'GET' });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${text.slice(0, 200)}`);
  return text;
}

async function report(pool: Pool, o: { worker: string; token: string; seq: number }): Promise<boolean> {
  const { worker, token, seq } = o;
  const sentAt = Date.now();
  const envelope = typicalEnvelope({ worker, seq, sentAt });
  if (seq === 0) envelope.records.push(hostRecord(sentAt));
  const { statusCode, body } = await pool.request({
    path: '/v1/reports',
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: gzipped(envelope),
  });
  await body.dump();
  return statusCode === 200;
}

async function registerOrders(pool: Pool, workers: readonly string[]): Promise<void> {
  const placed_at = new Date().toISOString();
  const orders = workers.map((worker, i): OrderRegistration => ({
    ...{ server: 1000 + i, host: String(i % 300), worker, bid_clore_day: 10, placed_at, ended_at: null },
    ...{ expect: [{ model: 'RTX 3070', count: 4 }], power_limits_w: [130, 130, 130, 130], order_id: null },
  }));
  for (let i = 0; i < orders.length; i += 1000) {
    const { statusCode, body } = await pool.request({
      ...{ path: '/api/v1/orders', method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(orders.slice(i, i + 1000)),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`orders: ${statusCode} ${text}`);
  }
}

function storedReports(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(db.prepare('SELECT count(*) AS n FROM reports').get()?.['n']);
  } finally {
    db.close();
  }
}
