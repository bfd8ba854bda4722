// One image's report: every layer read and verified, the three sizes, the verdict and its reasons.
import { adviceOf } from './advice.ts';
import type { BlobScan, LayerScan } from './blob-scan.ts';
import { ImageFault, shown } from './fault.ts';
import { type FoundImage, type ToldLayer, type UnreadableImage, verify } from './find-images.ts';
import { type PathBooks, REFUSALS } from './layer-count.ts';
import type { ImageEngine, ImageLayer, ImageReport, ImageSizes } from './report.ts';
import type { ImageStore } from './store.ts';
import { findWaste } from './waste.ts';

export interface Limits {
  limit_bytes: number;
  warn_percent: number;
  /** null: any number is let pass. */
  waste_bytes_max: number | null;
}

export interface ReportQuestion {
  source: string;
  image: FoundImage | UnreadableImage;
  store: ImageStore;
  books: PathBooks;
  limits: Limits;
  engine: ImageEngine | null;
}

/** Where its length alone matters. */
const ANY_DIGEST = `sha256:${'0'.repeat(64)}`;

type Remark = ImageReport['warnings'][number];

/** Classic engines stop there (layer.ErrMaxDepthExceeded of moby). */
const ENGINE_LAYERS_MAX = 125;
/** Entries of all layers, repeated ones as often as they come. */
const REPLAYED_MAX = 2_000_000;

/** Reads the layers of one image. What is wrong with it is in the report. */
export async function reportOf(q: ReportQuestion): Promise<ImageReport> {
  const { image, source, limits, engine } = q;
  if ('fault' in image) return unreadable({ source, tags: image.tags, engine, limits, fault: image.fault });
  try {
    return await readable(q, image);
  } catch (error) {
    if (!(error instanceof ImageFault)) throw error;
    return { ...unreadable({ source, tags: image.tags, engine, limits, fault: error }), platform: image.platform };
  }
}

/** The report of an image, or a source, that cannot be read. */
export function unreadable(o: {
  source: string;
  tags: string[];
  engine: ImageEngine | null;
  limits: Limits;
  fault: ImageFault;
}): ImageReport {
  const { source, tags, engine, limits, fault } = o;
  return {
    ...{ source, tags, engine, platform: null, sizes: null, limit_bytes: limits.limit_bytes, headroom_bytes: null },
    ...{ verdict: 'unreadable', layers: [], waste: null, biggest: [], advice: [], warnings: [], notes: [] },
    faults: [{ code: fault.code, text: fault.message }],
  };
}

interface ReadLayer {
  told: ToldLayer;
  blob: BlobScan;
  scan: LayerScan;
}

async function readable(q: ReportQuestion, image: FoundImage): Promise<ImageReport> {
  const { limits, books } = q;
  const read = await readLayers(q.store, image);
  const trees = read.map(({ scan }) => scan.count.tree);
  if (trees.reduce((sum, tree) => sum + tree.path.length, 0) > REPLAYED_MAX)
    throw new ImageFault('image_huge', `its layers have more than ${REPLAYED_MAX} entries`);
  const instructions = instructionsOf(image);
  const layers: ImageLayer[] = read.map(({ told, blob, scan }, index) => ({
    ...{ index, diff_id: scan.diff_id, blob_digest: blob.digest, media_type: told.media_type },
    ...{ compression: scan.compression, stored_bytes: blob.stored_bytes, tar_bytes: scan.tar_bytes },
    ...{
      classic_bytes: scan.count.classic_bytes,
      created_by: instructions[index] ?? null,
      entries: scan.count.entries,
    },
  }));
  const sizes = sizesOf(image, read);
  const found = findWaste(books.table, trees);
  const warnings = warningsOf(read, sizes, found.waste, limits);
  const headroom_bytes = limits.limit_bytes - sizes.classic_bytes;
  return {
    ...{ source: q.source, tags: image.tags, platform: image.platform, engine: q.engine, sizes },
    ...{ limit_bytes: limits.limit_bytes, headroom_bytes },
    verdict: headroom_bytes < 0 ? 'over' : warnings.length > 0 ? 'warn' : 'ok',
    ...{ layers, waste: found.waste, biggest: found.biggest },
    advice: adviceOf({ found, layers, table: books.table }),
    ...{ warnings, notes: notesOf(q, image, sizes), faults: [] },
  };
}

async function readLayers(store: ImageStore, image: FoundImage): Promise<ReadLayer[]> {
  const diffIds = image.config.rootfs.diff_ids ?? [];
  if (diffIds.length !== image.layers.length) {
    const text = `its manifest has ${image.layers.length} layers and its config ${diffIds.length}`;
    throw new ImageFault('layers_count', text);
  }
  const read: ReadLayer[] = [];
  for (const [index, told] of image.layers.entries()) {
    const name = `layer ${index}`;
    const blob = await store.blob(told.path);
    if (blob === null) {
      if (told.isForeign)
        throw new ImageFault(
          'foreign_layer',
          `${name} lies elsewhere (${shown(told.media_type ?? '')}): its size is not known`,
        );
      throw new ImageFault('blob_missing', `${name} is not there: ${shown(told.path)}`);
    }
    verify(blob, told.digest, told.stored_bytes, name);
    const scan = blob.layer;
    if (scan instanceof ImageFault) throw new ImageFault(scan.code, `${name}: ${scan.message}`, { cause: scan });
    if (scan.diff_id !== diffIds[index]) {
      const text = `${name} unpacks to ${scan.diff_id}, and the config says ${diffIds[index] ?? ''}`;
      throw new ImageFault('diff_id', text);
    }
    read.push({ told, blob, scan });
  }
  return read;
}

