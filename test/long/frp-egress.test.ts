// Reaching out through frp, with the real frps and frpc: the pool and the collector behind the operator's exports, the worker's
// visitors, and a direct way to both that is blocked and opened again. The practice miner's shares and the reports go on all the time.
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { loadFrpSecrets } from '../../collector/frp/secrets.ts';
import { staffTicket } from '../../collector/frp/tickets.ts';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { keepEgressPorts } from '../../entrypoint/frp/egress-ports.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { egressKeyId } from '../../platform/derive.ts';
import { httpRequest } from '../../platform/http.ts';
import { silentLogger } from '../../platform/logger.ts';
import { openSpool } from '../../reporter/spool/spool.ts';
import { Uplink } from '../../reporter/uplink.ts';
import type { EventInput } from '../../reporter/run-view.ts';
import type { RelayEvent } from '../../stratum/pool-choice.ts';
import { parsePoolUrl, throughVisitors } from '../../stratum/pool-url.ts';
import { startRelay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';
import { EventsAnswer, WorkerDetail, WorkersAnswer } from '../../wire/api.ts';
import { FRP_EGRESS, FRP_TICKET_META, egressProxyName } from '../../wire/frp-names.ts';
import { makeCertificate } from '../fakes/certificate.ts';
import { FakeCollector } from '../fakes/report-collector.ts';
import { frpBinaries, frpMissing } from '../frp/binaries.ts';
import { certificateFor } from '../frp/fronts.ts';
import { startGate, type Gate } from '../frp/gate.ts';
import { exportOf, frpcConfig, frpsConfig, startFrp, visitorOf, type FrpProcess } from '../frp/processes.ts';
import { writePracticeMinerLauncher } from '../rig/bundle.ts';
import { startCollectorProcess } from '../rig/collector-process.ts';
import { startContractWorker } from '../rig/contract-worker.ts';
import { getJson, until } from '../rig/fleet.ts';
import { runMiner } from '../rig/run-miner.ts';
import { startSha256dPool } from '../rig/sha256d-pool.ts';

const BOOT = 'e'.repeat(32);
const KEY_ID = '0123abcd';
const KEY = randomBytes(16).toString('hex');
const TOKEN = randomBytes(16).toString('hex');
/** A direct pool that failed is well again so soon; ten minutes in the product. */
const CALM_MS = 1_000;
/** The programs are built once, on two slow cores. */
const BUILD_LIMIT_MS = 600_000;
const missing = await frpMissing();

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Ends with the test. */
async function frp(...[options]: Parameters<typeof startFrp>): Promise<FrpProcess> {
  const started = await startFrp(options);
  cleanups.push(() => started.kill());
  return started;
}

/** The operator's side and the worker's frpc; the exports lead to these ports. */
async function startTunnel(home: string, exports: Readonly<Record<string, number>>) {
  const { frps, frpc } = await frpBinaries();
  const names = Object.keys(exports);
  const ports = await keepEgressPorts({ home, boot: BOOT, names, logger: silentLogger });
  const serverPort = await freeLoopbackPort();
  const common = { dir: home, port: serverPort, token: TOKEN };
  await frp({ ...common, program: frps, name: 'frps', config: frpsConfig(common) });
  const proxies = names.map((name) => exportOf(egressProxyName(name, KEY_ID), KEY, exports[name] ?? 0));
  const operator = (): Promise<FrpProcess> =>
    frp({
      ...{ ...common, program: frpc, name: 'operator' },
      config: frpcConfig({ ...common, user: FRP_EGRESS, more: { proxies } }),
    });
  const visitors = names.map((name) => visitorOf(name, egressProxyName(name, KEY_ID), KEY, ports.get(name) ?? 0));
  const worker = await frp({
    ...{ ...common, program: frpc, name: 'worker' },
    config: frpcConfig({ ...common, user: 'rig-1', more: { visitors } }),
  });
  await worker.said(/start visitor success/);
  return { ports, operator };
}

async function gate(port: number): Promise<Gate> {
  const made = await startGate(port);
  cleanups.push(() => made.close());
  return made;
}

async function tempHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'spotrig-egress-'));
  await mkdir(join(home, 'run'));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  return home;
}

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`egress through frp (${missing ?? 'real'})`, () => {
  beforeAll(() => frpBinaries(), BUILD_LIMIT_MS);

  it('keeps a miner’s shares accepted while the pool is reached through frps only, and goes back', async () => {
    const home = await tempHome();
    const pool = await startSha256dPool({ targetShareMs: 60, startDifficulty: 1e-6 });
    cleanups.push(() => pool.close());
    const direct = await gate(pool.port);
    direct.set('reset');
    const { ports, operator } = await startTunnel(home, { 'pool-a': pool.port });

    const directUrl = `stratum+tcp://127.0.0.1:${String(direct.port)}`;
    const pools = [directUrl, 'frp+stcp://pool-a'].flatMap((url) => {
      const parsed = parsePoolUrl(url);
      return 'pool' in parsed ? [parsed.pool] : [];
    });
    const events: RelayEvent[] = [];
    const meter = new ShareMeter(realClock);
    const relay = await startRelay({
      ...{ listenHost: '127.0.0.1', listenPort: 0, clock: realClock, logger: silentLogger, meter },
      endpoints: throughVisitors(pools, (name) => ports.get(name) ?? 0),
      timers: { calmMs: CALM_MS, reconsiderMs: 500, moveMs: 1000, holdMs: 1000 },
      onEvent: (event) => events.push(event),
    });
    cleanups.push(() => relay.close());
    const miner = await runMiner({ port: relay.port, dialect: 'bitcoin', throttle_hs: 50_000 });
    cleanups.push(() => miner.stop());
    const accepted = (): number => meter.totals().accepted_total;
    const more = async (what: string, url: string): Promise<void> => {
      const isThere = (): boolean => relay.state().pool === url && relay.state().served === 1;
      await until(`a login for ${what}`, 60_000, () => Promise.resolve(isThere() ? true : null));
      const before = accepted();
      await until(what, 60_000, () => Promise.resolve(isThere() && accepted() > before + 10 ? true : null));
    };

    // The operator's side is not there yet: the visitor takes connections and they lead nowhere.
    await until('a trouble of each', 30_000, () => {
      const troubles = relay.state().endpoints.map(({ trouble }) => trouble);
      return Promise.resolve(troubles.every((trouble) => trouble !== null) ? troubles : null);
    }).then((troubles) => expect(troubles).toEqual(['connection_reset', 'eof_error']));
    expect(accepted()).toBe(0);
    await (await operator()).said(/start proxy success/);
    await more('shares through frps', 'frp+stcp://pool-a');
    expect(direct.passed).toBe(0);
    direct.set('open');
    await more('shares at the direct pool', directUrl);
    direct.set('reset');
    await more('shares through frps again', 'frp+stcp://pool-a');
    direct.set('open');
    await more('shares at the direct pool again', directUrl);

    const told = events.map((e) => e.event).filter((event) => event.startsWith('frp_'));
    expect(told).toEqual(['frp_egress_used', 'frp_egress_left', 'frp_egress_used', 'frp_egress_left']);
    // Every share that the relay counted is in the pool's own book, whichever way it went.
    const books = Object.values(pool.stats().workers).reduce((sum, book) => sum + book.accepted, 0);
    expect(accepted()).toBeLessThanOrEqual(books);
    expect(books - accepted()).toBeLessThanOrEqual(2 + meter.totals().unanswered_total);
    expect(meter.totals().rejected_total).toBe(0);
  });

  it('brings reports to the collector’s own name and key through frps, and goes back', async () => {
    const home = await tempHome();
    const collector = new FakeCollector();
    const { key, cert, spki_sha256 } = await makeCertificate('collector.test');
    const hosts: (string | undefined)[] = [];
    const server = createServer({ key, cert }, (request, response) => {
      hosts.push(request.headers.host);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        void collector
          .http({ url: request.url ?? '', body: Buffer.concat(chunks), timeoutMs: 0, maxBytes: 0 })
          .then((answer) => response.writeHead(answer.status, answer.headers).end(answer.body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.close();
      server.closeAllConnections();
    });
    const collectorPort = (server.address() as AddressInfo).port;
    const direct = await gate(collectorPort);
    direct.set('reset');
    const { ports, operator } = await startTunnel(home, { collector: collectorPort });
    await (await operator()).said(/start proxy success/);

    const spool = await openSpool({ dir: join(home, 'spool'), boot: BOOT, onLoss: () => undefined });
    cleanups.push(() => spool.close());
    const events: EventInput[] = [];
    const url = `https://127.0.0.1:${String(direct.port)}`;
    const uplink = new Uplink({
      ...{ worker: 'rig-1', token: `sr1.k1.rig-1.1.${'A'.repeat(43)}`, pins: [spki_sha256] },
      collectors: [url, `https://collector.test:8480#frp=collector`],
      exportPort: (name) => ports.get(name) ?? 0,
      ...{ spool, clock: realClock, random: Math.random, http: httpRequest, logger: silentLogger },
      onEvent: (event) => events.push(event),
    });
    cleanups.push(() => uplink.finish(100));
    const report = async (): Promise<string | undefined> => {
      const { length } = collector.stored;
      const common = { kind: 'lifecycle', at_ms: 1, event: 'x', level: 'info', detail: 'x' } as const;
      await spool.append([{ ...common, exit_code: null, signal: null, log: [] }]);
      uplink.wake();
      await until('the report', 30_000, () => Promise.resolve(collector.stored.length > length ? true : null));
      return hosts.at(-1);
    };
    expect(await report()).toBe('collector.test:8480');
    expect(await report()).toBe('collector.test:8480');
    direct.set('open');
    const back = await until('a direct one', 60_000, async () =>
      (await report()) === new URL(url).host ? true : null,
    );
    expect(back).toBe(true);
    expect(events.map(({ event }) => event)).toEqual(['frp_egress_used', 'frp_egress_left']);
  });

  it('the whole worker: pool and collector behind the real hook’s frps, and a direct collector is gone back to', async () => {
    const dir = await tempHome();
    const releaseDir = inject('releaseDir');
    const dataDir = join(dir, 'collector');
    await mkdir(dataDir);
    const pool = await startSha256dPool({ targetShareMs: 500, startDifficulty: 5e-6 });
    cleanups.push(() => pool.close());
    const directPool = await gate(pool.port);
    directPool.set('reset');

    // The operator's side, as `spotrig frps-config` lays it down.
    const [hookPort, serverPort, collectorPort] = [
      await freeLoopbackPort(),
      await freeLoopbackPort(),
      await freeLoopbackPort(),
    ];
    const directCollector = await gate(collectorPort);
    directCollector.set('reset');
    const { certFile, keyFile } = await certificateFor(dir, 'frps', ['frps.test', '127.0.0.1']);
    const targets = { 'pool-a': pool.port, collector: collectorPort };
    const egress = Object.entries(targets).map(([name, port]) => ({ name, target: `127.0.0.1:${String(port)}` }));
    const table = { hook: `127.0.0.1:${hookPort}`, addresses: [`frp://127.0.0.1:${serverPort}?sni=frps.test`] };
    await writeFile(join(dataDir, 'collector.toml'), stringify({ frp: { ...table, ca: certFile, egress } }));
    const secrets = (await loadFrpSecrets(dataDir, realClock)).values;
    const keys = await loadKeys(dataDir);
    const collector = await startCollectorProcess({
      ...{ port: collectorPort, dataDir, releaseDir, pageDir: join(releaseDir, 'page') },
    });
    cleanups.push(() => collector.stop());
    const { frps, frpc } = await frpBinaries();
    const expires_s = Math.floor(Date.now() / 1000) + 3600;
    const plugin = { name: 'collector', addr: `127.0.0.1:${hookPort}`, path: `/${secrets.hook_path}` };
    const ops = ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'];
    const common = { dir, port: serverPort, token: secrets.token };
    const more = { httpPlugins: [{ ...plugin, ops }], detailedErrorsToClient: true };
    const certificate = { certFile, keyFile };
    await frp({ dir, program: frps, name: 'frps', config: frpsConfig({ ...common, certificate, more }) });
    const [{ key } = { key: '' }] = secrets.egress_keys;
    const proxies = Object.entries(targets).map(([name, port]) => exportOf(egressProxyName(name, egressKeyId(key)), key, port)); // prettier-ignore
    const metadatas = { [FRP_TICKET_META]: staffTicket(keys, 'egress', expires_s) };
    const operator = frpcConfig({ ...common, user: FRP_EGRESS, more: { proxies, metadatas } });
    await (await frp({ dir, program: frpc, name: 'operator', config: operator })).said(/start proxy success/);

    const miner = await writePracticeMinerLauncher(join(dir, 'miner'), ['--practice-throttle-hs', '30000']);
    const directUrl = `http://127.0.0.1:${String(directCollector.port)}`;
    const worker = await startContractWorker({
      dir: join(dir, 'worker'),
      entrypointUrl: `${collector.url}/entrypoint.sh`,
      env: {
        WORKER_NAME: 'rig-1',
        SPOTRIG_COLLECTOR: `${directUrl}, ${directUrl}#frp=collector`,
        SPOTRIG_TOKEN: mintToken(keys, { worker: 'rig-1', expires_s }),
        SPOTRIG_MINER: `t-rex@${miner}`,
        SPOTRIG_ALGO: 'sha256d',
        SPOTRIG_POOLS: `stratum+tcp://127.0.0.1:${String(directPool.port)} frp+stcp://pool-a`,
        SPOTRIG_WALLET: 'practice-wallet',
        SPOTRIG_FRP: `frp://:${secrets.token}@127.0.0.1:${String(serverPort)}?sni=frps.test`,
        SPOTRIG_FRP_CA: certFile,
        SPOTRIG_FRPC: `frpc@${frpc}`,
        SPOTRIG_EGRESS_KEY: key,
      },
    });
    cleanups.push(() => worker.stop());
    const row = async () => WorkersAnswer.parse(await getJson(`${collector.url}/api/v1/workers`)).workers[0] ?? null;
    const hashing = (atLeast: number) =>
      until(`${atLeast} accepted shares`, 120_000, async () => {
        const now = await row();
        return now?.state === 'hashing' && now.accepted >= atLeast ? now : null;
      });
    const first = await hashing(5);
    expect(first.pool).toBe('frp+stcp://pool-a');
    expect([directPool.passed, directCollector.passed]).toEqual([0, 0]);
    directCollector.set('open');
    await until('a direct report', 60_000, () => Promise.resolve(directCollector.passed > 0 ? true : null));
    await hashing(first.accepted + 5);
    const told = await until('both ways told', 60_000, async () => {
      const { events } = EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?limit=500`));
      const names = events.map(({ event }) => event);
      return names.includes('frp_egress_left') ? names : null;
    });
    expect(told.filter((name) => name === 'frp_egress_used')).toHaveLength(2);
    expect(told.filter((name) => name === 'miner_started')).toHaveLength(1);
    const { frp: record } = WorkerDetail.parse(await getJson(`${collector.url}/api/v1/workers/rig-1`));
    expect(record?.egress.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'collector', ok: true },
      { name: 'pool-a', ok: true },
    ]);
  });
});
