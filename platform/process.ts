// The one door to child processes. A child is started by argv (never a shell string), in a process group of its own, so that
// a miner's own watchdog and helpers get every signal too.
import { spawn, type StdioOptions } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import type { Clock } from './clock.ts';
import { isErrno } from './errors.ts';

export interface ExitInfo {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Set when the program could not be started. */
  error: Error | null;
}

export interface Child {
  /** 0 when the program could not be started; `exited` then says why. */
  readonly pid: number;
  readonly stdout: Readable | null;
  readonly exited: Promise<ExitInfo>;
  /** Sends a signal to the whole group; a group that is gone is no error. */
  kill(signal: NodeJS.Signals): void;
}

export interface SpawnOptions {
  argv: readonly string[];
  /** The whole environment: nothing is inherited unless the caller puts it here. */
  env: Record<string, string>;
  cwd?: string;
  /** A number is an open file descriptor, which the child gets a copy of. */
  stdout: 'ignore' | 'pipe' | number;
  /** `stdout` = the same place as standard output. */
  stderr: 'ignore' | 'stdout' | number;
}

/** One stream of both, as they come; it ends with the later one. */
function merged(...parts: readonly Readable[]): Readable {
  const both = new PassThrough();
  let open = parts.length;
  for (const part of parts) {
    part.pipe(both, { end: false });
    part.once('close', () => {
      open -= 1;
      if (open === 0) both.end();
    });
  }
  return both;
}

/** Starts a program in its own process group (and session). It outlives this process unless it is killed. */
export function spawnGroup(o: SpawnOptions): Child {
  const [file, ...args] = o.argv;
  if (file === undefined) throw new TypeError('argv is empty');
  const stderr = o.stderr === 'stdout' ? (o.stdout === 'pipe' ? 'pipe' : o.stdout) : o.stderr;
  const stdio: StdioOptions = ['ignore', o.stdout, stderr];
  const child = attempt(() => spawn(file, args, { env: o.env, cwd: o.cwd, stdio, detached: true, shell: false }));
  if (child instanceof Error) {
    const exited = Promise.resolve({ code: null, signal: null, error: child });
    return { pid: 0, stdout: null, exited, kill: () => undefined };
  }
  const exited = new Promise<ExitInfo>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }));
  });
  child.unref(); // a miner must not keep Node alive: the supervisor does that while it wants to
  const pid = child.pid ?? 0;
  return {
    pid,
    stdout: child.stdout === null || child.stderr === null ? child.stdout : merged(child.stdout, child.stderr),
    exited,
    kill: (signal) => {
      if (pid > 0) signalGroup(pid, signal);
    },
  };
}

/** Some failures to start a program are thrown (a path through a file, no memory, a NUL in an argument), others are an event. */
function attempt<T>(start: () => T): T | Error {
  try {
    return start();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Sends a signal to the process group; false when nobody is there. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

export interface RunResult extends ExitInfo {
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** Runs a short program to its end. Never throws: a missing program is `error`, a hang is `timedOut` (the group is killed). */
export async function runForOutput(o: {
  argv: readonly string[];
  env: Record<string, string>;
  timeoutMs: number;
  maxBytes: number;
}): Promise<RunResult> {
  const [file, ...args] = o.argv;
  if (file === undefined) throw new TypeError('argv is empty');
  const child = attempt(() =>
    spawn(file, args, { env: o.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true, shell: false }),
  );
  if (child instanceof Error)
    return { code: null, signal: null, error: child, stdout: '', stderr: '', timedOut: false };
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk: string) => {
      if (texts[name].length < o.maxBytes) texts[name] = (texts[name] + chunk).slice(0, o.maxBytes);
    });
  }
  let timedOut = false;
  const exit = await new Promise<ExitInfo>((resolve) => {
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      // Its end is not waited for: a grandchild that left the group may hold the pipes open, and a driver may hold the program.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: null, signal: 'SIGKILL', error: null });
    }, o.timeoutMs);
    const ended = (exit: ExitInfo): void => {
      clearTimeout(timer);
      resolve(exit);
    };
    child.once('error', (error) => ended({ code: null, signal: null, error }));
    child.once('close', (code, signal) => ended({ code, signal, error: null }));
  });
  return { ...exit, ...texts, timedOut };
}

