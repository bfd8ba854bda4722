// What a process costs, as the kernel tells it.
import { readFile } from 'node:fs/promises';

/** USER_HZ: 100 on every Linux architecture that Node runs on (time(7)). */
const TICK_MS = 10;

export interface Memory {
  /** Resident set: shared pages count in full. */
  rss_bytes: number;
  /** Proportional set: a page that n processes share counts as 1/n. */
  pss_bytes: number;
}

/** Memory of one process from /proc/<pid>/smaps_rollup (proc_pid_smaps_rollup(5)). Rejects when it is gone. */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string): number => {
    const kib = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kib === undefined) throw new Error(`/proc/${pid}/smaps_rollup has no ${name}`);
    return Number(kib) * 1024;
  };
  return { rss_bytes: of('Rss'), pss_bytes: of('Pss') };
}

/** User and system time of one process so far, all its threads, without its children (proc_pid_stat(5)). In steps of 10 ms. */
export async function cpuMsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Sum over several processes. */
export async function memoryOfAll(pids: readonly number[]): Promise<Memory> {
  const all = await Promise.all(pids.map(memoryOf));
  return {
    rss_bytes: all.reduce((sum, m) => sum + m.rss_bytes, 0),
    pss_bytes: all.reduce((sum, m) => sum + m.pss_bytes, 0),
  };
}

/** Sum over several processes. */
export async function cpuMsOfAll(pids: readonly number[]): Promise<number> {
  return (await Promise.all(pids.map(cpuMsOf))).reduce((sum, ms) => sum + ms, 0);
}
