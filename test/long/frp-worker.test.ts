// The worker's tunnel with the real frps and frpc on loopback: what is reached through it, what it survives, and which ways it leaves.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { findRunning } from '../../entrypoint/frp/frpc.ts';
import { readExpose } from '../../entrypoint/frp/settings.ts';
import { TIMERS, Tunnel, type TunnelOptions } from '../../entrypoint/frp/tunnel.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { deriveSecret } from '../../platform/derive.ts';
import { silentLogger } from '../../platform/logger.ts';
import { parseFrpUrl, type FrpAddress } from '../../stratum/frp-url.ts';
import { WorkerDetail } from '../../wire/api.ts';
import { FRP_OWNER, frpSecretLabel } from '../../wire/frp-names.ts';
import { FrpRecord } from '../../wire/frp.ts';
import { ReachabilityRecord } from '../../wire/reachability.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import { frpBinaries, frpMissing } from '../frp/binaries.ts';
import { certificateFor, lacking, startSshd } from '../frp/fronts.ts';
import { frpcConfig, frpsConfig, startFrp, type FrpProcess } from '../frp/processes.ts';
import { getJson, startFleet, until } from '../rig/fleet.ts';

const BOOT = 'e'.repeat(32);
const MAC = 'm'.repeat(43);
const TOKEN = randomBytes(16).toString('hex');
const NAME = 'frps.test';
const HOST = '127.0.0.1';
const BUILD_LIMIT_MS = 600_000;
/** What freezes lets so many bytes of frps's through; a login and its proxies take less. */
const FREEZE_AFTER_BYTES = 16 * 1024;
const missing = await frpMissing();
if (missing !== null) console.log(`frp: the worker's tunnel is not tested here: ${missing}`);

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

async function tempHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'spotrig-frp-worker-'));
  for (const folder of ['run', 'log']) await mkdir(join(home, folder));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** frps with a certificate for its name and for loopback. */
async function startServer(dir: string, port?: number) {
  const { frps } = await frpBinaries();
  const certificate = await certificateFor(dir, 'frps', [NAME, 'other.test', HOST]);
  const serverPort = port ?? (await freeLoopbackPort());
  const config = frpsConfig({ port: serverPort, token: TOKEN, certificate });
  const process = await startFrp({ program: frps, dir, name: 'frps', config });
  cleanups.push(() => process.kill());
  await process.said(/frps started successfully/);
  return { port: serverPort, ca: certificate.certFile, process };
}

function address(text: string): FrpAddress {
  const read = parseFrpUrl(text);
  if ('complaints' in read) throw new Error(read.complaints.join('; '));
  return read.frps;
}

const url = (port: number, options = ''): FrpAddress =>
  address(`frp://:${TOKEN}@${HOST}:${port}?sni=${NAME}${options}`);

interface Worker {
  tunnel: Tunnel;
  records: FrpRecord[];
  samples: ReachabilityRecord[];
  events: LifecycleInput[];
  /** As a killed Node leaves it: the processes go on. */
  leave(): Promise<void>;
  up(limitMs?: number): Promise<FrpRecord>;
  pid(): Promise<number>;
}

