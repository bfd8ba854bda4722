// The practice miner as one file, and an executable that starts it: what a `miner@/path` setting can point at.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

/** Bundles the miner into one CommonJS file that any Node from 20.12 runs. Rejects with esbuild's complaint. */
export async function bundlePracticeMiner(outFile: string): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, 'practice-miner.ts')],
    outfile: outFile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
  });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Writes `practice-miner.cjs` and the executable `practice-miner` into `dir` (made when absent) and returns the latter's
 * absolute path. The wrapper ends in `exec`, so its pid is the miner's. `flags` come before those of the caller.
 */
export async function writePracticeMinerLauncher(
  dir: string,
  flags: readonly string[] = [],
  nodePath: string = process.execPath,
): Promise<string> {
  await mkdir(dir, { recursive: true });
  const script = resolve(dir, 'practice-miner.cjs');
  const launcher = resolve(dir, 'practice-miner');
  await bundlePracticeMiner(script);
  const words = [nodePath, script, ...flags].map(quoted).join(' ');
  await writeFile(launcher, `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(launcher, 0o755);
  return launcher;
}
