// Releases around a stand-in runtime and payload, and mirrors in memory, for the tests of what makes and checks releases.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type KeyObject, createPrivateKey } from 'node:crypto';
import { SpotrigError } from '../../platform/errors.ts';
import { sha256Of } from '../../scripts/release/head.ts';
import type { ReleaseManifest } from '../../scripts/release/manifest.ts';
import { capped, type Mirror, type ReadLimits } from '../../scripts/release/mirror.ts';
import { publish, type ExtraFile } from '../../scripts/release/publish.ts';
import { composeRelease, type Composed } from '../../scripts/release/release.ts';
import { newKeyPair } from '../../scripts/release/signing-keys.ts';

export const COMMIT = 'c0'.repeat(20);
export const MADE_S = 1_795_000_000;
export const EXPIRES = new Date((MADE_S + 90 * 86_400) * 1000).toISOString();

/** A key of this run's. */
export function newKey(): { key: KeyObject; publicText: string } {
  const { privatePem, publicText } = newKeyPair();
  return { key: createPrivateKey(privatePem), publicText };
}

/** A release in memory; its Node is a file of noise, its worker the list of pinned miners, which are made up. */
export async function composeStandIn(o: { word?: string; miners?: readonly object[] } = {}): Promise<Composed> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-stand-in-'));
  const lines = Array.from({ length: 600 }, (_, i) => Buffer.from(sha256Of(`${o.word ?? ''}${i}`), 'hex'));
  try {
    await writeFile(join(dir, 'node'), Buffer.concat(lines));
    await writeFile(join(dir, 'release.toml'), 'mirrors = []\nnode_flags = []\n');
    await writeFile(join(dir, 'releases.json'), JSON.stringify(o.miners ?? []));
    return await composeRelease({
      entry: 'miners/pinned.ts',
      xz: 'make',
      log: () => undefined,
      settingsPath: join(dir, 'release.toml'),
      runtimePath: join(dir, 'node'),
      minersPath: join(dir, 'releases.json'),
      cacheDir: join(dir, 'cache'),
    });
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Publishes into `out`. */
export function publishStandIn(o: {
  out: string;
  composed: Composed;
  key: KeyObject;
  serial?: number;
  made_s?: number;
  extras?: readonly ExtraFile[];
  previous?: ReleaseManifest | null;
}): Promise<ReleaseManifest> {
  const { serial = 7, made_s = MADE_S, extras = [], previous = null } = o;
  return publish({ ...o, serial, made_s, extras, previous, expires: EXPIRES, commit: COMMIT, log: () => undefined });
}

/** Every file of a folder by its path. */
export async function filesOf(dir: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(dir, path), await readFile(path)] as const)));
}

/** A mirror that has these files. */
export function memoryMirror(files: ReadonlyMap<string, Buffer>): Mirror {
  return {
    where: 'memory',
    async *read(name: string, limits: ReadLimits) {
      const bytes = files.get(name);
      if (bytes === undefined) throw new SpotrigError('mirror_missing', 'is not there');
      yield* capped((async function* () { yield bytes; })(), limits); // prettier-ignore
    },
    list: async () => [...files.keys()],
    givesRanges: async () => null,
    close: async () => undefined,
  };
}
