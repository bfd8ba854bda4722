// The programs that build images, behind one face: docker, podman, buildah.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { which } from 'zx';
import { SpotrigError } from '../../platform/errors.ts';

export const ENGINES = ['docker', 'podman', 'buildah'] as const;
export type EngineName = (typeof ENGINES)[number];

export interface Build {
  /** Local name that the image gets, with its tag. */
  ref: string;
  contextDir: string;
  dockerfile: string;
  args: Readonly<Record<string, string>>;
  epoch_s: number;
  /** Network of the build's steps; null = the engine's own. */
  network: string | null;
  /** Gets the builder's words. */
  logPath: string;
}

export interface Engine {
  readonly name: EngineName;
  build(build: Build): Promise<void>;
  /** Where the size check reads the image. For podman and buildah it is copied into `dir` as it would be pushed. */
  exported(ref: string, dir: string): Promise<{ source: string; digest: string | null }>;
  push(ref: string, to: string): Promise<void>;
}

/** The one that is asked for, else the first that is there; throws `image_engine`. */
export async function findEngine(wanted: EngineName | null): Promise<Engine> {
  for (const name of wanted === null ? ENGINES : [wanted]) {
    if ((await which(name, { nothrow: true })) !== null)
      return name === 'docker' ? await docker() : storageEngine(name);
  }
  const list = wanted ?? ENGINES.join(', ');
  throw new SpotrigError('image_engine', `this machine lacks ${list}: install one of docker, podman, buildah`);
}

function buildWords(build: Build): string[] {
  return [
    ['build', '--tag', build.ref, '--file', join(build.contextDir, build.dockerfile)],
    build.network === null ? [] : ['--network', build.network],
    Object.entries(build.args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
  ].flat();
}

/** Its own builds carry the clock's time, so their sizes are checked and their digests are not promised. */
async function docker(): Promise<Engine> {
  // Without the plugin, BuildKit cannot be had; its own BuildKit is what docker takes where nothing else is said.
  const hasBuildx = !(await execa('docker', ['buildx', 'version'], { reject: false })).failed;
  const env = hasBuildx ? {} : { DOCKER_BUILDKIT: '0' };
  const tidy = hasBuildx ? [] : ['--force-rm']; // the classic builder leaves the container of a step that failed
  return {
    name: 'docker',
    build: (build) => run('docker', [...buildWords(build), ...tidy, build.contextDir], build.logPath, env),
    exported: (ref) => Promise.resolve({ source: ref, digest: null }),
    async push(ref, to) {
      await run('docker', ['tag', ref, to], null);
      await run('docker', ['push', '--quiet', to], null); // its layers are gzip, whatever the engine
    },
  };
}

/** podman and buildah share their storage, their flags, and gzip as what they push where it is asked for. */
function storageEngine(name: 'podman' | 'buildah'): Engine {
  return {
    name,
    build(build) {
      // One layer for each instruction, so that the images share the worker's; the time in all of it is the commit's.
      const words = ['--layers', '--timestamp', String(build.epoch_s), '--format', 'oci'];
      return run(name, [...buildWords(build), ...words, build.contextDir], build.logPath);
    },
    async exported(ref, dir) {
      await rm(dir, { recursive: true, force: true });
      await mkdir(dirname(dir), { recursive: true });
      const digestFile = `${dir}.digest`;
      await run(name, ['push', ...GZIP, '--digestfile', digestFile, ref, `oci:${dir}`], null);
      return { source: dir, digest: (await readFile(digestFile, 'utf8')).trim() };
    },
    push: (ref, to) => run(name, ['push', ...GZIP, ref, `docker://${to}`], null),
  };
}

/** Old engines refuse zstd layers (facts/images.md section 2), and which ones GigaSPOT's hosts run is not known. */
const GZIP = ['--compression-format', 'gzip'];

/** Runs it; its words go to the log. Throws `image_build` with the last of them. */
async function run(
  program: string,
  args: string[],
  logPath: string | null,
  env: Record<string, string> = {},
): Promise<void> {
  const result = await execa(program, args, { reject: false, all: true, stdin: 'ignore', env });
  if (logPath !== null) await writeFile(logPath, result.all);
  if (!result.failed) return;
  const last = result.all.split('\n').slice(-12).join('\n');
  const where = logPath === null ? '' : `; all of it is in ${logPath}`;
  throw new SpotrigError('image_build', `${program} ${args[0] ?? ''} failed${where}:\n${last}`);
}
