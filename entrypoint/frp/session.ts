// frpc on one way to one frps: its files, its ports, its processes. What is on disk (run/frp, all of mode 0600) is enough for the next Node to
// adopt the processes of a Node that was killed.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { makeDir, readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { registerSecret } from '../../platform/secrets.ts';
import { isAlive, type ProcessId } from '../../platform/process.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_CANARY, FRP_RUNGS } from '../../wire/frp-names.ts';
import { freeLoopbackPort } from '../ports.ts';
import { changingPart, commonPart, frpcToml, type EgressPart, type ServicePart } from './config.ts';
import {
  FrpcApi,
  isListening,
  ofSpec,
  start,
  untilGone,
  type Owner,
  type ProcessSpec,
  type RunningProcess,
} from './frpc.ts';
import type { Way } from './ladder.ts';
import type { FrpCa } from './settings.ts';
import { sshArgv, writeSshFiles } from './ssh.ts';
import { transportOf } from './transport.ts';

const PASSWORD_BYTES = 18;
const SSH_LOOK_MS = 200;

/** What all sessions of one worker have in common. */
export interface SessionSetup {
  owner: Owner;
  worker: string;
  ticket: string;
  /** Key of an stcp proxy of this worker. */
  secretOf: (service: string) => string;
  /** Path of frpc. */
  binary: string;
  ca: FrpCa;
  sshKey: string | null;
  egress: readonly EgressPart[];
  clock: Clock;
}

/** What a Node leaves to the next one of the same boot. */
interface SessionState {
  boot: string;
  url: string;
  rung: Way['rung'];
  /** Of `tls_other_name`. */
  name: string | null;
  adminPort: number;
  adminPassword: string;
  visitorPort: number;
  sshPort: number | null;
}

/** Folder of a tunnel's files. */
export function frpDir(home: string): string {
  return join(home, 'run', 'frp');
}

export function frpcLogPath(home: string): string {
  return join(home, 'log', 'frpc.log');
}

export class Session {
  readonly address: FrpAddress;
  readonly way: Way;
  readonly api: FrpcApi;
  readonly visitorPort: number;
  readonly #setup: SessionSetup;
  readonly #specs: { frpc: ProcessSpec; ssh: ProcessSpec | null };
  readonly #common: object;
  readonly #sshPort: number | null;
  #ids: ProcessId[] = [];
  #written = '';

