// What a worker lives in: a real container, or a process tree where there is no Docker. Both keep the script and the home in one
// folder of this machine, under the same path, so everything else looks at them in the same way.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startContractContainer, type Container } from '../lab/docker.ts';
import { startContractWorker, type ContractWorker } from '../rig/contract-worker.ts';

const CONTRACT = resolve(import.meta.dirname, '../contract/delegated-entrypoint.sh');

/** One container, whose disk is kept over kills. */
export interface Box {
  readonly home: string;
  /** /etc/onstart.sh of the contract. */
  readonly script: string;
  start(): Promise<void>;
  /** Runs the contract once more, beside what runs. */
  startBeside(): Promise<void>;
  /** What an owner does when the head alone has died. */
  startAgain(): Promise<void>;
  /** Every process dies at once. */
  kill(): Promise<void>;
  /** TERM, and KILL for what is left. */
  stop(): Promise<void>;
  /** Everything that was printed. */
  output(): Promise<string>;
  remove(): Promise<void>;
}

export interface BoxOptions {
  name: string;
  dir: string;
  logPath: string;
  entrypointUrl: string;
  env: Record<string, string>;
}

/** A process tree. To start again is harder than in a container: what the dead head left behind is still there. */
export function treeBox(o: BoxOptions): Box {
  const trees: ContractWorker[] = [];
  const start = async (): Promise<void> => {
    const { dir, entrypointUrl, env, logPath: outputPath } = o;
    trees.push(await startContractWorker({ dir, entrypointUrl, env, outputPath }));
  };
  const all = async (end: (tree: ContractWorker) => Promise<void>): Promise<void> => {
    await Promise.all(trees.splice(0).map(end));
  };
  return {
    home: join(o.dir, 'home'),
    script: join(o.dir, 'onstart.sh'),
    start,
    startBeside: start,
    startAgain: start,
    kill: () => all((tree) => tree.kill()),
    stop: () => all((tree) => tree.stop()),
    output: () => readFile(o.logPath, 'utf8').catch(() => ''),
    remove: () => all((tree) => tree.kill()),
  };
}

/** A container on the host's network. */
export function dockerBox(o: BoxOptions): Box {
  const home = join(o.dir, 'home');
  const script = join(o.dir, 'onstart.sh');
  let container: Container | null = null;
  const env = {
    ...{ DELEGATED_ENTRYPOINT: o.entrypointUrl, ONSTART: script, RETRY_SLEEP_S: '1', SPOTRIG_HOME: home },
    ...o.env,
  };
  const start = async (): Promise<void> => {
    if (container !== null) await container.start();
    else container = await startContractContainer({ name: o.name, env, contractPath: CONTRACT, mounts: [o.dir] });
  };
  return {
    home,
    script,
    start,
    startBeside: async () => {
      await container?.exec('/bin/bash', '-c', '/bin/bash /etc/delegated-entrypoint.sh >/dev/null 2>&1 &');
    },
    startAgain: async () => {
      await container?.kill();
      await container?.start();
    },
    kill: async () => container?.kill(),
    stop: async () => container?.stop(),
    output: async () => (await container?.logs()) ?? '',
    remove: async () => {
      await writeFile(o.logPath, (await container?.logs().catch(() => '')) ?? '');
      await container?.remove();
    },
  };
}
