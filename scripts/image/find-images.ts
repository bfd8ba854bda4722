// From a store to the images in it: OCI layout first (index.json), else docker-archive (manifest.json). Every document is verified by
// its digest and size before it is believed.
import type { BlobScan } from './blob-scan.ts';
import { ImageFault, shown } from './fault.ts';
import { type Descriptor, ImageConfig, ImageIndex, ImageManifest, SavedImages, parseDocument } from './image-json.ts';
import { type Platform, isWanted, platformText } from './platform.ts';
import type { ImageStore } from './store.ts';

/** One layer as the image tells of it. */
export interface ToldLayer {
  /** Where its blob is in the store. */
  path: string;
  /** null where the format tells none. */
  digest: string | null;
  stored_bytes: number | null;
  media_type: string | null;
  /** It need not be in the store, but at some address. */
  isForeign: boolean;
}

export interface FoundImage {
  tags: string[];
  platform: string | null;
  /** Lowest first. */
  layers: ToldLayer[];
  config: ImageConfig;
  config_bytes: number;
  /** null where the format has none of its own. */
  manifest_bytes: number | null;
  /** Blobs of the whole image in the store beside its layers, with those of other platforms and attestations: digest → bytes. */
  otherBlobs: Map<string, number>;
}

/** An image that cannot be read, beside others that can. */
export interface UnreadableImage {
  tags: string[];
  fault: ImageFault;
}

const INDEX_DEPTH_MAX = 8;
const INDEX_TYPES = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const MANIFEST_TYPES = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
]);
/** BuildKit's provenance and SBOM hang in the index as manifests of no platform. */
const ATTESTATION = 'vnd.docker.reference.type';
const REF_NAME = 'org.opencontainers.image.ref.name';
/** docker and containerd write the whole name here, and the tag alone into REF_NAME. */
const IMAGE_NAME = 'io.containerd.image.name';

/** All images of a store for one platform. Throws ImageFault where there is none. */
export async function findImages(store: ImageStore, wanted: Platform): Promise<(FoundImage | UnreadableImage)[]> {
  const index = await document(store, 'index.json');
  if (index !== null) return await new OciLayout(store, wanted).images(parseDocument(ImageIndex, index, 'index.json'));
  const saved = await document(store, 'manifest.json');
  if (saved !== null) return await savedImages(store, parseDocument(SavedImages, saved, 'manifest.json'), wanted);
  throw new ImageFault('not_an_image', 'there is neither an index.json nor a manifest.json in it');
}

async function document(store: ImageStore, path: string): Promise<string | null> {
  const scan = await store.blob(path);
  return scan === null ? null : jsonOf(scan, path);
}

function jsonOf(scan: BlobScan, name: string): string {
  if (scan.json !== null) return scan.json;
  if (scan.layer instanceof ImageFault && scan.layer.code === 'json_large')
    throw new ImageFault('json_large', `${name}: ${scan.layer.message}`);
  throw new ImageFault('json', `${name} is not JSON`);
}

async function savedImages(
  store: ImageStore,
  saved: readonly { Config: string; RepoTags?: string[] | null | undefined; Layers?: string[] | null | undefined }[],
  wanted: Platform,
): Promise<(FoundImage | UnreadableImage)[]> {
  if (saved.length === 0) throw new ImageFault('not_an_image', 'its manifest.json lists no image');
  const found: (FoundImage | UnreadableImage)[] = [];
  for (const { Config, RepoTags, Layers } of saved) {
    const tags = RepoTags ?? [];
    found.push(
      await orFault(tags, async () => {
        const scan = await store.blob(Config);
        if (scan === null) throw new ImageFault('blob_missing', `the config ${shown(Config)} is not there`);
        const digest = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(Config)?.[1];
        verify(scan, digest === undefined ? null : `sha256:${digest}`, null, `the config ${shown(Config)}`);
        const config = parseDocument(ImageConfig, jsonOf(scan, 'the config'), 'the config');
        if (!isWanted(config, wanted)) throw otherPlatform([platformText(config)], wanted);
        const layers = (Layers ?? []).map((path) => ({
          ...{ path, digest: blobDigest(path), stored_bytes: null, media_type: null, isForeign: false },
        }));
        const otherBlobs = new Map([[scan.digest, scan.stored_bytes]]);
        const sizes = { config_bytes: scan.stored_bytes, manifest_bytes: null };
        return { tags, platform: platformText(config), layers, config, ...sizes, otherBlobs };
      }),
    );
  }
  return found;
}