/** Names one process for as long as the machine is up: pids are used again, (pid, start time, kernel boot) are not. */
export interface ProcessId {
  pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks from the kernel's boot to the process's start. */
  start_ticks: number;
  kernel_boot: string;
}

/** What reading another process's files in /proc may answer. */
const GONE_OR_FOREIGN = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/** State letter and start time of a process from /proc/<pid>/stat (proc_pid_stat(5)); null when there is none. */
async function procStat(pid: number): Promise<{ state: string; group: number; startTicks: number } | null> {
  const text = await readProc(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is the program's name in parentheses, and may itself hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', group: Number(fields[2]), startTicks: Number(fields[19]) };
}

async function kernelBoot(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** The identity of a running process, or null when there is none with this pid (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessId | null> {
  const stat = await procStat(pid);
  if (stat === null || stat.state === 'Z' || stat.state === 'X') return null;
  return { pid, start_ticks: stat.startTicks, kernel_boot: await kernelBoot() };
}

/** Whether that very process still runs. */
export async function isAlive(id: ProcessId): Promise<boolean> {
  const now = await identify(id.pid);
  return now !== null && now.start_ticks === id.start_ticks && now.kernel_boot === id.kernel_boot;
}

export interface LadderStep {
  signal: NodeJS.Signals;
  /** How long to wait for the end before the next step. */
  waitMs: number;
}

/** How often the ladder looks whether the process has gone. */
const LADDER_POLL_MS = 100;

/**
 * Stops a process group: each signal in turn until its leader is gone. `unkillable`: it outlived the last step (a GPU that hangs
 * in the kernel leaves a process in state D, which no signal ends).
 */
export async function killLadder(o: {
  id: ProcessId;
  steps: readonly LadderStep[];
  clock: Clock;
}): Promise<'gone' | 'unkillable'> {
  for (const step of o.steps) {
    if (!(await isAlive(o.id))) break;
    signalGroup(o.id.pid, step.signal);
    const deadline = o.clock.monoMs() + step.waitMs;
    while (o.clock.monoMs() < deadline && (await isAlive(o.id))) await o.clock.sleep(LADDER_POLL_MS);
  }
  if (await isAlive(o.id)) return 'unkillable';
  signalGroup(o.id.pid, 'SIGKILL'); // helpers that outlived their leader
  return 'gone';
}

/** A running process that carries a marker variable in its environment, and leads its group. */
export interface MarkedProcess {
  id: ProcessId;
  value: string;
  startedAtMs: number;
}

/**
 * Finds group leaders that were started with the variable `name` in their environment, by reading /proc. So a child can be found
 * again although the process that started it died before it could write down the child's pid. Processes of other users are not
 * readable and not ours.
 */
export async function findMarked(name: string): Promise<MarkedProcess[]> {
  const found: MarkedProcess[] = [];
  const variable = Buffer.from(`${name}=`);
  // Synchronous: /proc is memory, and some dozens of files through the thread pool take several times as long.
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const value = valueIn(environOf(pid), variable);
    if (value === null) continue;
    const stat = await procStat(pid);
    const id = await identify(pid);
    if (stat === null || id === null || stat.group !== pid) continue;
    const startedAtMs = (await kernelBootedAtMs()) + (id.start_ticks * 1000) / CLOCK_TICKS_PER_S;
    found.push({ id, value, startedAtMs });
  }
  return found;
}

/** The value of the variable (`NAME=`) in an environment as /proc shows it: each variable ends in a NUL. */
function valueIn(environ: Buffer | null, variable: Buffer): string | null {
  let at = environ?.indexOf(variable) ?? -1;
  // Not in the middle of another one.
  while (environ !== null && at > 0 && environ[at - 1] !== 0) at = environ.indexOf(variable, at + 1);
  if (environ === null || at < 0) return null;
  const end = environ.indexOf(0, at);
  return environ.toString('utf8', at + variable.length, end < 0 ? environ.length : end);
}

function environOf(pid: number): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch (error) {
    if (isErrno(error, ...GONE_OR_FOREIGN)) return null;
    throw error;
  }
}

/** USER_HZ: 100 on every Linux architecture that miners run on (time(7)). */
const CLOCK_TICKS_PER_S = 100;

async function kernelBootedAtMs(): Promise<number> {
  const btime = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1];
  return Number(btime ?? 0) * 1000;
}

async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, ...GONE_OR_FOREIGN)) return null;
    throw error;
  }
}
