// Containers for the lab: on the host's network, loopback addresses only.
import { execa } from 'execa';

/** Made by scripts/lab.ts with debootstrap; no image can be taken from a registry in the lab. */
export const LAB_BASE_IMAGE = 'spotrig-lab/trixie:3';

export interface Container {
  readonly name: string;
  /** Runs a program inside; resolves to its standard output. */
  exec(...argv: string[]): Promise<string>;
  start(): Promise<void>;
  /** TERM, and KILL after ten seconds. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  logs(): Promise<string>;
  remove(): Promise<void>;
}

async function docker(...args: string[]): Promise<string> {
  return (await execa('docker', args)).stdout;
}

/** Starts a container whose process 1 is `bash <the contract>`, as in CLORE's image. The order's env is its environment. */
export async function startContractContainer(o: {
  name: string;
  env: Record<string, string>;
  contractPath: string;
  /** More files: path on this machine → path in the container. */
  files?: Record<string, string>;
  /** Folders of this machine that are at the same path in the container. */
  mounts?: readonly string[];
}): Promise<Container> {
  const { name } = o;
  await execa('docker', ['rm', '-f', name], { reject: false });
  await docker(
    'create',
    ...['--name', name, '--network', 'host'],
    ...(o.mounts ?? []).flatMap((path) => ['--volume', `${path}:${path}`]),
    ...Object.entries(o.env).flatMap(([k, v]) => ['--env', `${k}=${v}`]),
    ...[LAB_BASE_IMAGE, '/bin/bash', '/etc/delegated-entrypoint.sh'],
  );
  await docker('cp', o.contractPath, `${name}:/etc/delegated-entrypoint.sh`);
  for (const [from, to] of Object.entries(o.files ?? {})) await docker('cp', from, `${name}:${to}`);
  await docker('start', name);
  return {
    name,
    exec: (...argv) => docker('exec', name, ...argv),
    start: async () => void (await docker('start', name)),
    stop: async () => void (await docker('stop', '-t', '10', name)),
    kill: async () => {
      const { exitCode, stderr } = await execa('docker', ['kill', '-s', 'KILL', name], { reject: false });
      // One that ended in this very moment is as dead as was wanted.
      if (exitCode !== 0 && !stderr.includes('is not running')) throw new Error(`docker kill ${name}: ${stderr}`);
    },
    logs: async () => (await execa('docker', ['logs', name], { all: true })).all,
    remove: async () => void (await docker('rm', '-f', name)),
  };
}

/** A miner's process as `grep` over /proc finds it: options, pattern, file. */
export type ProcessSearch = readonly [options: string, pattern: string, file: string];
export const PRACTICE_MINER: ProcessSearch = ['-l', 'practice-miner[.]cjs', 'cmdline'];
export const XMRIG: ProcessSearch = ['-lx', 'xmrig', 'comm'];

/** Paths under /proc of the processes that are found, as text; another text means another process. */
export async function processOf(container: Container, [options, pattern, file]: ProcessSearch): Promise<string> {
  const search = `grep ${options} '${pattern}' /proc/[0-9]*/${file} 2>/dev/null || true`;
  return (await container.exec('sh', '-c', search)).trim();
}
