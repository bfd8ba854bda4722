// The real frps and frpc, built once from the module beside this file and kept under .cache/frp: no fake stands for frp anywhere.
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { which } from 'zx';

const HERE = import.meta.dirname;
const CACHE = join(HERE, '../../.cache/frp');
const BUILD_LIMIT_MS = 600_000;

export interface FrpBinaries {
  frpc: string;
  frps: string;
}

/** Why they cannot be had here; null when they are there or can be built. */
export async function frpMissing(): Promise<string | null> {
  if (await isThere(await place())) return null;
  return (await which('go', { nothrow: true })) === null ? 'there is no go to build frp with' : null;
}

/**
 * Paths of the two programs; builds them at the first call (a minute or two on two cores). The tag `noweb` leaves out the web
 * pages, which the module does not carry. Rejects with the compiler's words.
 */
export async function frpBinaries(): Promise<FrpBinaries> {
  const dir = await place();
  if (!(await isThere(dir))) {
    const temp = `${dir}.${process.pid}`;
    await mkdir(temp, { recursive: true });
    const packages = ['frpc', 'frps'].map((name) => `github.com/fatedier/frp/cmd/${name}`);
    const flags = ['-trimpath', '-tags', 'noweb', '-ldflags', '-s -w', '-o', `${temp}/`];
    await execa('go', ['build', ...flags, ...packages], {
      ...{ cwd: HERE, timeout: BUILD_LIMIT_MS },
      env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' },
    });
    await rm(dir, { recursive: true, force: true });
    await rename(temp, dir);
  }
  return { frpc: join(dir, 'frpc'), frps: join(dir, 'frps') };
}

/** Another module, another folder. */
async function place(): Promise<string> {
  const sums = await Promise.all(['go.mod', 'go.sum'].map((name) => readFile(join(HERE, name))));
  return join(CACHE, createHash('sha256').update(Buffer.concat(sums)).digest('hex').slice(0, 16));
}

async function isThere(dir: string): Promise<boolean> {
  const found = await Promise.allSettled(['frpc', 'frps'].map((name) => access(join(dir, name))));
  return found.every(({ status }) => status === 'fulfilled');
}
