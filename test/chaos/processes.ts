// The processes of one worker, read from /proc: the same whether it runs in a container or not, since the folder of its home has
// one path in both.
import { readdirSync, readFileSync } from 'node:fs';
import { homeMark, MARKER } from '../../entrypoint/supervise/marker.ts';
import { isErrno } from '../../platform/errors.ts';

export type Role = 'contract' | 'head' | 'node' | 'miner' | 'other';

export interface WorkerProcess {
  pid: number;
  parent: number;
  role: Role;
  argv: readonly string[];
}

/** Every running process of the worker with this home. Zombies are left out. */
export function workerProcesses(home: string): WorkerProcess[] {
  const found: WorkerProcess[] = [];
  for (const pid of allPids()) {
    const process = readWorkerProcess(pid, home);
    if (process !== null) found.push(process);
  }
  return found;
}

/** Those of a role; of the head's, only the heads themselves and not their subshells. */
export function ofRole(processes: readonly WorkerProcess[], role: Role): WorkerProcess[] {
  const those = processes.filter((p) => p.role === role);
  return role === 'head' ? those.filter((p) => !those.some((other) => other.pid === p.parent)) : those;
}

export function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** null for a process that is gone, or of somebody else. */
export function readWorkerProcess(pid: number, home: string): WorkerProcess | null {
  const environ = read(`/proc/${pid}/environ`)?.split('\0') ?? [];
  const isMiner = environ.some((v) => v.startsWith(`${MARKER}=${homeMark(home)}:`));
  if (!isMiner && !environ.includes(`SPOTRIG_HOME=${home}`)) return null;
  const stat = read(`/proc/${pid}/stat`) ?? '';
  const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || state === '' || state === 'Z' || state === 'X') return null;
  // Helpers of a miner are in its group and are no miners.
  if (isMiner && Number(group) !== pid) return null;
  const argv = (read(`/proc/${pid}/cmdline`) ?? '').split('\0').slice(0, -1);
  return { pid, parent: Number(parent), role: isMiner ? 'miner' : roleOf(argv), argv };
}

function roleOf(argv: readonly string[]): Role {
  const [program = '', first = '', ...rest] = argv;
  if (program.endsWith('/bash') && first.endsWith('/onstart.sh')) return 'head';
  if (program.endsWith('bash') && first.endsWith('delegated-entrypoint.sh')) return 'contract';
  // What the contract ends in.
  if (program === 'sleep' && first === 'infinity') return 'contract';
  return program.endsWith('/node') && [first, ...rest].some((a) => a.endsWith('/main.cjs')) ? 'node' : 'other';
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return null;
    throw error;
  }
}
