// The artefacts of a worker, by content: `artifacts/<sha256>/` is complete or absent, `partial/` holds what is on its way there.
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MinerRelease } from '../../miners/releases.ts';
import type { Clock } from '../../platform/clock.ts';
import { exclusively } from '../../platform/exclusive.ts';
import type { Logger } from '../../platform/logger.ts';
import { namesIn } from './disk-budget.ts';
import type { Fetcher } from './fetch.ts';
import { checkPreinstalled } from './preinstalled.ts';
import { isComplete, recheck } from './program-record.ts';
import { StoreFolders } from './store-folders.ts';

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

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Whatever a kill, a cut or a full disk interrupts is found and finished, or removed, by the next call. Calls of several processes,
 * and several of one, take turns.
 */
export class ArtifactStore {
  readonly #o: StoreOptions;
  readonly #folders: StoreFolders;
  #fetcher: Fetcher | null = null;
  /** What the last prune left, because a plan needs it. */
  #needed: ReadonlySet<string> = new Set();

  constructor(o: StoreOptions) {
    this.#o = o;
    this.#folders = new StoreFolders(o.home);
  }

  /** Whether a release's program is there. At once: the miner's start waits for it. */
  has(release: MinerRelease): boolean {
    return isComplete(join(this.#folders.artifacts, release.sha256), basename(release.member));
  }

  /**
   * The path of a release's program, fetched and unpacked if it is not there. Mirrors (`<mirror>/artifacts/<sha256>`) are asked
   * first, the release's own address last: release pages are slow or blocked where many workers stand.
   * Throws SpotrigError: disk_low, artifact_unavailable (nobody gave it), and those of unpackMember.
   */
  async ensure(release: MinerRelease, mirrors: readonly string[], signal: AbortSignal): Promise<string> {
    if (!this.has(release)) {
      // What fetches is loaded where there is something to fetch.
      const { Fetcher } = await import('./fetch.ts');
      const fetcher = (this.#fetcher ??= new Fetcher(this.#o));
      await this.#alone(signal, async () => {
        // Another process may have fetched it meanwhile.
        if (!this.has(release)) await fetcher.fetch({ release, mirrors, inUse: this.#needed, signal });
      });
    }
    return join(this.#folders.artifacts, release.sha256, basename(release.member));
  }

  /**
   * Reads a release's program again, slowly: it was trusted by its name. A damaged one is reported, and fetched again by the next
   * `ensure`; who runs it now goes on. Rejects with the signal's reason.
   */
  async recheck(release: MinerRelease, signal: AbortSignal): Promise<void> {
    const folder = join(this.#folders.artifacts, release.sha256);
    const found = await recheck({ folder, program: basename(release.member), clock: this.#o.clock, signal });
    if (found !== 'damaged') return;
    const detail = `${titleOf(release)} has changed on the disk since it was unpacked; it is fetched again at the next start`;
    this.#o.logger.error({ detail }, 'artefact is damaged');
    this.#o.emit({ event: 'artifact_failed', level: 'error', detail });
  }

  /** A program that is in the image (`name@/path`), checked. Throws as checkPreinstalled. */
  async preinstalled(path: string): Promise<string> {
    checkPreinstalled(path);
    return path;
  }

  /**
   * Removes artefacts and partial downloads whose digest is not in `keep`, and what kills left behind. Returns the digests of the
   * artefacts that went.
   */
  prune(keep: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
    return this.#alone(signal, async () => {
      this.#needed = keep;
      const there = (await namesIn(this.#folders.artifacts)).filter((name) => SHA256.test(name));
      const gone = there.filter((name) => !keep.has(name));
      if (gone.length > 0) await this.#folders.make();
      for (const name of gone) await this.#remove(name);
      await this.#folders.removeStale((name) => SHA256.test(name) && (!keep.has(name) || there.includes(name)));
      return gone;
    });
  }

  /** Nobody else writes to the store meanwhile. */
  #alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, home } = this.#o;
    return exclusively({ purpose: 'store', folder: home, clock, signal }, work);
  }

  /** Out of its place first: a kill in between must not leave half of it there. */
  async #remove(sha256: string): Promise<void> {
    const temp = this.#folders.newTemp();
    await rename(join(this.#folders.artifacts, sha256), temp);
    await rm(temp, { recursive: true, force: true });
  }
}

/** A release's name for people. */
export function titleOf(release: MinerRelease): string {
  return `${release.miner} ${release.version}`;
}
