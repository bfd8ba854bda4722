// A release like any other, but with the practice miner pinned as t-rex: an archive that the mirror serves, so that a worker
// fetches, checks and unpacks a miner too.
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import { buildPage } from '../../scripts/release/page.ts';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { tarGz } from '../fakes/archives.ts';
import { bundlePracticeMiner } from '../rig/bundle.ts';

/** So slow that a fleet of these leaves the machine usable, and about four shares a second at the pool's difficulty. */
const MINER_FLAGS = '--practice-throttle-hs 20000 --practice-dag-ms 100 --practice-reconnect-ms 300';
/** Beside the program in the archive, so that its download takes a while. */
const PADDING_BYTES = 1_500_000;

/** Folder under SPOTRIG_HOME that is the bench's alone: it must be there, with both files, before a miner starts. */
export const SENTINEL_DIR = 'chaos';
/** Held by a lock as long as a miner runs. */
export const SENTINEL_LOCK = 'miner.lock';
/** Gets a line from each miner that found another one running. */
export const SENTINEL_DOUBLE = 'double';

/** What a worker is booted from. */
export interface ChaosRelease {
  dir: string;
  manifest: Manifest;
  miner: MinerRelease;
  /** Digest of the program in the miner's archive. */
  programSha256: string;
}

/** Builds it into `dir`. */
export async function buildChaosRelease(dir: string, log: (line: string) => void): Promise<ChaosRelease> {
  await mkdir(join(dir, 'artifacts'), { recursive: true });
  const bundle = join(dir, 'practice-miner.cjs');
  await bundlePracticeMiner(bundle);
  const program = Buffer.from(minerProgram(await readFile(bundle, 'utf8')));
  const archive = await tarGz([
    { name: 'padding', content: randomBytes(PADDING_BYTES) },
    { name: 't-rex', content: program },
  ]);
  const miner: MinerRelease = {
    miner: 't-rex',
    version: '0.0.1',
    // The discard port: nobody answers there, so the mirror is the only source.
    url: 'http://127.0.0.1:9/t-rex.tar.gz',
    sha256: sha256(archive),
    size_bytes: archive.length,
    unpacked_bytes: program.length,
    archive: 'tar.gz',
    member: 't-rex',
  };
  const minersPath = join(dir, 'releases.json');
  await writeFile(minersPath, JSON.stringify([miner]));
  const manifest = await buildRelease({ out: dir, xz: 'make', log, minersPath });
  await buildPage({ out: join(dir, 'page') });
  await writeFile(join(dir, 'artifacts', miner.sha256), archive);
  return { dir, manifest, miner, programSha256: sha256(program) };
}

/**
 * The practice miner as one file for a machine without Node: bash reads the second line and hands over to the worker's own
 * runtime, for which the same line is a text and a comment. The lock goes with the process, so two miners at once, for however
 * short a time, are seen without fail. The miner's working directory is SPOTRIG_HOME/run.
 */
function minerProgram(script: string): string {
  const sentinel = `../${SENTINEL_DIR}`;
  return [
    '#!/bin/bash',
    `':' //; exec 9>>${sentinel}/${SENTINEL_LOCK}; flock -n 9 || echo $$ >>${sentinel}/${SENTINEL_DOUBLE}; exec "\${0%/*}"/../*/node "$0" ${MINER_FLAGS} "$@"`,
    script,
  ].join('\n');
}

/** In hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
