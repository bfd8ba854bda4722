// Fetches a release into the store: download, check, unpack, name. Who calls holds the store's lock.
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import { downloadTo } from '../../platform/download.ts';
import { fsyncDir } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { printableUrl } from '../../platform/http-body.ts';
import { unpackMember } from './archive.ts';
import { checkDisk, freeBytesAt, neededBytes, RESERVE_BYTES, sizeOf } from './disk-budget.ts';
import { DroppedMirrors } from './dropped-mirrors.ts';
import { writeRecord } from './program-record.ts';
import { StoreFolders } from './store-folders.ts';
import { titleOf, type StoreOptions } from './store.ts';

const STALL_MS = 20_000;
const TOTAL_MS = 30 * 60_000;
/** An archive whose size is not known: none is larger, and no worker's disk holds more. */
const ARCHIVE_MAX_BYTES = 650 * 1024 ** 2;
/** Where xz or python3 are looked for, if an archive needs one. */
const TOOL_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

export interface FetchOrder {
  release: MinerRelease;
  mirrors: readonly string[];
  /** Artefacts that a plan needs: a full disk's complaint does not name them. */
  inUse: ReadonlySet<string>;
  signal: AbortSignal;
}

export class Fetcher {
  readonly #o: StoreOptions;
  readonly #folders: StoreFolders;
  #dropped: DroppedMirrors | null = null;

  constructor(o: StoreOptions) {
    this.#o = o;
    this.#folders = new StoreFolders(o.home);
  }

  /** Resolves when the artefact is complete. Throws as ArtifactStore.ensure. */
  async fetch(order: FetchOrder): Promise<void> {
    const { release } = order;
    const archive = join(this.#folders.partial, release.sha256);
    await this.#folders.removeStale();
    await this.#checkRoom(order, archive);
    try {
      await this.#folders.make();
      await this.#download(order, archive);
      await this.#unpack(release, archive);
    } catch (error) {
      // The check went by assumed sizes, or another program took the space meanwhile.
      if (isDiskFull(error)) await this.#checkRoom(order, archive, 0);
      throw error;
    }
    const detail = `${titleOf(release)} is fetched and unpacked`;
    this.#o.emit({ event: 'artifact_ready', level: 'info', detail });
  }

  async #checkRoom({ release, inUse }: FetchOrder, archive: string, knownFree?: number): Promise<void> {
    const free = knownFree ?? (await (this.#o.freeBytes ?? freeBytesAt)(this.#o.home));
    await checkDisk({
      what: titleOf(release),
      needed: neededBytes(release, await sizeOf(archive)),
      free,
      artifactsDir: this.#folders.artifacts,
      inUse,
    });
  }

  /** The largest file that fits, with what is there of it already and a reserve left. */
  async #room(archive: string): Promise<number> {
    const free = await (this.#o.freeBytes ?? freeBytesAt)(this.#o.home);
    return Math.max(0, free - RESERVE_BYTES) + (await sizeOf(archive));
  }

  async #download({ release, mirrors, signal }: FetchOrder, path: string): Promise<void> {
    const { sha256, url, size_bytes } = release;
    const own = url === null ? [] : [url];
    const urls = [...mirrors.map((m) => `${m.replace(/\/+$/, '')}/artifacts/${sha256}`), ...own];
    this.#dropped ??= await DroppedMirrors.load(this.#o.home, this.#o.boot, this.#o.logger);
    const dropped = this.#dropped;
    // A login page in the way makes every address give wrong bytes, for a while.
    if (urls.every((url) => dropped.has(url))) dropped.forget(urls);
    try {
      await downloadTo({
        urls,
        path,
        sha256,
        sizeBytes: size_bytes,
        maxBytes: size_bytes ?? ARCHIVE_MAX_BYTES,
        roomBytes: await this.#room(path),
        clock: this.#o.clock,
        signal,
        stallMs: STALL_MS,
        totalMs: TOTAL_MS,
        log: this.#o.logger,
        dropped,
        onDropped: (url, error) => {
          const detail = `${printableUrl(url)} is not asked again: ${error.message}`;
          this.#o.emit({ event: 'mirror_dropped', level: 'warn', detail });
        },
        onProgress: (progress) => this.#o.logger.info({ artifact: titleOf(release), ...progress }, 'downloading'),
      });
    } catch (error) {
      if (!(error instanceof SpotrigError) || !error.code.startsWith('download_')) throw error;
      throw new SpotrigError(
        'artifact_unavailable',
        `${titleOf(release)} could not be fetched; give a mirror that serves artifacts/${sha256} (SPOTRIG_MIRRORS)`,
        { cause: error, retryable: error.retryable },
      );
    } finally {
      await dropped.saved();
    }
  }

  async #unpack(release: MinerRelease, archive: string): Promise<void> {
    const temp = this.#folders.newTemp();
    const place = join(this.#folders.artifacts, release.sha256);
    try {
      await mkdir(temp, { mode: 0o755 });
      const { archive: kind, member } = release;
      const program = await unpackMember({ archive, kind, member, to: join(temp, basename(member)), env: TOOL_ENV });
      await writeRecord(temp, program);
      // There without its program or its record: a virus scanner took it, or it was found to be damaged.
      await rm(place, { recursive: true, force: true });
      await rename(temp, place);
      await fsyncDir(this.#folders.artifacts);
      await rm(archive, { force: true });
    } catch (error) {
      await rm(temp, { recursive: true, force: true });
      throw error;
    }
  }
}

function isDiskFull(error: unknown): boolean {
  return isErrno(error, 'disk_full', 'ENOSPC', 'EDQUOT');
}
