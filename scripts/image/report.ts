// What `spotrig image check --json` prints for one image: the boundary that bots and `npm run images` read. All sizes are bytes.
import * as z from 'zod';

const Bytes = z.int().nonnegative();
const Digest = z.string().regex(/^[a-z0-9]+:[0-9a-f]{32,}$/);

/** How a layer lies in its source. */
export const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;

/** ok; warn: near the limit, or over it by another reading; over: the classic size is over the limit; unreadable: see `faults`. */
export const VERDICTS = ['ok', 'warn', 'over', 'unreadable'] as const;

export const ImageSizes = z.strictObject({
  /** What an engine with a classic graph driver shows (formula F1): exact. CCR's "uncompressed" is this one; it decides. */
  classic_bytes: Bytes,
  /** The same image as the classic engine shows it whose own BuildKit built it: symbolic links count nothing there. */
  buildkit_bytes: Bytes,
  /** What podman and buildah show: layer archives, unpacked from their compression, with config and manifest. */
  podman_bytes: Bytes,
  /** Disk usage in containerd's image store (formula F2): an estimate, for blocks of 4 KiB. */
  containerd_bytes: Bytes,
});
export type ImageSizes = z.infer<typeof ImageSizes>;

export const ImageLayer = z.strictObject({
  /** From 0, the lowest layer. */
  index: z.int().nonnegative(),
  diff_id: Digest,
  /** Of the bytes as stored; the same as diff_id where they are not compressed. */
  blob_digest: Digest,
  /** As the manifest says it; null where the format says none. */
  media_type: z.string().nullable(),
  compression: z.enum(COMPRESSIONS),
  stored_bytes: Bytes,
  /** The layer's archive without compression. */
  tar_bytes: Bytes,
  classic_bytes: Bytes,
  /** The instruction that made it; null where the image does not say. */
  created_by: z.string().nullable(),
  /** Entries of the archive: files, directories, links, whiteouts. */
  entries: z.int().nonnegative(),
});
export type ImageLayer = z.infer<typeof ImageLayer>;

/** Bytes that are in a layer and do not serve: `path` is of the file, or of the folder in which all of them are. */
export const WasteItem = z.strictObject({
  kind: z.enum(['deleted', 'overwritten', 'duplicated']),
  path: z.string(),
  bytes: Bytes,
  /** The layer that carries these bytes. */
  layer: z.int().nonnegative(),
  /** The layer that deletes or overwrites them, or has the other copy. */
  by_layer: z.int().nonnegative(),
});
export type WasteItem = z.infer<typeof WasteItem>;

export const ImageWaste = z.strictObject({
  /** Of files that an upper layer deletes. */
  deleted_bytes: Bytes,
  /** Of files that an upper layer replaces by other content. */
  overwritten_bytes: Bytes,
  /** Of files whose content is in the image once more, at the same path (a chmod, a repeated layer) or at another one. */
  duplicated_bytes: Bytes,
  biggest: z.array(WasteItem),
});
export type ImageWaste = z.infer<typeof ImageWaste>;

export const ImageAdvice = z.strictObject({
  text: z.string(),
  /** What it saves of the classic size; an estimate. */
  saves_bytes: Bytes,
});
export type ImageAdvice = z.infer<typeof ImageAdvice>;

/** What an image from an engine is there; null for one that comes from a file. */
export const ImageEngine = z.strictObject({
  /** Like "docker 28.2.2" or "podman 4.3.1". */
  name: z.string(),
  /** The storage driver, like overlay2. */
  driver: z.string(),
  store: z.enum(['classic', 'containerd', 'podman']),
  /** Its own figure for this image. */
  size_bytes: Bytes.nullable(),
});
export type ImageEngine = z.infer<typeof ImageEngine>;

export const ImageReport = z.strictObject({
  /** As the caller named it. */
  source: z.string(),
  tags: z.array(z.string()),
  /** Like linux/amd64; null where the image does not say. */
  platform: z.string().nullable(),
  engine: ImageEngine.nullable(),
  /** null when unreadable. */
  sizes: ImageSizes.nullable(),
  limit_bytes: Bytes,
  /** limit less classic; negative when over; null when unreadable. */
  headroom_bytes: z.int().nullable(),
  verdict: z.enum(VERDICTS),
  layers: z.array(ImageLayer),
  waste: ImageWaste.nullable(),
  /** The biggest files that are still seen in the image. */
  biggest: z.array(z.strictObject({ path: z.string(), bytes: Bytes, layer: z.int().nonnegative() })),
  /** What would save most, best first. */
  advice: z.array(ImageAdvice),
  warnings: z.array(z.strictObject({ code: z.string(), text: z.string() })),
  /** What explains a figure and is no reason to worry. */
  notes: z.array(z.string()),
  /** Why it is unreadable; else []. */
  faults: z.array(z.strictObject({ code: z.string(), text: z.string() })),
});
export type ImageReport = z.infer<typeof ImageReport>;
