// The real collector as the judge of the real frps: what a worker, the owner and the operator's frpc may do, and what is refused, with
// its reason among the events. The heartbeat's end is scaled down: 4 s here, 90 s in what `spotrig frps-config` writes.
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadFrpSecrets } from '../../collector/frp/secrets.ts';
import { staffTicket } from '../../collector/frp/tickets.ts';
import { type KeyRing, loadKeys } from '../../collector/keys.ts';
import { DATABASE_FILE } from '../../collector/main.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { mintToken } from '../../collector/tokens.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { deriveSecret, egressKeyId } from '../../platform/derive.ts';
import { type EventRow, EventsAnswer } from '../../wire/api.ts';
import { frpSecretLabel } from '../../wire/frp-names.ts';
import { AttachAnswer } from '../../wire/frp.ts';
import { parseToken } from '../../wire/token.ts';
import { workerTicketOf } from '../fakes/frp-ticket.ts';
import { envelope, frpRecord } from '../fakes/reports.ts';
import { frpBinaries, frpMissing, type FrpBinaries } from '../frp/binaries.ts';
import { exportOf, frpcConfig, frpsConfig, startFrp, type FrpProcess } from '../frp/processes.ts';
import { type CollectorProcess, startCollectorProcess } from '../rig/collector-process.ts';
import { getJson, until } from '../rig/fleet.ts';

