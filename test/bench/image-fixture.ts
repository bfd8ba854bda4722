// A large image on the disk: some thousand files in a few layers, as a docker-archive and as an OCI layout with gzip.
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { FakeLayout } from '../fakes/images.ts';

export interface ImageFixture {
  /** A `docker save` archive with plain layers. */
  archive: string;
  /** An OCI layout with gzip layers. */
  layout: string;
  /** The layers alone, as the two have them. */
  plain: string[];
  gzip: string[];
  bytes: number;
}

const LAYERS = 4;
/** Sizes as programs' folders have them: many small files, and few that make up the bytes. */
const FILE_BYTES = [200, 2000, 700, 12_000, 1500, 4000, 20_000, 900, 70_000, 400_000];
const PIECE_BYTES = 65_536;

/** Makes an image of about this many bytes, with this tag. */
export async function imageFixture(dir: string, tag: string, bytes: number): Promise<ImageFixture> {
  const content = Buffer.concat(Array.from({ length: 64 }, (_, i) => halfRandom(i)));
  const layers: { plain: string; gzip: string; diffId: string; bytes: number }[] = [];
  for (let layer = 0; layer < LAYERS; layer++) layers.push(await makeLayer(dir, layer, bytes / LAYERS, content));
  const config = {
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const layout = join(dir, 'layout');
  await writeLayout(layout, config, layers);
  const archive = join(dir, 'saved.tar');
  await writeArchive(archive, tag, config, layers);
  return {
    ...{ archive, layout, plain: layers.map(({ plain }) => plain), gzip: layers.map(({ gzip }) => gzip) },
    bytes: layers.reduce((sum, layer) => sum + layer.bytes, 0),
  };
}

/** Shrinks to about half, as programs do. */
function halfRandom(seed: number): Buffer {
  return Buffer.from(randomBytes(PIECE_BYTES / 2).toString('hex') + seed).subarray(0, PIECE_BYTES);
}

async function makeLayer(dir: string, layer: number, bytes: number, content: Buffer) {
  const plain = join(dir, `layer-${layer}.tar`);
  const hash = createHash('sha256');
  const packing = pack();
  const written = pipeline(
    packing as unknown as Readable,
    async function* (source: AsyncIterable<Buffer>) {
      for await (const piece of source) {
        hash.update(piece);
        yield piece;
      }
    },
    createWriteStream(plain),
  );
  for (let done = 0, i = 0; done < bytes; i++) {
    const size = FILE_BYTES[i % FILE_BYTES.length] ?? 1;
    const from = (i * 4099) % (content.length - size);
    const name = `opt/l${layer}/d${i % 50}/file-${i}`;
    await new Promise<void>((resolve) => packing.entry({ name }, content.subarray(from, from + size), () => resolve()));
    done += size;
  }
  packing.finalize();
  await written;
  const gzip = `${plain}.gz`;
  await pipeline(createReadStream(plain), createGzip({ level: 1 }), createWriteStream(gzip));
  return { plain, gzip, diffId: `sha256:${hash.digest('hex')}`, bytes: (await stat(plain)).size };
}

async function writeLayout(layout: string, config: object, layers: readonly { gzip: string }[]): Promise<void> {
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const fake = new FakeLayout();
  const descriptors = [];
  for (const layer of layers) {
    const hash = createHash('sha256');
    for await (const piece of createReadStream(layer.gzip) as AsyncIterable<Buffer>) hash.update(piece);
    const hex = hash.digest('hex');
    const to = join(layout, 'blobs/sha256', hex);
    await rename(layer.gzip, to);
    layer.gzip = to;
    const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
    descriptors.push({ mediaType, digest: `sha256:${hex}`, size: (await stat(to)).size });
  }
  const told = fake.blob(JSON.stringify(config), 'application/vnd.oci.image.config.v1+json');
  fake.top.push(fake.manifest({ config: told, layers: descriptors }));
  for (const { name, content = '' } of fake.all()) await writeFile(join(layout, name), content);
}

async function writeArchive(
  archive: string,
  tag: string,
  config: { rootfs: { diff_ids: string[] } },
  layers: readonly { plain: string; bytes: number }[],
): Promise<void> {
  const packing = pack();
  const written = pipeline(packing as unknown as Readable, createWriteStream(archive));
  const Layers: string[] = [];
  for (const [i, { plain, bytes }] of layers.entries()) {
    const name = `${i}/layer.tar`;
    Layers.push(name);
    await pipeline(createReadStream(plain), packing.entry({ name, size: bytes }) as unknown as NodeJS.WritableStream);
  }

  const text = JSON.stringify(config);
  const Config = `${createHash('sha256').update(text).digest('hex')}.json`;
  packing.entry({ name: Config }, text);
  packing.entry({ name: 'manifest.json' }, JSON.stringify([{ Config, RepoTags: [tag], Layers }]));
  packing.finalize();
  await written;
}
