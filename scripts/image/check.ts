// The size check of images, from wherever they are, to their reports.
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { Budget } from './blob-scan.ts';
import { ImageFault } from './fault.ts';
import { type FoundImage, type UnreadableImage, findImages } from './find-images.ts';
import { PathBooks } from './layer-count.ts';
import { PathTable } from './path-table.ts';
import { DEFAULT_PLATFORM, type Platform, parsePlatform } from './platform.ts';
import { LIMIT_BYTES, WARN_PERCENT } from './policy.ts';
import type { ImageEngine, ImageReport } from './report.ts';
import { reportOf, unreadable } from './report-of.ts';
import { openSource } from './source.ts';
import type { StoreContext } from './store.ts';

export interface CheckProgress {
  /** Read so far of the source's bytes. */
  bytes: number;
  /** null where it is not known, as for a pipe. */
  total_bytes: number | null;
}

export interface CheckOptions {
  /** Largest classic size; default 600,000,000. */
  limit_bytes?: number | undefined;
  /** From this share of the limit on it is warned; default 95. */
  warn_percent?: number | undefined;
  /** More waste than this is a warning; absent: any number is let pass. */
  waste_bytes_max?: number | undefined;
  /** Which one of several platforms; default linux/amd64. */
  platform?: string | undefined;
  /** Called for every piece that was read. */
  progress?: ((progress: CheckProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** For DOCKER_HOST and its like; default: this process's environment. */
  env?: Record<string, string | undefined> | undefined;
}

/** The check's memory goes by entries: a million and their paths take about 80 MB. Large images have some hundred thousand. */
const ENTRIES_MAX = 1_000_000;
/**
 * An image that unpacks to more is given up. There is no bound on a ratio: a layer of zeros shrinks a thousand times and is sound. What
 * an archive can cost is the time to unpack this much, once.
 */
const UNPACKED_LIMITS = 20;
const UNPACKED_MIN_BYTES = 20_000_000_000;

/**
 * Checks one image. `source`: a name in the running engine, an archive of `docker save` or an OCI archive (either may be compressed), an
 * OCI layout's folder, or `-` for an archive on standard input; see source.ts. What is wrong with the image itself is in the report
 * (verdict unreadable, and `faults`). Throws SpotrigError for what is wrong with the call: image_source, image_engine, image_platform,
 * image_several (the source has more than one: take checkImages).
 */
export async function checkImage(source: string, options: CheckOptions = {}): Promise<ImageReport> {
  const [report, ...others] = await checkImages(source, options);
  if (report !== undefined && others.length === 0) return report;
  const count = others.length + 1;
  throw new SpotrigError('image_several', `${source} holds ${count} images: give each of them its own archive`);
}

/** Checks every image of a source, as `checkImage` does one. */
export async function checkImages(source: string, options: CheckOptions = {}): Promise<ImageReport[]> {
  const limits = {
    limit_bytes: options.limit_bytes ?? LIMIT_BYTES,
    warn_percent: options.warn_percent ?? WARN_PERCENT,
    waste_bytes_max: options.waste_bytes_max ?? null,
  };
  const wanted = wantedPlatform(options.platform);
  const unpacked_max_bytes = Math.max(UNPACKED_LIMITS * limits.limit_bytes, UNPACKED_MIN_BYTES);
  const books = new PathBooks(new PathTable(ENTRIES_MAX), ENTRIES_MAX);
  const done = { bytes: 0, total_bytes: null as number | null };
  const context: StoreContext = {
    ...{ books, budget: new Budget(unpacked_max_bytes), signal: options.signal },
    read: (bytes) => {
      done.bytes += bytes;
      options.progress?.({ ...done });
    },
  };
  const env = options.env ?? process.env;
  let engine: ImageEngine | null = null;
  try {
    const opened = await openSource({
      source,
      env,
      context,
      outer: new Budget(unpacked_max_bytes),
      told: (facts) => {
        engine = facts.engine;
        done.total_bytes = facts.total_bytes;
      },
    });
    try {
      const images: (FoundImage | UnreadableImage)[] = await findImages(opened, wanted);
      const reports: ImageReport[] = [];
      for (const image of images) reports.push(await reportOf({ source, image, store: opened, books, limits, engine }));
      return reports;
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof ImageFault) return [unreadable({ source, tags: [], engine, limits, fault: error })];
    options.signal?.throwIfAborted();
    throw error instanceof SpotrigError
      ? error
      : new SpotrigError('image_source', `cannot read ${source}: ${messageOf(error)}`, { cause: error });
  }
}

function wantedPlatform(text: string = DEFAULT_PLATFORM): Platform {
  const platform = parsePlatform(text);
  if (platform !== null) return platform;
  throw new SpotrigError('image_platform', `${text} is no platform: write it like linux/amd64 or linux/arm/v7`);
}