/** Since 25, docker save keeps layers under their digests. */
function blobDigest(path: string): string | null {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  return hex === undefined ? null : `sha256:${hex}`;
}

async function orFault(tags: string[], read: () => Promise<FoundImage>): Promise<FoundImage | UnreadableImage> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ImageFault) return { tags, fault: error };
    throw error;
  }
}

/** Throws blob_size, blob_digest. */
export function verify(scan: BlobScan, digest: string | null, bytes: number | null, what: string): void {
  if (bytes !== null && scan.stored_bytes !== bytes)
    throw new ImageFault('blob_size', `${what} has ${scan.stored_bytes} bytes, and the manifest says ${bytes}`);
  if (digest !== null && scan.digest !== digest)
    throw new ImageFault('blob_digest', `${what} is damaged: its digest is ${scan.digest} and should be ${digest}`);
}

function otherPlatform(there: readonly string[], wanted: Platform): ImageFault {
  const list = [...new Set(there)].join(', ');
  const text = `it is for ${list === '' ? 'no platform' : shown(list)}, not for ${platformText(wanted)}; --platform takes another one`;
  return new ImageFault('platform_missing', text);
}

/** A manifest that was reached, and what its descriptor says. */
interface Candidate {
  descriptor: Descriptor;
  platform: string;
  isWanted: boolean;
}

class OciLayout {
  readonly #store: ImageStore;
  readonly #wanted: Platform;

  constructor(store: ImageStore, wanted: Platform) {
    this.#store = store;
    this.#wanted = wanted;
  }

