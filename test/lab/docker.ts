// Containers for the lab: on the host's network, loopback addresses only.
import { execa } from 'execa';

/** Made by scripts/lab.ts with debootstrap; no image can be taken from a registry in the lab. */
export const LAB_BASE_IMAGE = 'spotrig-lab/trixie:3';

/** The same, slim, with what our Dockerfiles install. */
export const LAB_IMAGES_BASE = 'spotrig-lab/images-base:1';

export interface Container {
  readonly name: string;
  /** Runs a program inside; resolves to its standard output. */
  exec(...argv: string[]): Promise<string>;
  /** Copies a file of this machine into it, running or not. */
  put(from: string, to: string): Promise<void>;
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

interface ContainerOptions {
  name: string;
  env: Record<string, string>;
  /** More files: path on this machine → path in the container. */
  files?: Record<string, string>;
  /** Folders of this machine that are at the same path in the container. */
  mounts?: readonly string[];
}

/** Starts a container whose process 1 is `bash <the contract>`, as in CLORE's image. The order's env is its environment. */
export function startContractContainer(o: ContainerOptions & { contractPath: string }): Promise<Container> {
  return startContainer({
    ...o,
    image: LAB_BASE_IMAGE,
    command: ['/bin/bash', '/etc/delegated-entrypoint.sh'],
    files: { [o.contractPath]: '/etc/delegated-entrypoint.sh', ...o.files },
  });
}

/** Starts a container of this image; its process 1 is the image's own where no command is given. */
export async function startContainer(
  o: ContainerOptions & { image: string; command?: readonly string[] },
): Promise<Container> {
  const { name } = o;
  await execa('docker', ['rm', '-f', name], { reject: false });
  await docker(
    'create',
    ...['--name', name, '--network', 'host'],
    ...(o.mounts ?? []).flatMap((path) => ['--volume', `${path}:${path}`]),
    ...Object.entries(o.env).flatMap(([k, v]) => ['--env', `${k}=${v}`]),
    ...[o.image, ...(o.command ?? [])],
  );
  for (const [from, to] of Object.entries(o.files ?? {})) await docker('cp', from, `${name}:${to}`);
  await docker('start', name);
  return {
    name,
    exec: (...argv) => docker('exec', name, ...argv),
    put: async (from, to) => void (await docker('cp', from, `${name}:${to}`)),
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