/** History without the entries that made no layer; [] where it does not fit the layers. */
function instructionsOf({ config, layers }: FoundImage): (string | null)[] {
  const made = (config.history ?? []).filter((entry) => entry.empty_layer !== true);
  return made.length === layers.length ? made.map((entry) => entry.created_by ?? null) : [];
}

/**
 * Facts section 1: F1 and its kin are sums over the chain, repeats included; F2 adds every blob once. podman keeps the manifest twice,
 * under two names.
 */
function sizesOf(image: FoundImage, read: readonly ReadLayer[]): ImageSizes {
  const sum = (of: (layer: ReadLayer) => number): number => read.reduce((total, layer) => total + of(layer), 0);
  const blobs = new Map(image.otherBlobs);
  for (const { blob } of read) blobs.set(blob.digest, blob.stored_bytes);
  const manifest_bytes = image.manifest_bytes ?? madeManifest(image, read).length;
  const packed = [...blobs.values()].reduce((total, bytes) => total + bytes, 0);
  return {
    classic_bytes: sum(({ scan }) => scan.count.classic_bytes),
    buildkit_bytes: sum(({ scan }) => scan.count.buildkit_bytes),
    podman_bytes: sum(({ scan }) => scan.tar_bytes) + image.config_bytes + 2 * manifest_bytes,
    containerd_bytes: packed + sum(({ scan }) => scan.count.unpacked_bytes),
  };
}

/** The manifest (schema 2) that podman makes of a docker-archive, which has none. It calls layers compressed that are not. */
function madeManifest({ config_bytes }: FoundImage, read: readonly ReadLayer[]): string {
  const docker = 'application/vnd.docker';
  const config = { mediaType: `${docker}.container.image.v1+json`, size: config_bytes, digest: ANY_DIGEST };
  const layers = read.map(({ scan: { tar_bytes, diff_id } }) => ({
    ...{ mediaType: `${docker}.image.rootfs.diff.tar.gzip`, size: tar_bytes, digest: diff_id },
  }));
  return JSON.stringify({ schemaVersion: 2, mediaType: `${docker}.distribution.manifest.v2+json`, config, layers });
}

function warningsOf(
  read: readonly ReadLayer[],
  sizes: ImageSizes,
  waste: NonNullable<ImageReport['waste']>,
  limits: Limits,
): Remark[] {
  const { limit_bytes, warn_percent, waste_bytes_max } = limits;
  const remarks: Remark[] = [];
  const isOver = sizes.classic_bytes > limit_bytes;
  if (!isOver && sizes.classic_bytes * 100 >= limit_bytes * warn_percent)
    remarks.push({ code: 'near_limit', text: `it is at ${warn_percent} % of the limit or more` });
  const others = { podman: sizes.podman_bytes, 'containerd’s store': sizes.containerd_bytes };
  for (const [name, bytes] of Object.entries(others)) {
    if (!isOver && bytes > limit_bytes)
      remarks.push({ code: 'other_reading', text: `as ${name} counts, it is over the limit: ${bytes} bytes` });
  }
  const wasted = waste.deleted_bytes + waste.overwritten_bytes + waste.duplicated_bytes;
  if (waste_bytes_max !== null && wasted > waste_bytes_max)
    remarks.push({ code: 'waste', text: `${wasted} bytes are waste, and the policy lets ${waste_bytes_max} pass` });
  if (read.length > ENGINE_LAYERS_MAX)
    remarks.push({ code: 'layers', text: `it has ${read.length} layers; engines take ${ENGINE_LAYERS_MAX}` });
  const zstd = read.flatMap(({ scan }, index) => (scan.compression === 'zstd' ? [index] : []));
  if (zstd.length > 0)
    remarks.push({
      code: 'zstd',
      text: `${layersText(zstd)} compressed with zstd, which engines before 23 refuse: ship gzip`,
    });
  for (const [index, { scan, told }] of read.entries()) {
    for (const [refusal, path] of scan.count.refusals)
      remarks.push({
        code: refusal,
        text: `layer ${index} has ${REFUSALS[refusal]} (${shown(path)}): classic engines refuse it`,
      });
    if (told.isForeign)
      remarks.push({ code: 'foreign_layer', text: `layer ${index} is marked as foreign: registries do not keep it` });
    if (scan.hasTail)
      remarks.push({
        code: 'compressed_tail',
        text: `layer ${index} has bytes behind its compressed end: engines refuse it`,
      });
  }
  return remarks;
}

function layersText(indexes: readonly number[]): string {
  return indexes.length === 1 ? `layer ${indexes[0] ?? 0} is` : `layers ${indexes.join(', ')} are`;
}

/** What explains a figure and is no reason to worry. */
function notesOf({ engine }: ReportQuestion, { config }: FoundImage, sizes: ImageSizes): string[] {
  const notes: string[] = [];
  const links_bytes = sizes.classic_bytes - sizes.buildkit_bytes;
  const isBuildKit = (config.history ?? []).some((entry) => (entry.comment ?? '').startsWith('buildkit'));
  if (isBuildKit && links_bytes !== 0)
    notes.push(
      `BuildKit made it: a classic engine that built it itself shows ${sizes.buildkit_bytes} bytes, ${links_bytes} less, since it counts symbolic links as nothing; once pushed and pulled it is ${sizes.classic_bytes}`,
    );
  const told = engine?.size_bytes ?? null;
  if (engine === null || told === null) return notes;
  if (engine.store === 'containerd')
    notes.push(`the engine shows ${told} bytes, which is another thing: its store is containerd's`);
  else if (engine.store === 'classic' && told !== sizes.classic_bytes)
    notes.push(`the engine itself shows ${told} bytes (${told - sizes.classic_bytes} against the count)`);
  return notes;
}
