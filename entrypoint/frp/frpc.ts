// The processes of a tunnel: frpc, and for the rung `ssh` an ssh in front of it. Each leads a group of its own, carries a mark in its
// environment and outlives a Node that was killed: the next one adopts the very same one and ends every other.
import { closeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { capLog, openAppendLog, tailLines } from '../../platform/capped-log.ts';
import type { Clock } from '../../platform/clock.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { httpRequest } from '../../platform/http.ts';
import {
  findMarked,
  identify,
  isAlive,
  killLadder,
  spawnGroup,
  type LadderStep,
  type ProcessId,
} from '../../platform/process.ts';
import { homeMark, specHash } from '../supervise/marker.ts';
import { ADMIN_USER } from './config.ts';

/** Name of the variable that marks a process of a tunnel. */
const MARKER = 'SPOTRIG_FRP_MARK';
type Role = 'frpc' | 'ssh';

/** frpc ends at once on TERM; names at frps are free when its connection ends. */
const STOP_LADDER: readonly LadderStep[] = [
  { signal: 'SIGTERM', waitMs: 2_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
];
const LOG_MAX_BYTES = 512 * 1024;
const LOG_KEEP_BYTES = 64 * 1024;
const TAIL_BYTES = 8 * 1024;
const TAIL_LINES = 20;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What one process is: two with the same spec are the same one. */
export interface ProcessSpec {
  role: Role;
  argv: readonly string[];
  /** More of its environment. Nothing is inherited: frpc would go through whatever http_proxy names, loopback included. */
  env: Readonly<Record<string, string>>;
  /** What it read at its start, as text. */
  reads: string;
}

/** A process of a tunnel of this home that runs. */
export interface RunningProcess {
  id: ProcessId;
  mark: string;
}

/** Whose processes they are. */
export interface Owner {
  home: string;
  boot: string;
}

function markOf({ home, boot }: Owner, { role, argv, env, reads }: ProcessSpec): string {
  return `${homeMark(home)}:${boot}:${role}:${specHash([...argv, reads], env)}`;
}

/** Those of this home, whatever their boot. */
export async function findRunning(home: string): Promise<RunningProcess[]> {
  const mine = `${homeMark(home)}:`;
  return (await findMarked(MARKER)).flatMap(({ id, value }) => (value.startsWith(mine) ? [{ id, mark: value }] : []));
}

/** The one among them that is of this spec and boot; null: none. */
export function ofSpec(running: readonly RunningProcess[], owner: Owner, spec: ProcessSpec): RunningProcess | null {
  const mark = markOf(owner, spec);
  return running.find((process) => process.mark === mark) ?? null;
}

/** Ends them, at once if need be. Resolves when they are gone or no signal helps. */
export async function stopAll(ids: readonly ProcessId[], clock: Clock): Promise<void> {
  await Promise.all(ids.map((id) => killLadder({ id, steps: STOP_LADDER, clock })));
}

/** Starts one; its log begins anew. Throws `frp_start` where it cannot be started. */
export async function start(owner: Owner, spec: ProcessSpec, logPath: string): Promise<ProcessId> {
  await writeFile(logPath, '', { mode: 0o600 });
  const log = openAppendLog(logPath);
  try {
    const env = { PATH, ...spec.env, [MARKER]: markOf(owner, spec) };
    const child = spawnGroup({ argv: spec.argv, env, stdout: log, stderr: 'stdout' });
    const id = child.pid === 0 ? null : await identify(child.pid);
    if (id !== null) return id;
    const { error } = await child.exited;
    if (error !== null) throw new SpotrigError('frp_start', `${spec.role} cannot be started`, { cause: error });
    // It ended before it could be looked at: whoever waits for it sees that, and its log tells why.
    return { pid: child.pid, start_ticks: -1, kernel_boot: '' };
  } finally {
    closeSync(log);
  }
}

/** Resolves with true once the process has gone, or false when `done` says so first. Rejects with the signal's reason. */
export async function untilGone(o: {
  id: ProcessId;
  done: () => Promise<boolean>;
  limitMs: number;
  everyMs: number;
  clock: Clock;
  signal: AbortSignal;
}): Promise<'gone' | 'done' | 'late'> {
  const end = o.clock.monoMs() + o.limitMs;
  for (;;) {
    o.signal.throwIfAborted();
    if (await o.done()) return 'done';
    if (!(await isAlive(o.id))) return 'gone';
    if (o.clock.monoMs() >= end) return 'late';
    await o.clock.sleep(o.everyMs, o.signal);
  }
}

/** What a log says why the process could not go on: its last words about the login, else its last line. */
export async function lastWords(logPath: string): Promise<string> {
  const lines = await tailLines(logPath, TAIL_BYTES, TAIL_LINES);
  const plain = lines
    .map((line) => line.replace(/^\d{4}-\S+ \S+ (?:\[[^\]]*\] )*/, '').trim())
    .filter((line) => line !== '');
  const telling = plain.findLast((line) => /login to the server failed|connect to server error/i.test(line));
  return (telling ?? plain.at(-1) ?? '').replace(/\. With loginFailExit enabled.*$/i, '').slice(0, 300);
}

/** Keeps a log small; a log that is not there is no error. */
export async function keepSmall(logPath: string): Promise<void> {
  await capLog(logPath, LOG_MAX_BYTES, LOG_KEEP_BYTES).catch(() => false);
}

/** Whether somebody listens on this loopback port. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** What frpc says of one of its proxies. */
export interface ProxyStatus {
  name: string;
  /** `new`, `wait start`, `start error`, `running`, `check failed` or `closed`. */
  status: string;
  /** Of `start error`: what frps said. */
  err: string;
  /** Of type tcp: `:port` at frps. */
  remote_addr: string;
}

const API_LIMIT_MS = 2_000;
const API_MAX_BYTES = 256 * 1024;

/** frpc's admin API on loopback. */
export class FrpcApi {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  constructor(admin: { port: number; password: string }) {
    this.#base = `http://127.0.0.1:${admin.port}`;
    this.#headers = { authorization: `Basic ${Buffer.from(`${ADMIN_USER}:${admin.password}`).toString('base64')}` };
  }

  /** Its proxies by frps's word; [] while it is not logged in, null when it does not answer. */
  async status(): Promise<ProxyStatus[] | null> {
    try {
      const { status, body } = await this.#ask('/api/status');
      return status === 200 ? proxiesOf(JSON.parse(body.toString('utf8'))) : null;
    } catch {
      return null;
    }
  }

  /** Makes it read its proxies and visitors again; what it has against them, or null. It keeps the old ones then. */
  async reload(): Promise<string | null> {
    try {
      const { status, body } = await this.#ask('/api/reload?strictConfig=true');
      return status === 200 ? null : body.toString('utf8').slice(0, 300);
    } catch (error) {
      return messageOf(error);
    }
  }

  #ask(path: string): ReturnType<typeof httpRequest> {
    const limits = { timeoutMs: API_LIMIT_MS, maxBytes: API_MAX_BYTES };
    return httpRequest({ url: this.#base + path, method: 'GET', headers: this.#headers, ...limits });
  }
}

function proxiesOf(answer: unknown): ProxyStatus[] {
  if (typeof answer !== 'object' || answer === null) return [];
  return Object.values(answer)
    .flatMap((ofType: unknown) => (Array.isArray(ofType) ? (ofType as unknown[]) : []))
    .flatMap((proxy) => {
      if (typeof proxy !== 'object' || proxy === null) return [];
      const fields = proxy as Record<string, unknown>;
      const text = (key: string): string => (typeof fields[key] === 'string' ? fields[key] : '');
      return [{ name: text('name'), status: text('status'), err: text('err'), remote_addr: text('remote_addr') }];
    });
}
