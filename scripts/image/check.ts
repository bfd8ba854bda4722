// The size check of one image, from wherever it is, to its report.
import { SpotrigError } from '../../platform/errors.ts';
import type { ImageReport } from './report.ts';

export interface CheckProgress {
  /** What is read now, like "layer 3 of 7". */
  what: string;
  /** Read so far of the source's bytes. */
  bytes: number;
  /** null where it is not known, as for a pipe. */
  total_bytes: number | null;
}

export interface CheckOptions {
  /** Largest classic size; default 600,000,000. */
  limit_bytes?: number;
  /** From this share of the limit on it is warned; default 95. */
  warn_percent?: number;
  /** More waste than this is a warning; absent: any number is let pass. */
  waste_bytes_max?: number;
  /** Which one of several platforms; default linux/amd64. */
  platform?: string;
  /** Which one of several images in one archive: a tag or a manifest's digest. */
  image?: string;
  /** Called several times a second. */
  progress?: (progress: CheckProgress) => void;
  signal?: AbortSignal;
}

/**
 * Checks one image. `source`: a name in the running engine, an archive of `docker save` or an OCI archive, an OCI layout's folder, or
 * `-` for an archive on standard input. What is wrong with the image itself is in the report (verdict unreadable, and `faults`).
 * Throws SpotrigError for what is wrong with the call: image_source, image_engine, image_several (name one by `image`).
 */
export function checkImage(source: string, options: CheckOptions = {}): Promise<ImageReport> {
  void options;
  return Promise.reject(new SpotrigError('image_source', `${source}: nothing can be read yet`));
}
