// Where a starting worker is, as far as its files and processes show it from outside.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '../../platform/clock.ts';
import type { ChaosRelease } from './chaos-release.ts';
import type { Moment, Step } from './plan.ts';
import { ofRole, workerProcesses } from './processes.ts';

const LOOK_MS = 4;

export interface Scene {
  home: string;
  script: string;
  release: ChaosRelease;
  /** Shares that the pool has accepted so far. */
  accepted(): number;
}

/** Taken before a start: tells what a step would change. Call it again and again until it is true. */
export type StepWatch = () => boolean;

/** Watches for a step of the start that comes next. */
export function watchStep(scene: Scene, { at: step, part }: { at: Step; part: number }): StepWatch {
  const { home, release } = scene;
  const changed = (look: () => string): StepWatch => {
    const before = look();
    return () => look() !== before;
  };
  const files = release.manifest.files.filter((f) => f.name.startsWith('artifacts/'));
  // The end of a download is caught too, in case that its last part passed between two looks.
  const isComplete = (file: string): boolean => {
    return namesIn(join(home, 'artifacts')).some((name) => sizeOf(join(home, 'artifacts', name, file)) > 0);
  };
  switch (step) {
    case 'head-start':
      return () => ofRole(workerProcesses(home), 'head').length > 0;
    case 'lock':
      return changed(() => lastOf(join(home, 'run'), /^lock\.\d+$/));
    case 'payload':
      return () => sizeOf(join(home, 'artifacts/.new/main.cjs')) > 0 || isComplete('main.cjs');
    case 'runtime': {
      const archives = files.filter((f) => f.what.startsWith('Node runtime'));
      const isUnderWay = (): boolean =>
        archives.some((f) => sizeOf(join(home, 'partial', f.sha256)) > part * f.size_bytes);
      return () => isUnderWay() || isComplete('node');
    }
    case 'unpack':
      return () => sizeOf(join(home, 'artifacts/.new/node')) > part * 100_000_000 || isComplete('node');
    case 'node-start':
      return changed(() => textOf(join(home, 'run/node')));
    case 'relay-open':
      return () => ofRole(workerProcesses(home), 'node').some(({ pid }) => listens(pid));
    case 'artefact': {
      const { sha256, size_bytes } = release.miner;
      return () => sizeOf(join(home, 'partial', sha256)) > part * (size_bytes ?? 0) || isComplete('t-rex');
    }
    case 'miner-spawn':
      return changed(() => ofRole(workerProcesses(home), 'miner').map((p) => p.pid).join(' ')); // prettier-ignore
    case 'first-share': {
      const before = scene.accepted();
      return () => scene.accepted() > before;
    }
    case 'report-sent':
      return changed(() => textOf(join(home, 'spool/acked')));
  }
}

/** Waits for it; false when it does not come in time. */
export async function waitForStep(watch: StepWatch, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    if (watch()) return true;
    await realClock.sleep(LOOK_MS);
  }
  return false;
}

/** Whether the moment is a step of a start. */
export function isStep(moment: Moment): moment is Moment & { at: Step } {
  return moment.at !== 'while-mining';
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0; // not there yet, or no more
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function lastOf(dir: string, pattern: RegExp): string {
  return namesIn(dir).findLast((name) => pattern.test(name)) ?? '';
}

/** Sorted; none for a folder that is not there. */
function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).toSorted();
  } catch {
    return [];
  }
}

/** Whether a process has a listening TCP socket: state 0A of /proc/net/tcp (proc_net(5)), of an inode that is among its files. */
function listens(pid: number): boolean {
  try {
    const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
    const table = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
    return table.some((line) => {
      const fields = line.trim().split(/\s+/);
      return fields[3] === '0A' && sockets.includes(`socket:[${fields[9]}]`);
    });
  } catch {
    return false; // it ended meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