const HEARTBEAT_END_S = 4;
const EXPIRES_S = Math.floor(Date.now() / 1000) + 3600;
const PORTS = 20;
const loopback = '127.0.0.1';
const missing = await frpMissing();

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`the hook of frps (${missing ?? 'real frp'})`, () => {
  let dir: string;
  let programs: FrpBinaries;
  let collector: CollectorProcess;
  let keys: KeyRing;
  let frps: FrpProcess;
  let secrets: Awaited<ReturnType<typeof loadFrpSecrets>>['values'];
  let serverPort: number;
  let firstPort: number;
  let echo: { port: number; close(): void };
  const logLines: string[] = [];
  const clients: FrpProcess[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-hook-'));
    programs = await frpBinaries();
    echo = await startEcho();
    const hookPort = await freeLoopbackPort();
    serverPort = await freeLoopbackPort();
    firstPort = await freeRange();
    const config = {
      frp: {
        ...{ hook: `${loopback}:${hookPort}`, addresses: [`frp://${loopback}:${serverPort}`], ca: 'ca.pem' },
        ...{ ports: `${firstPort}-${firstPort + PORTS - 1}`, max_proxies: 2 },
        egress: [{ name: 'pool-a', target: `${loopback}:${echo.port}` }],
      },
    };
    await writeFile(join(dir, 'collector.toml'), stringify(config));
    await writeFile(join(dir, 'ca.pem'), 'a PEM');
    secrets = (await loadFrpSecrets(dir, realClock)).values;
    keys = await loadKeys(dir);
    collector = await startCollectorProcess({
      ...{ port: 0, dataDir: dir, releaseDir: dir, pageDir: dir },
      onLine: (line) => logLines.push(line),
    });
    const more = {
      ...{ proxyBindAddr: loopback, detailedErrorsToClient: true },
      transport: { heartbeatTimeout: HEARTBEAT_END_S },
      httpPlugins: [
        {
          ...{ name: 'collector', addr: `${loopback}:${hookPort}`, path: `/${secrets.hook_path}` },
          ops: ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'],
        },
      ],
    };
    frps = await startFrp({
      ...{ program: programs.frps, dir, name: 'frps' },
      config: frpsConfig({ port: serverPort, token: secrets.token, more }),
    });
    await frps.said(/frps started|started successfully/);
  }, 600_000);

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.kill();
  });

  afterAll(async () => {
    await frps.kill();
    await collector.stop();
    echo.close();
    await rm(dir, { recursive: true, force: true });
  });

  const tokenOf = (worker: string): string => mintToken(keys, { worker, expires_s: EXPIRES_S });

  interface Client {
    user: string;
    name?: string;
    ticket?: string;
    token?: string;
    proxies?: object[];
    visitors?: object[];
    heartbeat_s?: number;
    more?: object;
    port?: number;
  }
  async function frpc(o: Client): Promise<FrpProcess> {
    const { user, token = secrets.token, proxies = [], visitors = [], heartbeat_s = 1, port = serverPort } = o;
    const more = {
      ...(o.ticket === undefined ? {} : { metadatas: { spotrig: o.ticket } }),
      ...{ proxies, visitors, transport: { heartbeatInterval: heartbeat_s } },
      ...o.more,
    };
    const client = await startFrp({
      ...{ program: programs.frpc, dir, name: o.name ?? `frpc-${user}-${randomBytes(3).toString('hex')}` },
      config: frpcConfig({ port, token, user, more }),
    });
    clients.push(client);
    return client;
  }
  const worker = (name: string, o: Omit<Client, 'user'> = {}): Promise<FrpProcess> =>
    frpc({ user: name, ticket: workerTicketOf(tokenOf(name)), ...o });
  const tcp = (name: string, remotePort = 0): object => ({
    ...{ name, type: 'tcp', localIP: loopback, localPort: echo.port, remotePort },
  });
  const stcp = (name: string): object => exportOf(name, 'key', echo.port);

  const detailsOf = async (name: string): Promise<string[]> =>
    EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?worker=${name}`))
      .events.filter(({ event }) => event === 'frp_refused')
      .map(({ detail }) => detail);
  const refusal = (name: string, pattern: RegExp, limit_ms = 20_000): Promise<string> =>
    until(`an event of ${name}: ${String(pattern)}`, limit_ms, async () => {
      const found = (await detailsOf(name)).find((detail) => pattern.test(detail));
      return found ?? null;
    });

  /** The newest such event of no worker, by what was said of itself. */
  const unowned = (frp_user: string, pattern: RegExp): Promise<EventRow> =>
    until(`an event of no worker by ${frp_user}: ${String(pattern)}`, 20_000, async () => {
      const { events } = EventsAnswer.parse(await getJson(`${collector.url}/api/v1/events?of=collector`));
      const found = events.find((event) => event.claimed?.frp_user === frp_user && pattern.test(event.detail));
      return found ?? null;
    });

  async function report(name: string, token: string, exposed: ReturnType<typeof frpRecord>['exposed']): Promise<void> {
    const sentAt = Date.now();
    const answer = await fetch(`${collector.url}/v1/reports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(envelope({ worker: name, sentAt, records: [frpRecord(sentAt, { state: 'up', exposed })] })),
    });
    expect(answer.status).toBe(200);
  }

  async function revoke(name: string): Promise<void> {
    const store = openSqliteStore(join(dir, DATABASE_FILE));
    await store.revoke({
      ...{ by: 'worker', worker: name, expires_up_to_s: EXPIRES_S, reason: 'test', created_ms: Date.now() },
    });
    await store.close();
  }

  it('lets a worker expose its services, and the owner reach them by what the collector answers', async () => {
    const token = tokenOf('rig-1');
    const secretKey = deriveSecret(parseToken(token)?.mac ?? '', frpSecretLabel('ssh'));
    const ssh = { ...exportOf('ssh', secretKey, echo.port), allowUsers: ['_owner'] };
    const client = await worker('rig-1', { proxies: [ssh, tcp('web'), stcp('canary')] });
    for (const name of ['ssh', 'web', 'canary'])
      await client.said(new RegExp(`\\[rig-1\\.${name}\\] start proxy success|\\[${name}\\] start proxy success`));
    // Port 0 was rewritten by the hook.
    expect(await until('the echo at the given port', 10_000, () => echoed(firstPort))).toBe(true);

    await report('rig-1', token, [
      { name: 'ssh', type: 'stcp', local_port: 22, remote_port: null, state: 'up', reason: null },
      { name: 'web', type: 'tcp', local_port: 80, remote_port: firstPort, state: 'up', reason: null },
    ]);
    const attach = AttachAnswer.parse(
      await (
        await fetch(`${collector.url}/api/v1/workers/rig-1/attach`, {
          headers: { authorization: `Bearer ${(await readFile(join(dir, 'admin.token'), 'utf8')).trim()}` },
        })
      ).json(),
    );
    const bindPort = await freeLoopbackPort();
    const visitor = {
      ...{ name: 'ssh', type: 'stcp', serverUser: 'rig-1', serverName: 'ssh', bindAddr: loopback, bindPort },
      secretKey: attach.services[0]?.secret_key,
    };
    await frpc({ user: attach.user, ticket: attach.ticket, token: attach.token ?? '', visitors: [visitor] });
    expect(await until('the echo through the owner’s visitor', 10_000, () => echoed(bindPort))).toBe(true);
    expect(attach.services[1]).toMatchObject({ name: 'web', remote_port: firstPort });
    expect(await detailsOf('rig-1')).toEqual([]);
  });

  it('refuses a stranger, a foreign ticket, and frp’s wrong token', async () => {
    const stranger = await frpc({ user: 'rig-1' });
    await stranger.said(/no ticket in metadatas/);
    expect(await unowned('rig-1', /^Login of rig-1 refused: no ticket in metadatas/)).toMatchObject({ worker: null });
    // A ticket that somebody made up for a worker that is known.
    const made = workerTicketOf(tokenOf('rig-1')).replace(/.{5}$/, 'AAAAA');
    await (await frpc({ user: 'rig-1', ticket: made })).said(/not one of this collector/);
    await refusal('rig-1', /^Login of rig-1 refused: the ticket is not one of/);
    const foreign = await frpc({ user: 'rig-1', ticket: workerTicketOf(tokenOf('rig-2')) });
    await foreign.said(/another’s/);
    await refusal('rig-2', /^Login of rig-1 refused: the ticket is another’s/);
    // A ticket of nobody whom the collector knows.
    const unknown = workerTicketOf(tokenOf('rig-20')).replace(/.{5}$/, 'AAAAA');
    await (await frpc({ user: 'rig-20', ticket: unknown })).said(/not one of this collector/);
    await unowned('rig-20', /^Login of rig-20 refused: the ticket is not one of/);
    // frps asks the hook before it looks at its token, and tells it nothing of what it then finds: the hook looks itself.
    const wrong = await worker('rig-2', { token: 'wrong' });
    await wrong.said(/frp’s token is another/);
    await refusal('rig-2', /^Login of rig-2 refused: frp’s token is another/);
    await (await frpc({ user: 'who', token: 'wrong' })).said(/no ticket in metadatas/);
    await unowned('who', /no ticket/);
  });

  it('refuses names, ports and numbers that are not a worker’s to have', async () => {
    const client = await worker('rig-3', {
      proxies: [stcp('rig-1.ssh'), stcp('a'), stcp('b'), stcp('c')],
    });
    await client.said(/start error/);
    await refusal('rig-3', /^NewProxy of rig-3\.rig-1\.ssh refused: a service’s name/);
    await worker('rig-10', { proxies: [tcp('low', 80)] });
    await refusal('rig-10', /^NewProxy of rig-10\.low refused: port 80 is not within/);
    await refusal('rig-3', /^NewProxy of rig-3\.[abc] refused: the worker has 2 services/);
    // Another's port, while nobody listens at it.
    const holder = await worker('rig-4', { proxies: [tcp('web', firstPort + 7)] });
    await holder.said(/start proxy success/);
    await holder.kill();
    await worker('rig-5', { proxies: [tcp('web', firstPort + 7)] });
    await refusal('rig-5', /^NewProxy of rig-5\.web refused: port \d+ is another/);
    // What ended without a word is asked for again by a new process: the names are the worker's still.
    await client.kill();
    const again = await worker('rig-3', { proxies: [stcp('a'), stcp('b')] });
    await until('both again', 60_000, async () =>
      again.lines().filter((line) => line.includes('start proxy success')).length >= 2 ? true : null,
    );
  });

  it('shuts a revoked worker out: users and proxies at once, the session by its next heartbeat', async () => {
    const adminPort = await freeLoopbackPort();
    const port = firstPort + 9;
    const client = await worker('rig-6', {
      proxies: [tcp('web', port)],
      more: { webServer: { addr: loopback, port: adminPort } },
    });
    // It sends no heartbeat, so nothing but frps's own end of it could come to it.
    const silent = await worker('rig-7', { proxies: [tcp('web', port + 1)], heartbeat_s: -1 });
    await client.said(/start proxy success/);
    await silent.said(/start proxy success/);
    expect(await until('the echo', 10_000, () => echoed(port))).toBe(true);
    await revoke('rig-6');
    await revoke('rig-7');
    const begun = performance.now();
    expect([await echoed(port), await echoed(port + 1)]).toEqual([null, null]);
    await refusal('rig-7', /^NewUserConn of rig-7\.web refused: the token was revoked/);
    await refusal('rig-6', /^(NewUserConn of rig-6\.web|Ping of rig-6|Login of rig-6) refused: the token was revoked/);
    for (const at of [port, port + 1]) {
      await until(`port ${at} closed`, 30_000, async () => ((await isOpen(at)) ? null : true));
    }
    const gone_s = (performance.now() - begun) / 1000;
    console.log(
      `sessions of two revoked workers gone after ${gone_s.toFixed(1)} s (heartbeat's end at ${HEARTBEAT_END_S} s)`,
    );
    expect(gone_s).toBeLessThan(3 * HEARTBEAT_END_S);
    await client.said(/revoked/);
    expect((await silent.said(/revoked/)).length).toBeGreaterThan(0);
  });

  it('refuses a revoked worker’s new proxy within its session', async () => {
    // The next heartbeat, 3 s after the login, ends the session: a slow machine may miss that moment, and has another try.
    const tries = ['rig-8', 'rig-81', 'rig-82'];
    for (const name of tries) {
      const adminPort = await freeLoopbackPort();
      const more = { webServer: { addr: loopback, port: adminPort } };
      const ticket = workerTicketOf(tokenOf(name));
      const client = await frpc({
        ...{ user: name, name: `frpc-${name}`, ticket, heartbeat_s: 3, proxies: [stcp('a')], more },
      });
      await client.said(/start proxy success/);
      const common = frpcConfig({ port: serverPort, token: secrets.token, user: name });
      const reloaded = { ...common, metadatas: { spotrig: ticket }, proxies: [stcp('a'), stcp('b')], ...more };
      await writeFile(join(dir, `frpc-${name}.toml`), stringify(reloaded));
      await revoke(name);
      expect((await fetch(`http://${loopback}:${adminPort}/api/reload`)).status).toBe(200);
      const told = refusal(name, new RegExp(`^NewProxy of ${name}\\.b refused: the token was revoked`), 5000);
      if (name === tries.at(-1)) await told;
      else if (await told.then(() => true, () => false)) return; // prettier-ignore
    }
  }, 60_000);

  it('lets the operator export what is listed, and nothing else', async () => {
    const id = egressKeyId(secrets.egress_keys[0]?.key ?? '');
    const ticket = staffTicket(keys, 'egress', EXPIRES_S);
    const client = await frpc({
      user: '_egress',
      ticket,
      proxies: [stcp(`pool-a-${id}`), stcp(`loot-${id}`), stcp('pool-a-00000000')],
    });
    await client.said(/start proxy success/);
    await client.said(new RegExp(`loot-${id}\\] start error: .*egress`));
    await client.said(/pool-a-00000000\] start error: .*egress/);
    // They are no worker's events.
    const refused = await unowned('_egress', new RegExp(`^NewProxy of _egress\\.loot-${id} refused: not of \\[\\[frp`));
    expect(refused).toMatchObject({ worker: null, claimed: { frp_proxy: `_egress.loot-${id}` }, level: 'warn' });
    await unowned('_egress', /^NewProxy of _egress\.pool-a-00000000 refused: not of/);
    const metrics = await (await fetch(`${collector.url}/metrics`)).text();
    expect(metrics).toMatch(/event="frp_refused_unlisted_egress"\} [1-9]/);
    const owner = await frpc({ user: '_owner', ticket: staffTicket(keys, 'owner', EXPIRES_S), proxies: [stcp('ssh')] });
    await owner.said(/start error: .*exposes nothing/);
    await unowned('_owner', /^NewProxy of _owner\.ssh refused: .*exposes nothing/);
    const csv = await (await fetch(`${collector.url}/api/v1/events.csv?of=collector`)).text();
    expect(csv).toContain(`,,_egress,_egress.loot-${id},,frp_refused,warn,NewProxy of`);
  });

  it('shows no secret in the collector’s log', () => {
    const log = logLines.join('\n');
    for (const secret of [secrets.token, secrets.hook_path, secrets.egress_keys[0]?.key ?? '']) {
      expect(log).not.toContain(secret);
    }
  });

  it('is not needed: frps without the plugin works by its token', async () => {
    const port = await freeLoopbackPort();
    const plain = await startFrp({
      ...{ program: programs.frps, dir, name: 'frps-plain' },
      config: frpsConfig({ port, token: 'plain', more: { proxyBindAddr: loopback } }),
    });
    try {
      const client = await worker('rig-9', { port, token: 'plain', proxies: [stcp('a')] });
      await client.said(/start proxy success/);
      await (await frpc({ user: 'rig-9', port, token: 'other' })).said(/token in login doesn't match/);
    } finally {
      await plain.kill();
    }
  });
});

/** The first of some free ports in a row, below those that the kernel gives to whoever asks for any. */
async function freeRange(): Promise<number> {
  for (;;) {
    const first = 10_000 + randomInt(20_000);
    const ports = Array.from({ length: PORTS }, (_, i) => first + i);
    const used = await Promise.all(ports.map(isOpen));
    if (!used.includes(true)) return first;
  }
}

async function startEcho(): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, loopback);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** Whether bytes come back; null while they do not. */
function echoed(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback, () => socket.write('echo'));
    socket.setTimeout(3000, () => socket.destroy());
    socket.on('error', () => undefined).on('close', () => resolve(null));
    socket.on('data', () => {
      resolve(true);
      socket.destroy();
    });
  });
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, loopback, () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('error', () => resolve(false));
  });
}
