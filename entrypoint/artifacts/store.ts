// The artefacts of a worker, by content: `artifacts/<sha256>/` is complete or absent, `partial/` holds what is on its way there.
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import type { Clock } from '../../platform/clock.ts';
import { downloadTo } from '../../platform/download.ts';
import { fsyncDir } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { printableUrl } from '../../platform/http-body.ts';
import type { Logger } from '../../platform/logger.ts';
import { unpackMember } from './archive.ts';
import { checkDisk, freeBytesAt, namesIn, neededBytes } from './disk-budget.ts';
import { checkPreinstalled } from './preinstalled.ts';

/** What the worker's owner should learn. */
export interface ArtifactEvent {
  event: 'artifact_ready' | 'mirror_dropped';
  level: 'info' | 'warn';
  detail: string;
}

export interface StoreOptions {
  /** SPOTRIG_HOME. */
  home: string;
  clock: Clock;
  logger: Logger;
  emit: (event: ArtifactEvent) => void;
  freeBytes?: (path: string) => Promise<number>;
}

const STALL_MS = 20_000;
const TOTAL_MS = 30 * 60_000;
/** An archive whose size is not known: none is larger, and no worker's disk holds more. */
const ARCHIVE_MAX_BYTES = 650 * 1024 ** 2;
/** Where xz or python3 are looked for, if an archive needs one. */
const TOOL_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
const SHA256 = /^[0-9a-f]{64}$/;
/** Folders in `partial/` that a kill may leave behind. */
const TEMP = /^unpack-[0-9a-f]{12}$/;

export class ArtifactStore {
  readonly #o: StoreOptions;
  readonly #artifacts: string;
  readonly #partial: string;
  readonly #dropped = new Set<string>();
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #temps = new Set<string>();

  constructor(o: StoreOptions) {
    this.#o = o;
    this.#artifacts = join(o.home, 'artifacts');
    this.#partial = join(o.home, 'partial');
  }

  /**
   * The path of a release's program, fetched and unpacked if it is not there. Mirrors (`<mirror>/artifacts/<sha256>`) are asked
   * first, the release's own address last: release pages are slow or blocked where many workers stand.
   * Throws SpotrigError: disk_low, artifact_unavailable (nobody gave it), and those of unpackMember.
   */
  ensure(release: MinerRelease, mirrors: readonly string[], signal: AbortSignal): Promise<string> {
    const { sha256 } = release;
    const underWay = this.#underWay.get(sha256);
    if (underWay !== undefined) return underWay;
    const work = this.#ensure(release, mirrors, signal).finally(() => this.#underWay.delete(sha256));
    this.#underWay.set(sha256, work);
    return work;
  }

