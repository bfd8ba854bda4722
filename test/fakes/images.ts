// Container images made on the fly, sound and lying ones.
import { createHash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type PackedFile, tar } from './archives.ts';

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export interface FakeImage {
  /** Archives of the layers, lowest first. */
  layers: Buffer[];
  tag?: string;
  platform?: { os: string; architecture: string; variant?: string };
  compression?: 'none' | 'gzip' | 'zstd';
  history?: { created_by?: string; comment?: string; empty_layer?: boolean }[];
  /** Instead of the true ones. */
  diffIds?: string[];
}

const AMD64 = { os: 'linux', architecture: 'amd64' };
const PACKERS = { none: (bytes: Buffer) => bytes, gzip: (bytes: Buffer) => gzipSync(bytes), zstd: zstdCompressSync };

function configOf({ layers, platform = AMD64, history, diffIds }: FakeImage): string {
  const rootfs = { type: 'layers', diff_ids: diffIds ?? layers.map(sha256) };
  return JSON.stringify({ ...platform, config: {}, rootfs, ...(history === undefined ? {} : { history }) });
}

/** As docker before 25 and skopeo save it: a layer that is there twice is one member. */
export function savedFiles(images: readonly FakeImage[]): PackedFile[] {
  const files = new Map<string, Buffer | string>();
  const list = images.map((image) => {
    const config = configOf(image);
    const Config = `${sha256(config).slice(7)}.json`;
    files.set(Config, config);
    const Layers = image.layers.map((layer) => `${sha256(layer).slice(7)}/layer.tar`);
    for (const [i, name] of Layers.entries())
      files.set(name, PACKERS[image.compression ?? 'none'](image.layers[i] ?? Buffer.alloc(0)));
    return { Config, RepoTags: image.tag === undefined ? null : [image.tag], Layers };
  });
  files.set('manifest.json', JSON.stringify(list));
  return [...files].map(([name, content]) => ({ name, content }));
}

/** A `docker save` archive. */
export function savedArchive(...images: FakeImage[]): Promise<Buffer> {
  return tar(savedFiles(images));
}

export interface FakeDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: object;
  annotations?: Record<string, string>;
  urls?: string[];
}

const OCI = 'application/vnd.oci.image';

/** An OCI layout that grows: path → bytes. */
export class FakeLayout {
  readonly files = new Map<string, Buffer>([['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')]]);
  readonly top: FakeDescriptor[] = [];

  blob(bytes: Buffer | string, mediaType: string): FakeDescriptor {
    const digest = sha256(bytes);
    this.files.set(`blobs/${digest.replace(':', '/')}`, Buffer.from(bytes));
    return { mediaType, digest, size: Buffer.byteLength(bytes) };
  }

  /** The image's manifest and all below it; not in index.json yet. */
  image(image: FakeImage): FakeDescriptor {
    const compression = image.compression ?? 'gzip';
    const suffix = compression === 'none' ? '' : `+${compression}`;
    const layers = image.layers.map((layer) => this.blob(PACKERS[compression](layer), `${OCI}.layer.v1.tar${suffix}`));
    return this.manifest({ config: this.blob(configOf(image), `${OCI}.config.v1+json`), layers }, image);
  }

  manifest(content: object, { platform, tag }: Pick<FakeImage, 'platform' | 'tag'> = {}): FakeDescriptor {
    const mediaType = `${OCI}.manifest.v1+json`;
    const descriptor = this.blob(JSON.stringify({ schemaVersion: 2, mediaType, ...content }), mediaType);
    return {
      ...descriptor,
      ...(platform === undefined ? {} : { platform }),
      ...(tag === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': tag } }),
    };
  }

  index(manifests: readonly FakeDescriptor[]): FakeDescriptor {
    const mediaType = `${OCI}.index.v1+json`;
    return this.blob(JSON.stringify({ schemaVersion: 2, mediaType, manifests }), mediaType);
  }

  /** All files of the layout, with index.json last, as archives may have it. */
  all(): PackedFile[] {
    const index = JSON.stringify({ schemaVersion: 2, manifests: this.top });
    return [...this.files, ['index.json', index] as const].map(([name, content]) => ({ name, content }));
  }

  archive(): Promise<Buffer> {
    return tar(this.all());
  }
}

/** A layout of these images. */
export function fakeLayout(...images: FakeImage[]): FakeLayout {
  const layout = new FakeLayout();
  layout.top.push(...images.map((image) => layout.image(image)));
  return layout;
}
