// Two hundred workers' frpc on one frps with the real hook, each killed (SIGKILL) and started again five times at random within a minute:
// every one is back under its own names, the longest collision with its own past is printed, and tcp ports are what they were.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadFrpSecrets } from '../../../collector/frp/secrets.ts';
import { loadKeys } from '../../../collector/keys.ts';
import { mintToken } from '../../../collector/tokens.ts';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { realClock } from '../../../platform/clock.ts';
import { FRP_TICKET_META } from '../../../wire/frp-names.ts';
import { workerTicketOf } from '../../fakes/frp-ticket.ts';
import { frpBinaries, frpMissing, type FrpBinaries } from '../../frp/binaries.ts';
import { frpcConfig, frpsConfig, startFrp, type FrpProcess } from '../../frp/processes.ts';
import { startCollectorProcess, type CollectorProcess } from '../../rig/collector-process.ts';
import { until } from '../../rig/fleet.ts';

const WORKERS = 200;
const KILLS = 5;
const KILLS_WITHIN_MS = 60_000;
/** Between two starts, in the beginning: two cores. */
const STAGGER_MS = 60;
/** frpc itself asks again every 30 s for a name that frps still holds. */
const COLLISION_MAX_MS = 45_000;
/** Of the first workers: one in two asks for a port of its own, the others take what the hook gives. */
const WITH_PORT = 100;
const FIRST_PORT = 24_000;
const loopback = '127.0.0.1';
const missing = await frpMissing();

/** One worker's frpc, which is started again and again. */
class Client {
  #process: FrpProcess | null = null;
  #startedMs = 0;
  readonly #name: string;
  readonly #start: () => Promise<FrpProcess>;
  /** How often frps still held a name of the one that was killed before. */
  collisions = 0;

  constructor(name: string, start: () => Promise<FrpProcess>) {
    this.#name = name;
    this.#start = start;
  }

  async start(): Promise<void> {
    this.#startedMs = performance.now();
    this.#process = await this.#start();
  }