  private constructor(setup: SessionSetup, address: FrpAddress, way: Way, state: SessionState) {
    this.address = address;
    this.way = way;
    this.visitorPort = state.visitorPort;
    this.#setup = setup;
    this.#sshPort = state.sshPort;
    const { owner, worker, ticket, binary, ca, sshKey } = setup;
    const admin = { port: state.adminPort, password: state.adminPassword };
    registerSecret(admin.password);
    this.api = new FrpcApi(admin);
    const dir = frpDir(owner.home);
    const caPath = 'path' in ca ? ca.path : join(dir, 'ca.pem');
    const more = {
      ...(state.sshPort === null ? {} : { sshPort: state.sshPort }),
      ...(way.name === undefined ? {} : { otherName: way.name }),
    };
    const transport = transportOf(address, way.rung, caPath, more);
    if (transport === null) throw new TypeError('the ladder gave a rung that the address lacks');
    const tokenPath = address.token === null ? null : join(dir, 'token');
    this.#common = commonPart({ way: transport, user: worker, ticket, tokenPath, admin });
    const frpc: ProcessSpec = {
      role: 'frpc',
      argv: [binary, '-c', this.#configPath],
      env: transport.env,
      reads: JSON.stringify([this.#common, address.token === null ? null : address.url]),
    };
    const ssh: ProcessSpec | null =
      state.sshPort === null || sshKey === null
        ? null
        : {
            role: 'ssh',
            argv: sshArgv(dir),
            env: {},
            reads: JSON.stringify([address.ssh, state.sshPort]),
          };
    this.#specs = { frpc, ssh };
  }

  get #configPath(): string {
    return join(frpDir(this.#setup.owner.home), 'frpc.toml');
  }

  /** A session with ports of its own. Its files are on disk when it is returned; nothing of it runs. */
  static async make(setup: SessionSetup, address: FrpAddress, way: Way): Promise<Session> {
    const { home, boot } = setup.owner;
    const state: SessionState = {
      ...{ boot, url: address.url, rung: way.rung, name: way.name ?? null },
      ...{ adminPort: await freeLoopbackPort(), adminPassword: randomBytes(PASSWORD_BYTES).toString('base64url') },
      visitorPort: await freeLoopbackPort(),
      sshPort: way.rung === 'ssh' ? await freeLoopbackPort() : null,
    };
    const session = new Session(setup, address, way, state);
    await makeDir(frpDir(home));
    await session.#writeFiles();
    await writeFileDurable(join(frpDir(home), 'session.json'), JSON.stringify(state));
    return session;
  }

  /** The session whose processes run still, whole; null: there is none, or it is not the one that the settings want. */
  static async adopt(
    setup: SessionSetup,
    addresses: readonly FrpAddress[],
    running: readonly RunningProcess[],
  ): Promise<Session | null> {
    const { home, boot } = setup.owner;
    if (running.length === 0) return null;
    const state = await readJsonTolerant(join(frpDir(home), 'session.json'), stateOf);
    const place = addresses.findIndex(({ url }) => url === state?.url);
    const address = addresses[place];
    if (state === null || state.boot !== boot || address === undefined) return null;
    let session: Session;
    try {
      const { rung, name } = state;
      session = new Session(setup, address, { place, rung, ...(name === null ? {} : { name }) }, state);
    } catch {
      return null; // the settings changed: this rung is no more
    }
    const specs = [session.#specs.frpc, session.#specs.ssh].filter((spec) => spec !== null);
    const found = specs.map((spec) => ofSpec(running, setup.owner, spec)?.id ?? null).filter((id) => id !== null);
    if (found.length !== specs.length) return null;
    session.#ids = found;
    return session;
  }

  /** Of the processes that belong to it. */
  get ids(): readonly ProcessId[] {
    return this.#ids;
  }

  /** Starts its processes. The configuration must be written. `late`: ssh did not get there; its log tells. Throws `frp_start`. */
  async start(limitMs: number, signal: AbortSignal): Promise<'started' | 'late'> {
    const { owner, clock } = this.#setup;
    const { ssh, frpc } = this.#specs;
    signal.throwIfAborted();
    if (ssh !== null && this.#sshPort !== null) {
      const id = await start(owner, ssh, frpcLogPath(owner.home));
      this.#ids.push(id);
      const port = this.#sshPort;
      const limits = { limitMs, everyMs: SSH_LOOK_MS, clock, signal };
      if ((await untilGone({ id, done: () => isListening(port), ...limits })) !== 'done') return 'late';
    }
    this.#ids.push(await start(owner, frpc, frpcLogPath(owner.home)));
    return 'started';
  }

  /** Key of an stcp proxy of this worker. */
  secretOf(service: string): string {
    return this.#setup.secretOf(service);
  }

  /** Whether all its processes run. */
  async isAlive(): Promise<boolean> {
    const alive = await Promise.all(this.#ids.map((id) => isAlive(id)));
    return alive.length > 0 && alive.every(Boolean);
  }

  /** frpc's own process; null before it was started. */
  get frpc(): ProcessId | null {
    return this.#ids.at(-1) ?? null;
  }

  /** Writes what frpc is to do; false where that is what the file says already. Takes effect at its start, or by a reload. */
  async write(echoPort: number, canaryAsked: number, services: readonly ServicePart[]): Promise<boolean> {
    const canary = {
      echoPort,
      visitorPort: this.visitorPort,
      secretKey: this.#setup.secretOf(FRP_CANARY),
      asked: canaryAsked,
    };
    const text = frpcToml(this.#common, changingPart({ canary, services, egress: this.#setup.egress }));
    if (text === this.#written) return false;
    await writeFileDurable(this.#configPath, text);
    this.#written = text;
    return true;
  }

  async #writeFiles(): Promise<void> {
    const { owner, ca, sshKey } = this.#setup;
    const dir = frpDir(owner.home);
    const { token, ssh } = this.address;
    if (token !== null) await writeFileDurable(join(dir, 'token'), token);
    if ('pem' in ca) await writeFileDurable(join(dir, 'ca.pem'), ca.pem);
    if (this.#sshPort === null || ssh === null || sshKey === null) return;
    await writeSshFiles(dir, ssh, sshKey, this.#sshPort);
  }
}

/** null for a file of another shape. */
function stateOf(value: unknown): SessionState | null {
  if (typeof value !== 'object' || value === null) return null;
  const o = value as Partial<Record<keyof SessionState, unknown>>;
  const isPort = (port: unknown): port is number => Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
  const rung = FRP_RUNGS.find((one) => one === o.rung);
  const { boot, url, name = null, adminPassword, adminPort, visitorPort, sshPort = null } = o;
  if (typeof boot !== 'string' || typeof url !== 'string' || typeof adminPassword !== 'string') return null;
  if (rung === undefined || !isPort(adminPort) || !isPort(visitorPort)) return null;
  if (sshPort !== null && !isPort(sshPort)) return null;
  if (name !== null && typeof name !== 'string') return null;
  return { boot, url, rung, name, adminPort, adminPassword, visitorPort, sshPort };
}
