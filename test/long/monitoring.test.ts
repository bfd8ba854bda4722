// What people have beside us: Debian's Prometheus scrapes the real collector with our file, every expression of the dashboard and of
// the alerts is one that it understands and has data for, and an alert comes up.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { execa } from 'execa';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { type Child, spawnGroup } from '../../platform/process.ts';
import { envelope, gpuRecord, gzipped, hashrateRecord, hostRecord, sharesRecord } from '../fakes/reports.ts';
import { type CollectorProcess, startCollectorProcess } from '../rig/collector-process.ts';
import { until } from '../rig/fleet.ts';

const MONITORING = join(import.meta.dirname, '../../docs/monitoring');
const ADMIN_TOKEN = 'admin-token-of-the-monitoring-test';
/** Families whose absence is the good case, or which no report of this test brings about. */
const MAY_BE_EMPTY =
  /refused_store_unavailable|advice=~"cancel\|blacklist"|machine_verdict|avg_over_time|state="stuck"/;

let dir: string;
let collector: CollectorProcess;
let prometheus: Child;
let base: string;
let seq = 0;
let reporting: NodeJS.Timeout;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-monitoring-'));
  writeFileSync(join(dir, 'admin-token.txt'), ADMIN_TOKEN);
  const releaseDir = inject('releaseDir');
  collector = await startCollectorProcess({
    ...{ port: 0, dataDir: join(dir, 'data'), releaseDir, pageDir: join(releaseDir, 'page') },
    args: ['--admin-token-file', join(dir, 'admin-token.txt'), '--offline-after-s', '15'],
  });
  await report();
  reporting = setInterval(() => void report(), 2000);
  const port = await freeLoopbackPort();
  base = `http://127.0.0.1:${port}`;
  const config = readFileSync(join(MONITORING, 'prometheus.yml'), 'utf8')
    .replace('127.0.0.1:8480', new URL(collector.url).host)
    .replaceAll('_interval: 15s', '_interval: 1s')
    .replace('  - alert.rules.yml', `  - ${join(MONITORING, 'alert.rules.yml')}`);
  writeFileSync(join(dir, 'prometheus.yml'), config);
  prometheus = spawnGroup({
    argv: [
      ...['prometheus', `--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'],
    ],
    env: { PATH: process.env['PATH'] ?? '' },
    ...{ stdout: 1, stderr: 'stdout' },
  });
});
afterAll(async () => {
  clearInterval(reporting);
  prometheus?.kill('SIGKILL');
  await prometheus?.exited;
  await collector?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function report(): Promise<void> {
  const now = Date.now();
  const token = mintToken(await loadKeys(join(dir, 'data')), {
    worker: 'rig-1',
    expires_s: Math.floor(now / 1000) + 3600,
  });
  const records = [hostRecord(now), hashrateRecord(now), sharesRecord(now, 15), gpuRecord(now, [120, 121])];
  const answer = await fetch(`${collector.url}/v1/reports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: new Uint8Array(gzipped(envelope({ seq: seq++, sentAt: now, records }))),
  });
  expect(answer.status).toBe(200);
}

async function ask(path: string, params: Record<string, string> = {}): Promise<unknown> {
  const answer = await fetch(`${base}/api/v1/${path}?${new URLSearchParams(params).toString()}`);
  const body = (await answer.json()) as { status: string; data: unknown; error?: string };
  if (body.status !== 'success') throw new Error(`${JSON.stringify(params)}: ${body.error ?? ''}`);
  return body.data;
}

const samplesOf = async (query: string): Promise<unknown[]> =>
  ((await ask('query', { query })) as { result: unknown[] }).result;

/** Every string under a key of this name. */
function textsUnder(value: unknown, key: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === key && typeof inner === 'string' ? [inner] : textsUnder(inner, key),
  );
}

it('is scraped with the files that we give, and every expression has data', async () => {
  await until('the first scrape', 60_000, async () => {
    try {
      return (await samplesOf('up{job="spotrig"} == 1')).length > 0 ? true : null;
    } catch (error) {
      if (error instanceof TypeError || String(error).includes('Service Unavailable')) return null;
      throw error;
    }
  });
  const dashboard: unknown = JSON.parse(readFileSync(join(MONITORING, 'grafana-dashboard.json'), 'utf8'));
  const rules = (await ask('rules')) as { groups: { rules: { query: string }[] }[] };
  const alerts = rules.groups.flatMap((group) => group.rules.map(({ query }) => query));
  const panels = textsUnder(dashboard, 'expr').map((expr) => expr.replaceAll('$worker', '.*'));
  expect(alerts.length).toBeGreaterThan(5);
  expect(panels.length).toBeGreaterThan(10);
  // The judge looks some seconds after the first report.
  await until('a judged machine', 60_000, async () =>
    (await samplesOf('spotrig_machine_expected_hashrate_hs')).length > 0 ? true : null,
  );
  const names = new Set((await ask('label/__name__/values')) as string[]);
  for (const expr of [...panels, ...alerts]) {
    await samplesOf(expr);
    for (const [family] of expr.matchAll(/spotrig_[a-z_]+/g)) {
      if (!MAY_BE_EMPTY.test(expr)) expect(names, `${family} of ${expr}`).toContain(family);
    }
  }
  // Rates need a second scrape.
  for (const expr of panels.filter((text) => !MAY_BE_EMPTY.test(text)))
    await until(`data of ${expr}`, 30_000, async () => ((await samplesOf(expr)).length > 0 ? true : null));
});

it('says that a worker is silent', async () => {
  clearInterval(reporting);
  await until('the alert', 60_000, async () => {
    const { alerts } = (await ask('alerts')) as { alerts: { labels: Record<string, string>; state: string }[] };
    return alerts.some(({ labels }) => labels['alertname'] === 'SpotrigWorkerOffline' && labels['worker'] === 'rig-1')
      ? true
      : null;
  });
});

it('passes Prometheus’s own check of rules', async () => {
  const { stdout } = await execa('promtool', ['check', 'rules', join(MONITORING, 'alert.rules.yml')]);
  expect(stdout).toContain('SUCCESS');
});