  /** One for each manifest of the wanted platform at the top, and one for each nested index; the same one under several tags is one. */
  async images(index: { manifests: readonly Descriptor[] }): Promise<(FoundImage | UnreadableImage)[]> {
    const found = new Map<string, FoundImage | UnreadableImage>();
    const others: { tags: string[]; platform: string }[] = [];
    const loose = new Map<string, number>();
    for (const descriptor of index.manifests) {
      const tags = [descriptor.annotations?.[IMAGE_NAME] ?? descriptor.annotations?.[REF_NAME] ?? []].flat();
      const known = found.get(descriptor.digest);
      if (known !== undefined) known.tags.push(...tags);
      else {
        const image = await this.#top(descriptor, tags, loose);
        if (image === null) continue;
        if ('platform' in image && 'isOther' in image) others.push({ tags, platform: image.platform });
        else found.set(descriptor.digest, image);
      }
    }
    const images = [...found.values()];
    for (const image of images)
      if ('otherBlobs' in image) for (const [d, bytes] of loose) image.otherBlobs.set(d, bytes);
    const named = new Set(images.flatMap(({ tags }) => tags));
    for (const { tags, platform } of others) {
      const isMissed = images.length === 0 || tags.some((tag) => !named.has(tag));
      if (isMissed) images.push({ tags, fault: otherPlatform([platform], this.#wanted) });
    }
    if (images.length === 0) throw new ImageFault('not_an_image', 'its index.json lists no image');
    return images;
  }

  /** What a descriptor of index.json is: an image, one of another platform, or nothing that is an image (null). */
  async #top(
    descriptor: Descriptor,
    tags: string[],
    loose: Map<string, number>,
  ): Promise<FoundImage | UnreadableImage | { platform: string; isOther: true } | null> {
    try {
      const blobs = new Map<string, number>();
      const candidates = await this.#candidates(descriptor, blobs, []);
      if (candidates.length === 0) {
        if (!isIndex(descriptor)) {
          for (const [digest, bytes] of blobs) loose.set(digest, bytes);
          return null;
        }
        throw otherPlatform([], this.#wanted);
      }
      const chosen = best(candidates);
      if (chosen !== null) return await this.#image(chosen.descriptor, tags, blobs);
      const platforms = candidates.map(({ platform }) => platform);
      if (!isIndex(descriptor)) return { platform: platforms.join(', '), isOther: true };
      throw otherPlatform(platforms, this.#wanted);
    } catch (error) {
      if (error instanceof ImageFault) return { tags, fault: error };
      throw error;
    }
  }

  /** The image manifests below a descriptor. Fills `blobs` with all that is in the store. */
  async #candidates(
    descriptor: Descriptor,
    blobs: Map<string, number>,
    above: readonly string[],
  ): Promise<Candidate[]> {
    const { digest, mediaType, platform, annotations } = descriptor;
    if (above.includes(digest) || above.length > INDEX_DEPTH_MAX)
      throw new ImageFault('index_cycle', `the index ${digest} leads back to itself, or is too deep`);
    const isManifest = mediaType === null || mediaType === undefined || MANIFEST_TYPES.has(mediaType);
    if (isIndex(descriptor)) {
      const text = await this.#json(descriptor, 'the index');
      // An index lists the platforms that exist; those that were not fetched are not in the store.
      if (text === null && above.length > 0) return [];
      if (text === null) throw new ImageFault('blob_missing', `the index ${digest} is not there`);
      blobs.set(digest, descriptor.size);
      const found: Candidate[] = [];
      for (const next of parseDocument(ImageIndex, text, `the index ${digest}`).manifests)
        found.push(...(await this.#candidates(next, blobs, [...above, digest])));
      return found;
    }
    if (!isManifest) return [];
    const isAttestation = annotations?.[ATTESTATION] !== undefined || platform?.os === 'unknown';
    if (isAttestation || (platform !== null && platform !== undefined && !isWanted(platform, this.#wanted))) {
      await this.#addOther(descriptor, blobs);
      if (isAttestation) return [];
    }
    if (platform !== null && platform !== undefined)
      return [{ descriptor, platform: platformText(platform), isWanted: isWanted(platform, this.#wanted) }];
    const text = await this.#json(descriptor, 'the manifest');
    if (text === null) throw new ImageFault('blob_missing', `the manifest ${digest} is not there`);
    const { config } = await this.#config(parseDocument(ImageManifest, text, `the manifest ${digest}`));
    return [{ descriptor, platform: platformText(config), isWanted: isWanted(config, this.#wanted) }];
  }

  /** Blobs of a manifest that is not chosen: what of them is in the store. One that cannot be read does no harm. */
  async #addOther(descriptor: Descriptor, blobs: Map<string, number>): Promise<void> {
    let text;
    try {
      text = await this.#json(descriptor, 'the manifest');
    } catch (error) {
      if (!(error instanceof ImageFault)) throw error;
      return;
    }
    if (text === null) return;
    blobs.set(descriptor.digest, descriptor.size);
    let manifest: ImageManifest;
    try {
      manifest = parseDocument(ImageManifest, text, 'a manifest');
    } catch (error) {
      if (!(error instanceof ImageFault)) throw error;
      return;
    }
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const bytes = await this.#store.sizeOf(pathOf(digest));
      if (bytes !== null) blobs.set(digest, bytes);
    }
  }

  async #image(descriptor: Descriptor, tags: string[], otherBlobs: Map<string, number>): Promise<FoundImage> {
    const text = await this.#json(descriptor, 'the manifest');
    if (text === null) throw new ImageFault('blob_missing', `the manifest ${descriptor.digest} is not there`);
    const manifest = parseDocument(ImageManifest, text, `the manifest ${descriptor.digest}`);
    const { config, bytes } = await this.#config(manifest);
    otherBlobs.set(descriptor.digest, descriptor.size).set(manifest.config.digest, bytes);
    const layers = manifest.layers.map(({ digest, size, mediaType, urls }) => ({
      ...{ path: pathOf(digest), digest, stored_bytes: size, media_type: mediaType ?? null },
      isForeign: (urls ?? []).length > 0 || /foreign|nondistributable/.test(mediaType ?? ''),
    }));
    const sizes = { config_bytes: bytes, manifest_bytes: descriptor.size };
    return { tags, platform: platformText(config), layers, config, ...sizes, otherBlobs };
  }

  async #config({ config: descriptor }: ImageManifest): Promise<{ config: ImageConfig; bytes: number }> {
    const text = await this.#json(descriptor, 'the config');
    if (text === null) throw new ImageFault('blob_missing', `the config ${descriptor.digest} is not there`);
    return { config: parseDocument(ImageConfig, text, `the config ${descriptor.digest}`), bytes: descriptor.size };
  }

  /** A verified document; null when it is not in the store. */
  async #json(descriptor: Descriptor, what: string): Promise<string | null> {
    const scan = await this.#store.blob(pathOf(descriptor.digest));
    if (scan === null) return null;
    const name = `${what} ${descriptor.digest}`;
    verify(scan, descriptor.digest, descriptor.size, name);
    return jsonOf(scan, name);
  }
}

function isIndex({ mediaType }: Descriptor): boolean {
  return INDEX_TYPES.has(mediaType ?? '');
}

/** The wanted one; of several variants the plainest. */
function best(candidates: readonly Candidate[]): Candidate | null {
  const wanted = candidates.filter((c) => c.isWanted);
  return wanted.find(({ descriptor }) => !descriptor.platform?.variant) ?? wanted[0] ?? null;
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