  async #ensure(release: MinerRelease, mirrors: readonly string[], signal: AbortSignal): Promise<string> {
    const program = join(this.#artifacts, release.sha256, basename(release.member));
    if (await isFile(program)) return program;
    await mkdir(this.#artifacts, { recursive: true, mode: 0o700 });
    await mkdir(this.#partial, { recursive: true, mode: 0o700 });
    const archive = join(this.#partial, release.sha256);
    await this.#removeStale((name) => TEMP.test(name));
    await this.#checkRoom(release, archive);
    try {
      await this.#download({ release, mirrors, signal, path: archive });
      await this.#unpack(release, archive);
    } catch (error) {
      // The check went by assumed sizes, or another program took the space meanwhile.
      if (error instanceof SpotrigError && error.code === 'disk_full') await this.#checkRoom(release, archive, 0);
      throw error;
    }
    const detail = `${titleOf(release)} is fetched and unpacked`;
    this.#o.emit({ event: 'artifact_ready', level: 'info', detail });
    return program;
  }

  /** A program that is in the image (`name@/path`), checked. Throws as checkPreinstalled. */
  async preinstalled(path: string): Promise<string> {
    await checkPreinstalled(path);
    return path;
  }

  /**
   * Removes artefacts and partial downloads whose digest is not in `keep`, and what kills left behind. Returns the digests of the
   * artefacts that went.
   */
  async prune(keep: ReadonlySet<string>): Promise<string[]> {
    const there = (await namesIn(this.#artifacts)).filter((name) => SHA256.test(name) && !this.#underWay.has(name));
    const gone = there.filter((name) => !keep.has(name));
    for (const name of gone) await this.#remove(name);
    await this.#removeStale(
      (name) => TEMP.test(name) || (SHA256.test(name) && (!keep.has(name) || there.includes(name))),
    );
    return gone;
  }

  /** Removes what nobody works on from `partial/`. */
  async #removeStale(stale: (name: string) => boolean): Promise<void> {
    for (const name of await namesIn(this.#partial)) {
      if (!stale(name) || this.#temps.has(name) || this.#underWay.has(name)) continue;
      await rm(join(this.#partial, name), { recursive: true, force: true });
    }
  }

  async #checkRoom(release: MinerRelease, archive: string, knownFree?: number): Promise<void> {
    const free = knownFree ?? (await (this.#o.freeBytes ?? freeBytesAt)(this.#o.home));
    const needed = neededBytes(release, await sizeOf(archive));
    await checkDisk({ what: titleOf(release), needed, free, artifactsDir: this.#artifacts });
  }

  async #download(o: {
    release: MinerRelease;
    mirrors: readonly string[];
    signal: AbortSignal;
    path: string;
  }): Promise<void> {
    const { sha256, url, size_bytes } = o.release;
    const urls = [...o.mirrors.map((m) => `${m.replace(/\/+$/, '')}/artifacts/${sha256}`), url];
    // A login page in the way makes every address give wrong bytes, for a while.
    if (urls.every((url) => this.#dropped.has(url))) for (const url of urls) this.#dropped.delete(url);
    try {
      await downloadTo({
        urls,
        path: o.path,
        sha256,
        sizeBytes: size_bytes,
        maxBytes: size_bytes ?? ARCHIVE_MAX_BYTES,
        clock: this.#o.clock,
        signal: o.signal,
        stallMs: STALL_MS,
        totalMs: TOTAL_MS,
        log: this.#o.logger,
        dropped: this.#dropped,
        onDropped: (dropped, error) => {
          const detail = `${printableUrl(dropped)} is not asked again: ${error.message}`;
          this.#o.emit({ event: 'mirror_dropped', level: 'warn', detail });
        },
        onProgress: (progress) => this.#o.logger.info({ artifact: titleOf(o.release), ...progress }, 'downloading'),
      });
    } catch (error) {
      if (!(error instanceof SpotrigError) || !error.code.startsWith('download_')) throw error;
      throw new SpotrigError(
        'artifact_unavailable',
        `${titleOf(o.release)} could not be fetched; give a mirror that serves artifacts/${sha256} (SPOTRIG_MIRRORS)`,
        { cause: error, retryable: error.retryable },
      );
    }
  }

  async #unpack(release: MinerRelease, archive: string): Promise<void> {
    const name = `unpack-${randomBytes(6).toString('hex')}`;
    const temp = join(this.#partial, name);
    const place = join(this.#artifacts, release.sha256);
    this.#temps.add(name);
    try {
      await mkdir(temp, { mode: 0o755 });
      const { archive: kind, member } = release;
      await unpackMember({ archive, kind, member, to: join(temp, basename(member)), env: TOOL_ENV });
      await fsyncDir(temp);
      await rm(place, { recursive: true, force: true }); // there without its program: a host's virus scanner takes such files
      await rename(temp, place);
      await fsyncDir(this.#artifacts);
      await rm(archive, { force: true });
    } catch (error) {
      await rm(temp, { recursive: true, force: true });
      throw error;
    } finally {
      this.#temps.delete(name);
    }
  }

  /** Out of its place first: a kill in between must not leave half of it there. */
  async #remove(sha256: string): Promise<void> {
    await mkdir(this.#partial, { recursive: true, mode: 0o700 });
    const temp = join(this.#partial, `unpack-${randomBytes(6).toString('hex')}`);
    await rename(join(this.#artifacts, sha256), temp);
    await rm(temp, { recursive: true, force: true });
  }
}

function titleOf(release: MinerRelease): string {
  return `${release.miner} ${release.version}`;
}

async function isFile(path: string): Promise<boolean> {
  return (await statOrNull(path))?.isFile() === true;
}

async function sizeOf(path: string): Promise<number> {
  return (await statOrNull(path))?.size ?? 0;
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
