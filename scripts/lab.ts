// npm run lab: tests with a real Docker engine and a real miner, on loopback. A machine without Docker or without root's
// rights to make a base image skips it with one line; with CI=true that line is a failure.
import { mkdir, open } from 'node:fs/promises';
import { $, which } from 'zx';
import { pathToFileURL } from 'node:url';
import { realClock } from '../platform/clock.ts';
import { spawnGroup } from '../platform/process.ts';
import { makeLabBases } from './lab-base.ts';
import { close, runProjects, type Counts } from './vitest.ts';

const quiet = $({ nothrow: true, quiet: true });

/** An engine with the base images on it; `stop` takes down what had to be started. */
export interface Lab {
  stop(): void;
}

/** Starts what is missing. null, after one line that says why, where there can be no lab. */
export async function openLab(): Promise<Lab | null> {
  const lab = await prepare();
  if (!('missing' in lab)) return lab;
  console.log(`lab skipped: ${lab.missing}`);
  return null;
}

/** Counts of a lab that could not be opened: where all must run, that is a failure. */
export const NO_LAB: Counts = { passed: 0, failed: process.env['CI'] === 'true' ? 1 : 0, skipped: 1 };

async function runLab(): Promise<Counts> {
  const lab = await openLab();
  if (lab === null) return NO_LAB;
  try {
    return await runProjects('lab', ['images', 'lab']);
  } finally {
    lab.stop();
  }
}

async function prepare(): Promise<{ missing: string } | Lab> {
  if ((await which('docker', { nothrow: true })) === null) return { missing: 'there is no docker here' };
  let stop = (): void => undefined;
  if ((await quiet`docker info`).exitCode !== 0) {
    const dockerd = await which('dockerd', { nothrow: true });
    if (dockerd === null || process.getuid?.() !== 0)
      return { missing: 'no docker engine runs, and this user cannot start one' };
    stop = await startEngine(dockerd);
  }
  const complaint = await makeLabBases();
  if (complaint !== null) {
    stop();
    return { missing: complaint };
  }
  return { stop };
}

/** Starts an engine without networks of its own: containers share the host's loopback or get namespaces that a test makes. */
async function startEngine(dockerd: string): Promise<() => void> {
  await mkdir('.cache/lab', { recursive: true });
  const log = await open('.cache/lab/dockerd.log', 'w');
  const engine = spawnGroup({
    argv: [dockerd, '--bridge=none', '--iptables=false'],
    env: { PATH: process.env['PATH'] ?? '', HOME: '/root' },
    stdout: log.fd,
    stderr: 'stdout',
  });
  await log.close();
  for (let i = 0; i < 60; i++) {
    if ((await quiet`docker info`).exitCode === 0) return () => engine.kill('SIGTERM');
    await realClock.sleep(500);
  }
  engine.kill('SIGKILL');
  throw new Error('dockerd did not come up within 30 s; see .cache/lab/dockerd.log');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) close(await runLab());