async function startWorker(
  o: { home: string; ca: string; addresses: FrpAddress[] } & Partial<Omit<TunnelOptions, 'ca'>>,
): Promise<Worker> {
  const { frpc } = await frpBinaries();
  const { ca, ...more } = o;
  const [records, samples, events]: [FrpRecord[], ReachabilityRecord[], LifecycleInput[]] = [[], [], []];
  const tunnel = new Tunnel({
    ...{ boot: BOOT, token: { kid: 'k1', worker: 'rig-1', expires_s: 1_900_000_000, mac: MAC }, ca: { path: ca } },
    ...{ sshKey: null, country: null, expose: [], minerPort: () => null, egressKey: null, egressPorts: new Map() },
    ...{ network: () => null, program: () => Promise.resolve(frpc) },
    onRecord: (record) => records.push(FrpRecord.parse(record)),
    onSample: (sample) => samples.push(ReachabilityRecord.parse(sample)),
    emit: (event) => events.push(event),
    ...{ clock: realClock, random: Math.random, logger: silentLogger },
    ...more,
    timers: { look: 200, breath: 50, ...more.timers },
  });
  const ending = new AbortController();
  const done = tunnel.run(ending.signal);
  const leave = async (): Promise<void> => {
    ending.abort(new Error('over'));
    await done;
  };
  cleanups.push(async () => {
    await leave();
    await tunnel.stop();
    expect(await findRunning(o.home)).toEqual([]);
  });
  const up = (limitMs = 30_000): Promise<FrpRecord> =>
    until('the tunnel', limitMs, () => Promise.resolve(records.findLast(({ state }) => state === 'up') ?? null)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify(events)}\n${JSON.stringify(samples.at(-1))}`);
      },
    );
  const pid = async (): Promise<number> => {
    const running = (await findRunning(o.home)).filter(({ mark }) => mark.includes(':frpc:'));
    expect(running).toHaveLength(1);
    return running[0]?.id.pid ?? 0;
  };
  return { tunnel, records, samples, events, leave, up, pid };
}

/** Says its name to whoever connects. */
async function startGreeter(word: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(word));
  server.listen(0, HOST);
  await once(server, 'listening');
  cleanups.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function said(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, HOST).on('error', () => resolve(null));
    socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('close', () => resolve(text || null));
    socket.setTimeout(2_000, () => socket.destroy());
  });
}

/** The owner's frpc with a visitor for the worker's service. */
async function ownerPort(dir: string, port: number, service: string): Promise<number> {
  const { frpc } = await frpBinaries();
  const bindPort = await freeLoopbackPort();
  const visitors = [
    {
      ...{ name: service, type: 'stcp', serverUser: 'rig-1', serverName: service, bindAddr: HOST, bindPort },
      secretKey: deriveSecret(MAC, frpSecretLabel(service)),
    },
  ];
  const config = frpcConfig({ port, token: TOKEN, user: FRP_OWNER, more: { visitors } });
  const owner: FrpProcess = await startFrp({ program: frpc, dir, name: 'owner', config });
  cleanups.push(() => owner.kill());
  await owner.said(/start visitor success/);
  return bindPort;
}

/** Passes bytes on; after `limit` of them from the target nothing passes any more, either way, and nobody hears of it. */
async function startFreezer(targetPort: number, limit: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    let seen = 0;
    const target = connect(targetPort, HOST);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => undefined).on('close', () => to.destroy());
      from.on('data', (chunk: Buffer) => {
        if (from === target) seen += chunk.length;
        if (seen <= limit) to.write(chunk);
      });
    }
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

describe.skipIf(missing !== null && process.env['CI'] !== 'true')('the worker’s tunnel', () => {
  beforeAll(() => frpBinaries(), BUILD_LIMIT_MS);

  it('comes up on tls, exposes services, and is adopted by the next Node', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const [ssh, miner, web] = [await startGreeter('ssh'), await startGreeter('miner'), await startGreeter('web')];
    const expose = readExpose(`ssh:${ssh},miner,web:${web}/tcp`);
    if ('wrong' in expose) throw new Error(expose.wrong);
    let minerPort: number | null = null;
    const o = { home, ca, addresses: [url(port)], expose, minerPort: () => minerPort };
    const worker = await startWorker(o);
    expect(await worker.up()).toMatchObject({
      ...{ state: 'up', rung: 'tls', frps: `frp://${HOST}:${port}`, canary_bytes: 65_536, egress: [] },
    });
    const all = (state: string, names: string[]) =>
      until(`${names.join()} ${state}`, 20_000, () => {
        const exposed = worker.records.at(-1)?.exposed ?? [];
        const found = names.map((name) => exposed.find((one) => one.name === name && one.state === state));
        return Promise.resolve(found.every((one) => one !== undefined) ? exposed : null);
      });
    const exposed = await all('up', ['ssh', 'web']);
    expect(exposed.find(({ name }) => name === 'miner')).toMatchObject({ state: 'waiting', local_port: null });
    expect(await said(exposed.find(({ name }) => name === 'web')?.remote_port ?? 0)).toBe('web');
    const visitor = await ownerPort(home, port, 'ssh');
    expect(await until('ssh', 10_000, () => said(visitor))).toBe('ssh');
    minerPort = miner;
    await all('up', ['miner']);
    expect(worker.events.filter(({ event }) => event === 'frp_exposed')).toHaveLength(3);
    const [sample] = await until('the sample', 10_000, () =>
      Promise.resolve(worker.samples[0] ? worker.samples : null),
    );
    expect(sample).toMatchObject({ target: { role: 'frps', url: `frp+tls://${HOST}:${port}` }, operation: null });
    expect(sample?.verdict?.verdict).toBe('reachable');
    const [trial] = sample?.addresses ?? [];
    expect([trial?.tcp?.ms, trial?.tls?.ms]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(trial?.tls?.protocol).toBe('TLSv1.3');
    expect(sample?.frp).toMatchObject({ login_ms: expect.any(Number) as number, canary_bytes: 65_536 });
    expect(sample?.frp?.canary_ms).toBe((await worker.up()).canary_ms);

    const toml = join(home, 'run/frp/frpc.toml');
    expect((await stat(toml)).mode & 0o777).toBe(0o600);
    expect(await readFile(toml, 'utf8')).not.toContain(TOKEN);

    const pid = await worker.pid();
    await worker.leave();
    const next = await startWorker(o);
    expect(await next.up()).toMatchObject({ state: 'up', rung: 'tls' });
    expect(await next.pid()).toBe(pid);
    expect(await until('ssh', 10_000, () => said(visitor))).toBe('ssh');

    // Another boot's frpc is not ours to keep.
    await next.leave();
    const rebooted = await startWorker({ ...o, boot: 'f'.repeat(32) });
    await rebooted.up();
    expect(await rebooted.pid()).not.toBe(pid);
  });

  it('has its names again after frpc was killed', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const expose = [{ name: 'ssh', type: 'stcp' as const, port: await startGreeter('ssh'), remotePort: null }];
    const worker = await startWorker({ home, ca, addresses: [url(port)], expose });
    await worker.up();
    const pid = await worker.pid();
    process.kill(pid, 'SIGKILL');
    await until('frp_down', 10_000, () =>
      Promise.resolve(worker.events.find(({ event }) => event === 'frp_down') ?? null),
    );
    await until('another frpc', 20_000, () => {
      const last = worker.records.at(-1);
      return Promise.resolve(last?.state === 'up' && last.exposed[0]?.state === 'up' ? true : null);
    });
    expect(await worker.pid()).not.toBe(pid);
    const visitor = await ownerPort(home, port, 'ssh');
    expect(await until('ssh', 10_000, () => said(visitor))).toBe('ssh');
  });

  it('asks for a name that another session holds until frps lets go, sooner than frpc would', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const { frpc } = await frpBinaries();
    const held = { name: 'ssh', type: 'stcp', secretKey: 'other', localIP: HOST, localPort: 9 };
    const config = frpcConfig({ port, token: TOKEN, user: 'rig-1', more: { proxies: [held] } });
    const other = await startFrp({ program: frpc, dir: home, name: 'other', config });
    cleanups.push(() => other.kill());
    await other.said(/start proxy success/);
    const expose = [{ name: 'ssh', type: 'stcp' as const, port: await startGreeter('ssh'), remotePort: null }];
    const worker = await startWorker({ home, ca, addresses: [url(port)], expose });
    await worker.up();
    const ssh = () => worker.records.at(-1)?.exposed[0];
    await until('the held name', 10_000, () =>
      Promise.resolve(ssh()?.reason?.includes('already exists') ? true : null),
    );
    expect(ssh()?.state).toBe('waiting');
    await realClock.sleep(3_000);
    await other.kill();
    await until('the name', 10_000, () => Promise.resolve(ssh()?.state === 'up' ? true : null));
    expect(worker.events.map(({ event }) => event)).not.toContain('frp_refused');
  });

  it('leaves a listener that never answers, and one that refuses', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined).resume()));
    silent.listen(0, HOST);
    await once(silent, 'listening');
    cleanups.push(() => {
      silent.close();
      for (const socket of sockets) socket.destroy();
    });
    const silentPort = (silent.address() as AddressInfo).port;
    const refusing = await freeLoopbackPort();
    const addresses = [url(silentPort, '&rungs=tls'), url(refusing, '&rungs=tls'), url(port)];
    const worker = await startWorker({ home, ca, addresses, timers: { login: { ...TIMERS.login, tls: 3_000 } } });
    expect(await worker.up(50_000)).toMatchObject({ frps: `frp://${HOST}:${port}`, rung: 'tls' });
    expect(worker.samples.slice(0, 2)).toMatchObject([
      { target: { port: silentPort }, operation: 'tls_handshake', failure: 'generic_timeout_error', attempts: 2 },
      { target: { port: refusing }, operation: 'connect', failure: 'connection_refused' },
    ]);
  });

  it('does not keep a way that freezes after 16 KB', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const frozen = await startFreezer(port, FREEZE_AFTER_BYTES);
    const addresses = [
      url(frozen, '&other=other.test&rungs=tls,tls_classic,tls_other_name'),
      url(port, '&rungs=tls_other_name,tls_classic,tls'),
    ];
    // The second one's first rung stands behind the others: it has no other name.
    const worker = await startWorker({ home, ca, addresses, timers: { canary: 4_000 } });
    expect(await worker.up(50_000)).toMatchObject({ frps: `frp://${HOST}:${port}` });
    expect(worker.samples[0]).toMatchObject({
      ...{ target: { port: frozen }, operation: 'transfer', failure: 'generic_timeout_error' },
      stalls: [{ end: 'silence' }],
    });
    expect(worker.samples[0]?.stalls[0]?.raw_bytes).toBeLessThan(FREEZE_AFTER_BYTES);
  });

  it('trusts no frps but its authority’s, and says who refused it', async () => {
    const home = await tempHome();
    const { port, ca } = await startServer(home);
    const other = await certificateFor(home, 'other', [NAME, HOST]);
    const stranger = await startWorker({ home, ca: other.certFile, addresses: [url(port, '&rungs=tls')] });
    const refused = (worker: Worker): Promise<LifecycleInput> =>
      until('a refusal', 20_000, () =>
        Promise.resolve(worker.events.find(({ event }) => event === 'frp_refused' || event === 'frp_down') ?? null),
      );
    // frpc's own multiplexer may be faster to say that the session is over than TLS to say why: our own look at it says why.
    expect(await refused(stranger)).toMatchObject({
      ...{ event: 'frp_refused', detail: expect.stringContaining('see SPOTRIG_FRP_CA') as string },
    });
    expect(stranger.samples[0]).toMatchObject({ operation: 'tls_handshake', failure: 'ssl_unknown_authority' });
    expect(stranger.samples[0]?.addresses.map(({ attempt, tls }) => [attempt, tls?.failure])).toEqual([
      [0, 'ssl_unknown_authority'],
      [1, 'ssl_unknown_authority'],
    ]);
    expect(stranger.samples[0]?.verdict?.verdict).not.toBe('reachable');
    console.log(`a foreign certificate: ${JSON.stringify(stranger.samples[0]?.verdict)}`);
    expect(stranger.events.map(({ event }) => event)).not.toContain('frp_up');
    await stranger.leave();
    await stranger.tunnel.stop();
    const wrong = address(`frp://:wrong-token@${HOST}:${port}?sni=${NAME}`);
    const worker = await startWorker({ home, ca, addresses: [wrong] });
    expect((await refused(worker)).detail).toMatch(/token/);
    await until('a pause', 20_000, () => Promise.resolve(worker.records.find(({ state }) => state === 'down') ?? null));
    // The way is fine: no other rung was tried.
    expect(new Set(worker.samples.map(({ target }) => target.url)).size).toBe(1);
  });

  it('goes inside ssh where that is what works', async ({ skip }) => {
    const lack = await lacking('ssh', 'sshd');
    if (lack.length > 0) skip(`no ${lack.join(', ')} here`);
    const home = await tempHome();
    // The account may open this port and no other: frps stands beside the sshd.
    const { ca } = await startServer(home, 7000);
    const sshPort = await freeLoopbackPort();
    const sshd = await startSshd({ dir: home, host: HOST, port: sshPort, permitOpen: `${HOST}:7000` });
    cleanups.push(() => sshd.close());
    const sshKey = await readFile(sshd.keyFile, 'utf8');
    const hostKey = sshd.hostKey.split(' ')[1] ?? '';
    const closed = await freeLoopbackPort();
    const addresses = [url(closed, `&ssh=root@${HOST}:${sshPort}&hostkey=${hostKey}`)];
    const worker = await startWorker({ home, ca, addresses, sshKey });
    expect(await worker.up()).toMatchObject({ rung: 'ssh' });
    expect(await findRunning(home)).toHaveLength(2);
    const pid = await worker.pid();
    await worker.leave();
    const next = await startWorker({ home, ca, addresses, sshKey });
    await next.up();
    expect(await next.pid()).toBe(pid);
  });

  it('is part of the worker that ships: after its miner, over a kill of Node, gone with the container', async () => {
    const dir = await tempHome();
    const { port, ca } = await startServer(dir);
    const { frpc } = await frpBinaries();
    const fleet = await startFleet({
      releaseDir: inject('releaseDir'),
      env: {
        SPOTRIG_FRP: `frp://:${TOKEN}@${HOST}:${port}?sni=${NAME}`,
        SPOTRIG_FRP_CA: (await readFile(ca)).toString('base64'),
        ...{ SPOTRIG_FRPC: `frpc@${frpc}`, SPOTRIG_EXPOSE: 'ssh:22,miner' },
      },
    });
    cleanups.push(() => fleet.close());
    const up = (): Promise<FrpRecord> =>
      until('the tunnel at the collector', 40_000, async () => {
        const detail = await getJson(`${fleet.collector.url}/api/v1/workers/${fleet.worker}`);
        const found = WorkerDetail.parse(detail).frp;
        return found?.state === 'up' && found.exposed.every(({ state }) => state === 'up') ? found : null;
      });
    expect(await up()).toMatchObject({
      rung: 'tls',
      canary_bytes: 65_536,
      exposed: [{ name: 'ssh' }, { name: 'miner' }],
    });
    const { home } = fleet.tree;
    const [running] = await findRunning(home);
    const node = Number((await readFile(join(home, 'run', 'node'), 'utf8')).split(' ')[0]);
    process.kill(node, 'SIGKILL');
    await until('the next Node’s word', 40_000, async () =>
      (await fleet.events()).some(({ event, detail }) => event === 'frp_up' && detail.includes('as before'))
        ? true
        : null,
    );
    expect(await findRunning(home)).toEqual([running]);
    expect((await fleet.events()).filter(({ event }) => event === 'frp_up')).toHaveLength(2);
    const log = await readFile(fleet.tree.outputPath, 'utf8');
    expect(log).not.toContain(TOKEN);
    await fleet.tree.stop();
    expect(await findRunning(home)).toEqual([]);
  });
});