  async kill(): Promise<void> {
    if (this.#process !== null && hasCollided(this.#process)) this.collisions += 1;
    await this.#process?.kill();
    this.#process = null;
  }

  /** Resolves when frps took all its proxies; with how long that took, and whether its own past was in the way. */
  async isBack(proxies: readonly string[]): Promise<{ ms: number; collided: boolean }> {
    const process = this.#process;
    if (process === null) throw new Error(`${this.#name} does not run`);
    for (const proxy of proxies)
      await process.said(
        new RegExp(`\\[(${this.#name}\\.)?${proxy}\\] start proxy success`),
        COLLISION_MAX_MS + 15_000,
      );
    return { ms: performance.now() - this.#startedMs, collided: hasCollided(process) };
  }
}

function hasCollided(process: FrpProcess): boolean {
  return process.lines().some((line) => line.includes('already exists') || line.includes('already used'));
}

/** A generator of numbers from 0 to 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`a fleet's frpc (${missing ?? 'real frp'})`, () => {
  let dir: string;
  let programs: FrpBinaries;
  let collector: CollectorProcess;
  let frps: FrpProcess;
  let webPort: number;
  const clients: Client[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-fleet-frp-'));
    programs = await frpBinaries();
    const [hookPort, serverPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
    webPort = await freeLoopbackPort();
    const table = {
      ...{ hook: `${loopback}:${hookPort}`, addresses: [`frp://${loopback}:${serverPort}`], ca: 'ca.pem' },
      ports: `${FIRST_PORT}-${FIRST_PORT + 2 * WITH_PORT - 1}`,
    };
    await writeFile(join(dir, 'collector.toml'), stringify({ frp: table }));
    const { token, hook_path } = (await loadFrpSecrets(dir, realClock)).values;
    const keys = await loadKeys(dir);
    collector = await startCollectorProcess({ port: 0, dataDir: dir, releaseDir: dir, pageDir: dir });
    const more = {
      ...{ proxyBindAddr: loopback, detailedErrorsToClient: true },
      webServer: { addr: loopback, port: webPort },
      httpPlugins: [
        {
          ...{ name: 'collector', addr: `${loopback}:${hookPort}`, path: `/${hook_path}` },
          ops: ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'],
        },
      ],
    };
    const nice = ['nice', '-n', '10'];
    const config = frpsConfig({ port: serverPort, token, more });
    frps = await startFrp({ program: programs.frps, dir, name: 'frps', prefix: nice, config });
    await frps.said(/started successfully/);
    const expires_s = Math.floor(Date.now() / 1000) + 3600;
    for (let i = 0; i < WORKERS; i++) {
      const worker = `rig-${i}`;
      const ticket = workerTicketOf(mintToken(keys, { worker, expires_s }));
      const own = { type: 'stcp', name: 'ssh', secretKey: `key-${i}`, localIP: loopback, localPort: 22 };
      const remotePort = i % 2 === 0 ? FIRST_PORT + i : 0;
      const open = { type: 'tcp', name: 'web', localIP: loopback, localPort: 80, remotePort };
      const proxies = i < WITH_PORT ? [own, open] : [own];
      const user = { port: serverPort, token, user: worker };
      const client = frpcConfig({ ...user, more: { metadatas: { [FRP_TICKET_META]: ticket }, proxies } });
      const start = () => startFrp({ program: programs.frpc, dir, name: worker, prefix: nice, config: client });
      clients.push(new Client(worker, start));
    }
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.kill()));
    await frps?.kill();
    await collector?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('is back under its own names and ports after every kill', async () => {
    const proxiesOf = (i: number): string[] => (i < WITH_PORT ? ['ssh', 'web'] : ['ssh']);
    for (const client of clients) {
      await client.start();
      await realClock.sleep(STAGGER_MS);
    }
    await Promise.all(clients.map((client, i) => client.isBack(proxiesOf(i))));
    const before = await portsOf(webPort);
    expect(before.size).toBe(WITH_PORT);
    for (let i = 0; i < WITH_PORT; i += 2) expect(before.get(`rig-${i}.web`)).toBe(FIRST_PORT + i);
    expect(new Set(before.values()).size).toBe(WITH_PORT);

    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seeded(seed);
    const kills = clients.map(() => Array.from({ length: KILLS }, () => random() * KILLS_WITHIN_MS).toSorted((a, b) => a - b)); // prettier-ignore
    const begun = performance.now();
    const collisions: number[] = [];
    const returns: number[] = [];
    await Promise.all(
      clients.map(async (client, i) => {
        for (const at of kills[i] ?? []) {
          await realClock.sleep(Math.max(0, begun + at - performance.now()));
          await client.kill();
          await client.start();
        }
        const { ms, collided } = await client.isBack(proxiesOf(i));
        returns.push(ms);
        if (collided) collisions.push(ms);
      }),
    );
    const longest = Math.max(0, ...collisions);
    const slowest = Math.max(...returns);
    const met = clients.reduce((sum, client) => sum + client.collisions, collisions.length);
    console.log(
      `lab: ${WORKERS} frpc, ${KILLS} kills each (seed ${seed}): ${met} met their own past, the longest in the end for ` +
        `${(longest / 1000).toFixed(1)} s; the slowest return took ${(slowest / 1000).toFixed(1)} s`,
    );
    expect(longest).toBeLessThan(COLLISION_MAX_MS);
    const after = await portsOf(webPort);
    expect(Object.fromEntries(after)).toEqual(Object.fromEntries(before));
    const stcp = await until('all names', 10_000, async () => {
      const online = await proxiesAt(webPort, 'stcp');
      return online.length === WORKERS ? online : null;
    });
    expect(new Set(stcp.map(({ name }) => name))).toEqual(new Set(clients.map((_, i) => `rig-${i}.ssh`)));
  });
});

interface ProxyInfo {
  name: string;
  status: string;
  conf: { remotePort?: number } | null;
}

/** What frps has of this type now, by its dashboard. */
async function proxiesAt(webPort: number, type: 'stcp' | 'tcp'): Promise<ProxyInfo[]> {
  const answer = await fetch(`http://${loopback}:${webPort}/api/proxy/${type}`);
  const { proxies } = (await answer.json()) as { proxies: ProxyInfo[] };
  return proxies.filter(({ status }) => status === 'online');
}

async function portsOf(webPort: number): Promise<Map<string, number>> {
  return until('all tcp services', 10_000, async () => {
    const online = await proxiesAt(webPort, 'tcp');
    return online.length === WITH_PORT ? new Map(online.map(({ name, conf }) => [name, conf?.remotePort ?? 0])) : null;
  });
}
