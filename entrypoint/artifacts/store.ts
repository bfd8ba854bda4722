// The artefacts of a worker, by content: `artifacts/<sha256>/` is complete or absent, `partial/` holds what is on its way there.
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import type { Clock } from '../../platform/clock.ts';
import { downloadTo } from '../../platform/download.ts';
import { fsyncDir } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { exclusively } from '../../platform/exclusive.ts';
import { printableUrl } from '../../platform/http-body.ts';
import type { Logger } from '../../platform/logger.ts';
import { unpackMember } from './archive.ts';
import { checkDisk, freeBytesAt, namesIn, neededBytes, sizeOf } from './disk-budget.ts';
import { DroppedMirrors } from './dropped-mirrors.ts';
import { checkPreinstalled } from './preinstalled.ts';
import { isComplete, recheck, writeRecord } from './program-record.ts';

/** What the worker's owner should learn. */
export interface ArtifactEvent {
  event: 'artifact_ready' | 'artifact_failed' | 'mirror_dropped';
  level: 'info' | 'warn' | 'error';
  detail: string;
}

export interface StoreOptions {
  /** SPOTRIG_HOME. */
  home: string;
  /** Of this start of the head: mirrors that were dropped stay so until the next. */
  boot: string;
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

/**
 * Whatever a kill, a cut or a full disk interrupts is found and finished, or removed, by the next call. Calls of several processes,
 * and several of one, take turns.
 */
export class ArtifactStore {
  readonly #o: StoreOptions;
  readonly #artifacts: string;
  readonly #partial: string;
  #dropped: DroppedMirrors | null = null;
  /** What the last prune left, because a plan needs it. */
  #needed: ReadonlySet<string> = new Set();

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
  async ensure(release: MinerRelease, mirrors: readonly string[], signal: AbortSignal): Promise<string> {
    const folder = join(this.#artifacts, release.sha256);
    const program = basename(release.member);
    if (!(await isComplete(folder, program))) {
      await this.#alone(signal, async () => {
        // Another process may have fetched it meanwhile.
        if (!(await isComplete(folder, program))) await this.#fetch(release, mirrors, signal);
      });
    }
    return join(folder, program);
  }

  /**
   * Reads a release's program again, slowly: it was trusted by its name. A damaged one is reported, and fetched again by the next
   * `ensure`; who runs it now goes on. Rejects with the signal's reason.
   */
  async recheck(release: MinerRelease, signal: AbortSignal): Promise<void> {
    const folder = join(this.#artifacts, release.sha256);
    const found = await recheck({ folder, program: basename(release.member), clock: this.#o.clock, signal });
    if (found !== 'damaged') return;
    const detail = `${titleOf(release)} has changed on the disk since it was unpacked; it is fetched again at the next start`;
    this.#o.logger.error({ detail }, 'artefact is damaged');
    this.#o.emit({ event: 'artifact_failed', level: 'error', detail });
  }

  async #fetch(release: MinerRelease, mirrors: readonly string[], signal: AbortSignal): Promise<void> {
    const archive = join(this.#partial, release.sha256);
    await this.#removeStale((name) => TEMP.test(name));
    await this.#checkRoom(release, archive);
    try {
      await this.#makeFolders();
      await this.#download({ release, mirrors, signal, path: archive });
      await this.#unpack(release, archive);
    } catch (error) {
      // The check went by assumed sizes, or another program took the space meanwhile.
      if (isDiskFull(error)) await this.#checkRoom(release, archive, 0);
      throw error;
    }
    const detail = `${titleOf(release)} is fetched and unpacked`;
    this.#o.emit({ event: 'artifact_ready', level: 'info', detail });
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
  prune(keep: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
    return this.#alone(signal, async () => {
      this.#needed = keep;
      const there = (await namesIn(this.#artifacts)).filter((name) => SHA256.test(name));
      const gone = there.filter((name) => !keep.has(name));
      if (gone.length > 0) await this.#makeFolders();
      for (const name of gone) await this.#remove(name);
      await this.#removeStale(
        (name) => TEMP.test(name) || (SHA256.test(name) && (!keep.has(name) || there.includes(name))),
      );
      return gone;
    });
  }

  /** Nobody else writes to the store meanwhile. */
  #alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, home } = this.#o;
    return exclusively({ purpose: 'store', folder: home, clock, signal }, work);
  }

  async #makeFolders(): Promise<void> {
    for (const folder of [this.#artifacts, this.#partial]) await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  async #removeStale(stale: (name: string) => boolean): Promise<void> {
    for (const name of await namesIn(this.#partial)) {
      if (stale(name)) await rm(join(this.#partial, name), { recursive: true, force: true });
    }
  }

  async #checkRoom(release: MinerRelease, archive: string, knownFree?: number): Promise<void> {
    const free = knownFree ?? (await (this.#o.freeBytes ?? freeBytesAt)(this.#o.home));
    await checkDisk({
      what: titleOf(release),
      needed: neededBytes(release, await sizeOf(archive)),
      free,
      artifactsDir: this.#artifacts,
      inUse: this.#needed,
    });
  }

  async #download(o: {
    release: MinerRelease;
    mirrors: readonly string[];
    signal: AbortSignal;
    path: string;
  }): Promise<void> {
    const { sha256, url, size_bytes } = o.release;
    const urls = [...o.mirrors.map((m) => `${m.replace(/\/+$/, '')}/artifacts/${sha256}`), url];
    this.#dropped ??= await DroppedMirrors.load(this.#o.home, this.#o.boot, this.#o.logger);
    const dropped = this.#dropped;
    // A login page in the way makes every address give wrong bytes, for a while.
    if (urls.every((url) => dropped.has(url))) dropped.forget(urls);
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
        dropped,
        onDropped: (url, error) => {
          const detail = `${printableUrl(url)} is not asked again: ${error.message}`;
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
    } finally {
      await dropped.saved();
    }
  }

  async #unpack(release: MinerRelease, archive: string): Promise<void> {
    const temp = this.#newTemp();
    const place = join(this.#artifacts, release.sha256);
    try {
      await mkdir(temp, { mode: 0o755 });
      const { archive: kind, member } = release;
      const program = await unpackMember({ archive, kind, member, to: join(temp, basename(member)), env: TOOL_ENV });
      await writeRecord(temp, program);
      // There without its program or its record: a virus scanner took it, or it was found to be damaged.
      await rm(place, { recursive: true, force: true });
      await rename(temp, place);
      await fsyncDir(this.#artifacts);
      await rm(archive, { force: true });
    } catch (error) {
      await rm(temp, { recursive: true, force: true });
      throw error;
    }
  }

  /** Out of its place first: a kill in between must not leave half of it there. */
  async #remove(sha256: string): Promise<void> {
    const temp = this.#newTemp();
    await rename(join(this.#artifacts, sha256), temp);
    await rm(temp, { recursive: true, force: true });
  }

  #newTemp(): string {
    return join(this.#partial, `unpack-${randomBytes(6).toString('hex')}`);
  }
}

function titleOf(release: MinerRelease): string {
  return `${release.miner} ${release.version}`;
}

function isDiskFull(error: unknown): boolean {
  return isErrno(error, 'disk_full', 'ENOSPC', 'EDQUOT');
}
