// One worker as a process tree, started as GigaSPOT starts it: by the DELEGATED_ENTRYPOINT contract, only in a private folder.
import { mkdir } from 'node:fs/promises';
import { resolve, join } from 'node:path';
import { open } from 'node:fs/promises';
import { findRunning } from '../../entrypoint/frp/frpc.ts';
import { homeMark, MARKER, parseMark } from '../../entrypoint/supervise/marker.ts';
import { realClock } from '../../platform/clock.ts';
import { isErrno } from '../../platform/errors.ts';
import { findMarked, identify, isAlive, signalGroup, spawnGroup, type ProcessId } from '../../platform/process.ts';

const CONTRACT = resolve(import.meta.dirname, '../contract/delegated-entrypoint.sh');

export interface ContractWorkerOptions {
  /** Private folder: the script as `onstart.sh`, the worker's home, the container's output. */
  dir: string;
  /** DELEGATED_ENTRYPOINT. */
  entrypointUrl: string;
  /** The rest of the order's env. */
  env: Record<string, string>;
  /** Where the container's output goes; default `container.log` in the folder. */
  outputPath?: string;
}

export interface ContractWorker {
  readonly home: string;
  readonly outputPath: string;
  /** Leader of the tree: the contract's own script. */
  readonly id: ProcessId;
  /** Miners of this worker's home that run now. */
  miners(): Promise<ProcessId[]>;
  /** The container is killed: every process at once, the miner too. */
  kill(): Promise<void>;
  /** The container is stopped: TERM, then KILL for what is left after ten seconds. */
  stop(): Promise<void>;
}

/** As long as docker gives a container. */
const STOP_MS = 10_000;

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Starts the worker. A second start in the same folder is the same container started again: its disk is kept. */
export async function startContractWorker(o: ContractWorkerOptions): Promise<ContractWorker> {
  const dir = resolve(o.dir);
  const home = join(dir, 'home');
  const outputPath = o.outputPath ?? join(dir, 'container.log');
  await mkdir(home, { recursive: true });
  const output = await open(outputPath, 'a');
  const child = spawnGroup({
    argv: ['/bin/bash', CONTRACT],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: dir,
      ONSTART: join(dir, 'onstart.sh'),
      RETRY_SLEEP_S: '1',
      DELEGATED_ENTRYPOINT: o.entrypointUrl,
      SPOTRIG_HOME: home,
      ...o.env,
    },
    cwd: dir,
    stdout: output.fd,
    stderr: 'stdout',
  });
  await output.close();
  const id = await identify(child.pid);
  if (id === null) throw new Error(`the contract's script ended at once; see ${outputPath}`);

  const miners = async (): Promise<ProcessId[]> => {
    const marked = await findMarked(MARKER);
    return marked.filter((m) => parseMark(m.value)?.home === homeMark(home)).map((m) => m.id);
  };
  /** Groups of their own: miners, the tunnel's programs, and the head's tools, which `timeout` puts into one. */
  const killGroups = async (): Promise<void> => {
    const tools = (await findMarked('SPOTRIG_HOME')).filter((m) => m.value === home).map((m) => m.id);
    const tunnel = (await findRunning(home)).map((m) => m.id);
    for (const leader of [...(await miners()), ...tunnel, ...tools]) {
      signalGroup(leader.pid, 'SIGKILL');
      while (await isAlive(leader)) await realClock.sleep(20);
    }
    // Zombies that nobody reaps count as alive: no reason to wait for ever.
    for (let i = 0; i < 100 && groupLives(id.pid); i++) await realClock.sleep(20);
  };
  return {
    home,
    outputPath,
    id,
    miners,
    kill: async () => {
      signalGroup(id.pid, 'SIGKILL');
      await killGroups();
      await child.exited;
    },
    stop: async () => {
      signalGroup(id.pid, 'SIGTERM');
      // The contract's own script dies of TERM at once; what matters is that the head and Node behind it end by themselves.
      const deadline = realClock.monoMs() + STOP_MS;
      while (realClock.monoMs() < deadline && groupLives(id.pid)) await realClock.sleep(50);
      signalGroup(id.pid, 'SIGKILL');
      await killGroups();
    },
  };
}
