import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedFile, tar } from '../../test/fakes/archives.ts';
import { type FakeImage, FakeLayout, fakeLayout, savedArchive, savedFiles, sha256 } from '../../test/fakes/images.ts';
import { type CheckOptions, checkImage, checkImages } from './check.ts';
import { ImageReport } from './report.ts';

let dir: string;
let serial = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-image-'));
});

afterAll(() => rm(dir, { recursive: true }));

async function file(bytes: Buffer): Promise<string> {
  const path = join(dir, `${serial++}.tar`);
  await writeFile(path, bytes);
  return path;
}

async function folder(layout: FakeLayout): Promise<string> {
  const root = join(dir, `${serial++}`);
  for (const { name, content = '' } of layout.all()) {
    await mkdir(join(root, dirname(name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

async function faultOf(bytes: Buffer, options: CheckOptions = {}): Promise<{ code?: string; text?: string }> {
  const [report, ...others] = await checkImages(await file(bytes), options);
  expect(others).toEqual([]);
  expect(ImageReport.parse(report)).toMatchObject({ verdict: 'unreadable', sizes: null, headroom_bytes: null });
  return report?.faults[0] ?? {};
}

const bytes = (n: number, fill = 7) => Buffer.alloc(n, fill);

async function twoLayers(): Promise<Buffer[]> {
  return [
    await tar([
      { name: 'etc/', type: 'directory' },
      { name: 'etc/a', content: bytes(100_000) },
      { name: 'etc/b', content: bytes(5000) },
      { name: 'lib', type: 'symlink', linkname: 'usr/lib' },
    ]),
    await tar([{ name: 'etc/.wh.a' }, { name: 'etc/b', content: bytes(6000) }]),
  ];
}

describe('an image', () => {
  const classic_bytes = 100_000 + 5000 + 7 + 6000;

  it('counts the same from every form', async () => {
    const image: FakeImage = {
      layers: await twoLayers(),
      tag: 'x:1',
      history: [{ created_by: 'COPY a' }, { created_by: 'ENV x', empty_layer: true }, { created_by: 'RUN b' }],
    };
    const saved = await savedArchive(image);
    const sources = [
      await file(saved),
      await file(gzipSync(saved)),
      await file(zstdCompressSync(saved)),
      await file(await savedArchive({ ...image, compression: 'gzip' })),
      await file(await savedArchive({ ...image, compression: 'zstd' })),
      ...(await Promise.all(
        (['none', 'gzip', 'zstd'] as const).map((compression) => folder(fakeLayout({ ...image, compression }))),
      )),
      await file(await fakeLayout(image).archive()),
      await file(gzipSync(await fakeLayout({ ...image, compression: 'zstd' }).archive())),
    ];
    for (const source of sources) {
      const report = ImageReport.parse(await checkImage(source));
      expect(report, source).toMatchObject({
        faults: [],
        tags: ['x:1'],
        platform: 'linux/amd64',
        limit_bytes: 600_000_000,
      });
      expect(report.sizes).toMatchObject({ classic_bytes, buildkit_bytes: classic_bytes - 7 });
      expect(report.headroom_bytes).toBe(600_000_000 - classic_bytes);
      expect(
        report.layers.map((layer) => [
          layer.diff_id,
          layer.classic_bytes,
          layer.tar_bytes,
          layer.entries,
          layer.created_by,
        ]),
      ).toEqual([
        [sha256(image.layers[0] ?? ''), 105_007, image.layers[0]?.length, 4, 'COPY a'],
        [sha256(image.layers[1] ?? ''), 6000, image.layers[1]?.length, 2, 'RUN b'],
      ]);
      expect(report.waste).toMatchObject({ deleted_bytes: 100_000, overwritten_bytes: 5000, duplicated_bytes: 0 });
    }
  });

  it('is ok at the limit, warned from 95 % on, and over from one byte more', async () => {
    const source = await file(await savedArchive({ layers: await twoLayers() }));
    const verdict = async (options: CheckOptions) => (await checkImage(source, options)).verdict;
    expect(await verdict({ limit_bytes: classic_bytes * 20 })).toBe('ok');
    expect(await verdict({ limit_bytes: classic_bytes })).toBe('warn');
    expect(await verdict({ limit_bytes: classic_bytes - 1 })).toBe('over');
    const near = await checkImage(source, { limit_bytes: classic_bytes * 20, warn_percent: 5 });
    expect(near.warnings).toEqual([expect.objectContaining({ code: 'near_limit' })]);
    const waste = await checkImage(source, { waste_bytes_max: 104_999 });
    expect(waste.warnings).toEqual([expect.objectContaining({ code: 'waste' })]);
    expect((await checkImage(source, { waste_bytes_max: 105_000 })).verdict).toBe('ok');
  });

  it('counts a repeated layer twice, and calls it waste', async () => {
    const [first = bytes(0)] = await twoLayers();
    const report = await checkImage(await file(await savedArchive({ layers: [first, first] })));
    expect(report.sizes?.classic_bytes).toBe(210_014);
    expect(report.waste?.duplicated_bytes).toBe(105_007);
    expect(report.advice[0]).toEqual({ text: 'layers 0 and 1 are the same one: leave one out', saves_bytes: 105_007 });
  });

  it('may have its repeated layer as a link, as docker save makes it', async () => {
    const [first = bytes(0)] = await twoLayers();
    const files = savedFiles([{ layers: [first, first] }]);
    const name = `${sha256(first).slice(7)}/layer.tar`;
    const linked = files.map((f): PackedFile =>
      f.name === 'manifest.json'
        ? { ...f, content: String(f.content).replace(`"${name}","${name}"`, `"${name}","again/layer.tar"`) }
        : f,
    );
    linked.unshift({ name: 'again/layer.tar', type: 'symlink', linkname: `../${name}` });
    for (const archive of [await tar(linked), gzipSync(await tar(linked))])
      expect((await checkImage(await file(archive))).sizes?.classic_bytes).toBe(210_014);
  });

  it('of no layer has no bytes', async () => {
    expect(await checkImage(await file(await savedArchive({ layers: [] })))).toMatchObject({
      verdict: 'ok',
      sizes: { classic_bytes: 0 },
    });
  });

  it('names what engines refuse', async () => {
    const layer = await tar([
      { name: 'a', content: 'x' },
      { name: './a', content: 'yy' },
      { name: 'hard', type: 'link', linkname: 'below' },
    ]);
    const many = Array.from({ length: 125 }, () => bytes(1024, 0));
    const report = await checkImage(await file(await savedArchive({ layers: [layer, ...many], compression: 'zstd' })));
    expect(report.warnings.map(({ code }) => code)).toEqual(['layers', 'zstd', 'duplicate_path', 'hardlink_elsewhere']);
    expect(report.verdict).toBe('warn');
  });

  it('says what BuildKit’s own engine shows', async () => {
    const history = [{ comment: 'buildkit.dockerfile.v0' }, { comment: 'buildkit.dockerfile.v0' }];
    const report = await checkImage(await file(await savedArchive({ layers: await twoLayers(), history })));
    expect(report.notes).toEqual([expect.stringContaining(`shows ${classic_bytes - 7} bytes, 7 less`)]);
  });
});

describe('several images and platforms', () => {
  const arm = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const amd = { os: 'linux', architecture: 'amd64' };

  it('are all checked', async () => {
    const layers = await twoLayers();
    const source = await file(await savedArchive({ layers, tag: 'a:1' }, { layers: layers.slice(0, 1), tag: 'b:1' }));
    const reports = await checkImages(source);
    expect(reports.map(({ tags, sizes }) => [tags, sizes?.classic_bytes])).toEqual([
      [['a:1'], 111_007],
      [['b:1'], 105_007],
    ]);
    await expect(checkImage(source)).rejects.toMatchObject({ code: 'image_several' });
  });

  it('one image under two tags is one', async () => {
    const layout = fakeLayout({ layers: await twoLayers(), tag: 'a' });
    layout.top.push({ ...layout.top[0], annotations: { 'org.opencontainers.image.ref.name': 'b' } } as never);
    expect((await checkImages(await file(await layout.archive()))).map(({ tags }) => tags)).toEqual([['a', 'b']]);
  });

  async function multi(): Promise<FakeLayout> {
    const [first = bytes(0), second = bytes(0)] = await twoLayers();
    const layout = new FakeLayout();
    const attestation = layout.manifest({
      config: layout.blob('{}', 'application/vnd.oci.image.config.v1+json'),
      layers: [layout.blob(`{"sbom":"${'x'.repeat(9000)}"}`, 'application/vnd.in-toto+json')],
    });
    const inner = layout.index([
      layout.image({ layers: [first], platform: amd }),
      { ...layout.image({ layers: [first, second], platform: arm }), platform: arm },
      {
        ...attestation,
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
      },
      { ...attestation, digest: sha256('not fetched'), platform: { os: 'linux', architecture: 's390x' } },
      layout.blob('{}', 'application/vnd.example.unknown+json'),
    ]);
    layout.top.push(layout.index([inner]));
    return layout;
  }

  it('one platform is chosen through nested indexes; containerd counts them all', async () => {
    const layout = await multi();
    for (const source of [
      await folder(layout),
      await file(await layout.archive()),
      await file(gzipSync(await layout.archive())),
    ]) {
      const [first, second] = [await checkImage(source), await checkImage(source, { platform: 'linux/arm64' })];
      expect(first).toMatchObject({ platform: 'linux/amd64', sizes: { classic_bytes: 105_007 } });
      expect(second).toMatchObject({ platform: 'linux/arm64/v8', sizes: { classic_bytes: 111_007 } });
      const files = [...layout.files.values()].reduce((sum, b) => sum + b.length, 0);
      expect(first.sizes?.containerd_bytes).toBeGreaterThan(105_007 + 9000);
      expect(first.sizes?.containerd_bytes).toBeLessThan(files + 2 * 105_007 + 50 * 4096);
      const missing = await checkImage(source, { platform: 'linux/riscv64' });
      expect(missing.faults[0]?.code).toBe('platform_missing');
      expect(missing.faults[0]?.text).toContain('linux/arm64/v8');
    }
  });

  it('an image of another platform alone is refused', async () => {
    const layers = await twoLayers();
    expect((await faultOf(await savedArchive({ layers, platform: arm }))).code).toBe('platform_missing');
    expect((await faultOf(await fakeLayout({ layers, platform: arm }).archive())).code).toBe('platform_missing');
    const text = 'linux/windows/too/much';
    await expect(checkImage(await file(await savedArchive({ layers })), { platform: text })).rejects.toMatchObject({
      code: 'image_platform',
    });
  });
});

describe('a bad call', () => {
  it('names the source that is not there', async () => {
    await expect(checkImage('/nowhere/image.tar')).rejects.toMatchObject({ code: 'image_source' });
    await expect(checkImage('oci:nowhere')).rejects.toMatchObject({ code: 'image_source' });
  });

  it('names the engine that is not there', async () => {
    const env = { DOCKER_HOST: `unix://${dir}/none.sock` };
    await expect(checkImage('debian', { env })).rejects.toMatchObject({ code: 'image_engine' });
    await expect(checkImage('debian', { env: { DOCKER_HOST: 'ssh://host' } })).rejects.toMatchObject({
      code: 'image_engine',
    });
  });
});

describe('a hostile archive', () => {
  it('cut off at any place is said to be so, or to lack a blob', async () => {
    const whole = await savedArchive({ layers: await twoLayers(), compression: 'gzip' });
    const end = whole.length - 1024; // the blocks of zeros
    for (let at = 0; at < end - 512; at += 389) {
      const codes = ['tar_truncated', 'not_an_image', 'tar_header'];
      expect(codes, `at ${at}`).toContain((await faultOf(whole.subarray(0, at))).code);
      if (at > 0)
        expect([...codes, 'compression']).toContain((await faultOf(gzipSync(whole).subarray(0, at / 9 + 1))).code);
    }
  });

  it('with one bit flipped is never counted as if it were whole', async () => {
    const layout = fakeLayout({ layers: await twoLayers() });
    for (const [name, content] of [...layout.files]) {
      if (name === 'oci-layout') continue;
      const flipped = Buffer.from(content);
      flipped.writeUInt8(flipped.readUInt8(flipped.length >> 1) ^ 4, flipped.length >> 1);
      layout.files.set(name, flipped);
      expect((await faultOf(await layout.archive())).code, name).toBe('blob_digest');
      layout.files.set(name, content);
    }
    const saved = await savedArchive({ layers: await twoLayers() });
    const at = saved.indexOf(bytes(5000)) + 2000;
    saved.writeUInt8(8, at);
    expect((await faultOf(saved)).code).toBe('diff_id');
  });

  it('with any byte changed gives the true size or none, from a file and from a stream', async () => {
    const whole = await savedArchive({ layers: await twoLayers(), compression: 'gzip' });
    const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean());
    await fc.assert(
      fc.asyncProperty(change, async ([at, mask, isStream]) => {
        const changed = Buffer.from(whole);
        changed.writeUInt8(changed.readUInt8(at) ^ mask, at);
        const path = await file(isStream ? gzipSync(changed) : changed);
        for (const { sizes, verdict } of await checkImages(path)) {
          if (verdict !== 'unreadable') expect(sizes?.classic_bytes, `byte ${at}`).toBe(111_007);
        }
      }),
      { numRuns: 150 },
    );
  });

  it.each([
    ['a diff_id', (image: FakeImage) => savedArchive({ ...image, diffIds: [sha256('x'), sha256('y')] }), 'diff_id'],
    ['the number of layers', (image: FakeImage) => savedArchive({ ...image, diffIds: [] }), 'layers_count'],
    ['a size', (image: FakeImage) => lied(image, (text) => text.replace(/"size":\d+/, '"size":5')), 'blob_size'],
    [
      'a digest',
      (image: FakeImage) => lied(image, (text) => text.replaceAll(/sha256:[0-9a-f]{8}/g, 'sha256:00000000')),
      'blob_missing',
    ],
    ['no digest', (image: FakeImage) => lied(image, (text) => text.replaceAll('sha256:', '../../../../etc/')), 'json'],
    ['a negative size', (image: FakeImage) => lied(image, (text) => text.replace(/"size":\d+/, '"size":-5')), 'json'],
    ['no JSON', (image: FakeImage) => lied(image, (text) => text.slice(1)), 'json'],
    ['deep JSON', (image: FakeImage) => lied(image, () => '['.repeat(1_000_000)), 'json'],
    ['huge JSON', (image: FakeImage) => lied(image, (text) => text + ' '.repeat(5_000_000)), 'json_large'],
    ['nothing', () => tar([{ name: 'etc/passwd', content: 'root' }]), 'not_an_image'],
    ['no image', () => tar([{ name: 'manifest.json', content: '[]' }]), 'not_an_image'],
  ])('that lies about %s is found out', async (_, make, code) => {
    const archive = await make({ layers: await twoLayers() });
    expect((await faultOf(archive)).code).toBe(code);
    expect((await faultOf(gzipSync(archive))).code).toBe(code);
  });

  /** index.json changed. */
  async function lied(image: FakeImage, change: (text: string) => string): Promise<Buffer> {
    const files = fakeLayout(image).all();
    return await tar(files.map((f) => (f.name === 'index.json' ? { ...f, content: change(String(f.content)) } : f)));
  }

  it('lacks a layer', async () => {
    const layout = fakeLayout({ layers: await twoLayers() });
    const layer = [...layout.files.keys()].find((name) => name.startsWith('blobs/')) ?? '';
    layout.files.delete(layer);
    expect((await faultOf(await layout.archive())).code).toBe('blob_missing');
  });

  it('has a foreign layer', async () => {
    const layout = new FakeLayout();
    const image = { layers: await twoLayers() };
    const config = layout.blob(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { diff_ids: image.layers.map(sha256) } }),
      'c',
    );
    const layers = image.layers.map((layer) => ({
      ...{
        mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
        digest: sha256(layer),
        size: layer.length,
      },
      urls: ['https://example.org/'],
    }));
    layout.top.push(layout.manifest({ config, layers }));
    expect((await faultOf(await layout.archive())).code).toBe('foreign_layer');
  });

  it('has an index that leads nowhere, or too deep', async () => {
    const layout = new FakeLayout();
    let descriptor = layout.image({ layers: await twoLayers() });
    for (let depth = 0; depth < 20; depth++) descriptor = layout.index([descriptor]);
    layout.top.push(descriptor);
    expect((await faultOf(await layout.archive())).code).toBe('index_cycle');
  });

  it('has a link that leads in a circle', async () => {
    const files = savedFiles([{ layers: await twoLayers() }]).filter(({ name }) => !name.endsWith('layer.tar'));
    const [one, two] = (await twoLayers()).map((layer) => `${sha256(layer).slice(7)}/layer.tar`);
    files.push({ name: one ?? '', type: 'symlink', linkname: `../${two}` });
    files.push({ name: two ?? '', type: 'symlink', linkname: `../${one}` });
    expect((await faultOf(await tar(files))).code).toBe('archive_links');
  });

  it.each([
    ['a file', { name: '../../evil', content: 'x' }],
    ['a file between', { name: 'a/../../evil', content: 'x' }],
    ['a link', { name: 'a', type: 'link' as const, linkname: '../../etc/passwd' }],
    ['a whiteout', { name: '.wh...', content: '' }],
  ])('leads out by %s', async (_, entry) => {
    const before = await readdir(dir);
    expect((await faultOf(await savedArchive({ layers: [await tar([entry])] }))).code).toBe('tar_traversal');
    expect(await readdir(dir)).toHaveLength(before.length + 1);
  });

  it('leads out by a member', async () => {
    const files = [...savedFiles([{ layers: [] }]), { name: '../../../tmp/evil', content: 'x' }];
    expect((await faultOf(await tar(files))).code).toBe('tar_traversal');
  });

  it('has a path that no system takes', async () => {
    for (const path of [`${'a/'.repeat(3000)}b`, 'n'.repeat(256)])
      expect((await faultOf(await savedArchive({ layers: [await tar([{ name: path, content: 'x' }])] }))).code).toBe(
        'tar_limit',
      );
  });

  it('unpacks to far more than it is: that counts, and is over', async () => {
    const size = 64 * 1024 ** 2;
    const header = (await tar([{ name: 'zeros', pax: { size: String(size) } }])).subarray(0, 1536);
    const zeros = Buffer.concat([header, Buffer.alloc(size + 1024)]);
    const layer = gzipSync(zeros, { level: 1 });
    const image = { layers: [layer], diffIds: [sha256(zeros)] };
    const report = await checkImage(await file(await savedArchive(image)), { limit_bytes: size - 1 });
    expect(report).toMatchObject({ verdict: 'over', sizes: { classic_bytes: size }, faults: [] });
    expect(report.layers[0]?.stored_bytes).toBeLessThan(size / 100);
  });

  it('of nonsense is refused, whatever it is', async () => {
    for (const head of ['\xfd7zXZ\0', 'BZh91AY', '\x1f\x8b\x08', '\x28\xb5\x2f\xfd', 'PK\x03\x04', ''])
      expect(['compression', 'tar_header', 'tar_truncated', 'not_an_image', 'zstd_frame']).toContain(
        (await faultOf(Buffer.concat([Buffer.from(head, 'latin1'), bytes(head === '' ? 0 : 3000)]))).code,
      );
  });
});
