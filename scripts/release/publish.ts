// A signed release in a folder: what a build makes, the miners' archives, SHA256SUMS, and the manifest last. Killed at any moment,
// the folder serves what it served before, or all of the new release; only its manifest may be the one before.
import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fsyncDir, makeDir, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import {
  artifactName,
  MANIFEST,
  readManifest,
  type ReleaseFile,
  type ReleaseManifest,
  signManifest,
  SUMS,
} from './manifest.ts';
import { type Composed, listed, pruneArtifacts } from './release.ts';

/** An archive of a miner or of frpc, in a file whose digest was checked. */
export interface ExtraFile {
  path: string;
  sha256: string;
  size_bytes: number;
  what: string;
}

export interface PublishOptions {
  out: string;
  composed: Composed;
  extras: readonly ExtraFile[];
  serial: number;
  /** ISO, UTC. */
  expires: string;
  commit: string;
  /** When the source was made; Unix seconds. What an earlier release alone needs is kept KEPT_DAYS from then. */
  made_s: number;
  key: KeyObject;
  /** The manifest that `out` has already, by readPrevious; null: none. */
  previous: ReleaseManifest | null;
  log: (line: string) => void;
}

/** An order lives 20 days at most (facts), and its script is fetched once: for so long a worker may need its own release's files. */
export const KEPT_DAYS = 21;
/** A temporary file of writeFileDurable. */
const LEFT_BY_KILL = /^(?:loader\.sh|entrypoint\.sh|SHA256SUMS|manifest\.json)\.[0-9a-f]{12}\.tmp$/;
const DAY_MS = 86_400_000;

/** Writes a release into its folder. Throws `serial_taken` and `artifact_changed`, and system errors. */
export async function publish(o: PublishOptions): Promise<ReleaseManifest> {
  const out = resolve(o.out);
  const { version, node, files: made } = o.composed;
  const files: ReleaseFile[] = made.map(listed);
  for (const { sha256, size_bytes, what } of o.extras) {
    if (!files.some((file) => file.sha256 === sha256))
      files.push({ name: artifactName(sha256), sha256, size_bytes, what });
  }
  files.push(...(await keptFiles(o, out, files)));
  const sums = {
    name: SUMS,
    bytes: Buffer.from(sumsOf(files)),
    what: 'the digests of all other files, for sha256sum -c',
  };
  files.push(listed(sums));
  const { serial, expires, commit, previous } = o;
  const bytes = signManifest({ serial, expires, version, node, commit, files }, o.key);
  const { manifest } = readManifest(bytes);
  checkSerial(manifest, previous, out);

  await makeDir(join(out, 'artifacts'), 0o755);
  for (const extra of o.extras) {
    o.log(`copying ${extra.what}`);
    await copyArtifact(extra, out);
  }
  for (const { name, bytes: content, mode } of made) await writeFileDurable(join(out, name), content, mode);
  await writeFileDurable(join(out, SUMS), sums.bytes, 0o644);
  await writeFileDurable(join(out, MANIFEST), bytes, 0o644);
  await pruneArtifacts(out, files);
  for (const name of await readdir(out)) if (LEFT_BY_KILL.test(name)) await rm(join(out, name), { force: true });
  return manifest;
}

/** Throws `serial_taken` for a release that is not newer than the one before, unless it is that very release. */
export function checkSerial(next: ReleaseManifest, previous: ReleaseManifest | null, where: string): void {
  if (previous === null || next.serial > previous.serial) return;
  if (next.serial < previous.serial) throw serialTooLow(next.serial, previous.serial, where);
  if (JSON.stringify(next) === JSON.stringify(previous)) return;
  throw new SpotrigError(
    'serial_taken',
    `${where} has another release with the serial ${next.serial}: two that differ must not share one; give --serial ${next.serial + 1} or more`,
  );
}

/** The refusal of a serial below the one that is there. */
export function serialTooLow(serial: number, there: number, where: string): SpotrigError {
  return new SpotrigError(
    'serial_taken',
    `${where} has the serial ${there}, and this release would have ${serial}: a serial never goes back; give --serial ${there + 1} or more`,
  );
}

/** What the release before needs beyond this one, as far as it is there and whole. */
async function keptFiles(o: PublishOptions, out: string, files: readonly ReleaseFile[]): Promise<ReleaseFile[]> {
  const { previous, serial, made_s } = o;
  if (previous === null) return [];
  const until = new Date(made_s * 1000 + KEPT_DAYS * DAY_MS).toISOString();
  const kept: ReleaseFile[] = [];
  for (const file of previous.files) {
    if (!file.name.startsWith('artifacts/') || files.some(({ name }) => name === file.name)) continue;
    if (file.until !== undefined && Date.parse(file.until) <= made_s * 1000) continue;
    // The very release that is made again has nothing to keep of itself.
    if (file.until === undefined && previous.serial === serial) continue;
    if (await isWhole(join(out, file.name), file)) kept.push({ ...file, until: file.until ?? until });
    else o.log(`${file.name.slice(0, 22)}… of the release before is damaged or gone, and not kept`);
  }
  return kept;
}

/** SHA256SUMS of these files, itself left out. */
export function sumsOf(files: readonly ReleaseFile[]): string {
  const sorted = files.filter(({ name }) => name !== SUMS).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map(({ sha256, name }) => `${sha256}  ${name}\n`).join('');
}

/** Whether a file has this size and digest. */
export async function isWhole(
  path: string,
  { sha256, size_bytes }: { sha256: string; size_bytes: number | null },
): Promise<boolean> {
  try {
    const facts = await stat(path);
    if (!facts.isFile() || (size_bytes !== null && facts.size !== size_bytes)) return false;
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
    return hash.digest('hex') === sha256;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return false;
    throw error;
  }
}

/** Copies an archive in pieces: some are larger than a build machine's memory allows for. */
async function copyArtifact({ path, sha256, size_bytes, what }: ExtraFile, out: string): Promise<void> {
  const place = join(out, artifactName(sha256));
  if (await isWhole(place, { sha256, size_bytes })) return;
  const temp = `${place}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temp, 'wx', 0o644);
    try {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
        hash.update(chunk);
        await file.appendFile(chunk);
      }
      if (hash.digest('hex') !== sha256)
        throw new SpotrigError('artifact_changed', `${path} (${what}) changed while it was copied`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temp, place);
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
  await fsyncDir(join(out, 'artifacts'));
}
