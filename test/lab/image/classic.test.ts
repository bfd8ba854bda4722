// The count against a real engine with a classic graph driver: to the byte, for images that were loaded and images that it built, read
// from the engine, from docker save, and from skopeo's copies.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { which } from 'zx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkImage, checkImages } from '../../../scripts/image/check.ts';
import { ImageReport } from '../../../scripts/image/report.ts';
import { tar } from '../../fakes/archives.ts';
import { savedArchive, sha256 } from '../../fakes/images.ts';
import { LAB_BASE_IMAGE } from '../docker.ts';
import { SIZE_CASES, zerosLayer } from './cases.ts';

const PREFIX = 'image-check-lab';
const SKOPEO_COPY = ['--insecure-policy', 'copy', '-q'];
const SPOTRIG = resolve('bin/spotrig.js');
const missing = await whatIsMissing();

/** Why the lab cannot say anything here; null when it can. */
async function whatIsMissing(): Promise<string | null> {
  if ((await which('skopeo', { nothrow: true })) === null) return 'there is no skopeo here';
  const { stdout } = await execa('docker', ['info', '--format', '{{.Driver}} {{.DriverStatus}}'], { reject: false });
  return /^overlay2 (?!.*containerd)/.test(stdout)
    ? null
    : `the engine’s store is not the classic overlay2: ${stdout.slice(0, 60)}`;
}

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`a classic engine (${missing ?? 'here'})`, () => {
  let dir: string;
  const made: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-image-lab-'));
  });

  afterAll(async () => {
    if (made.length > 0) await execa('docker', ['rmi', '-f', ...made], { reject: false });
    await rm(dir, { recursive: true, force: true });
  });

  async function dockerSize(tag: string): Promise<number> {
    return Number((await execa('docker', ['image', 'inspect', '--format', '{{.Size}}', tag])).stdout);
  }

  async function load(tag: string, archive: Buffer): Promise<string> {
    const path = join(dir, `${tag.replaceAll(/[/:]/g, '-')}.tar`);
    await writeFile(path, archive);
    made.push(tag);
    await execa('docker', ['load', '-q', '-i', path]);
    return path;
  }

  /** Built by the classic builder; with the context's files. */
  async function build(tag: string, lines: string[], prepare?: (context: string) => Promise<unknown>): Promise<void> {
    const context = join(dir, tag.replaceAll(/[/:]/g, '-'));
    await mkdir(context);
    await prepare?.(context);
    await writeFile(join(context, 'Dockerfile'), lines.join('\n'));
    made.push(tag);
    await execa('docker', ['build', '-q', '--network', 'none', '-t', tag, context], { env: { DOCKER_BUILDKIT: '0' } });
  }

  /** skopeo's copies of an archive's one image: an OCI layout with gzip, an OCI archive with zstd. */
  async function copies(path: string, name: string): Promise<string[]> {
    const folder = join(dir, `${name}-oci`);
    await execa('skopeo', [...SKOPEO_COPY, `docker-archive:${path}`, `oci:${folder}:x`]);
    return [folder, await zstdCopy(path, name)];
  }

  async function zstdCopy(path: string, name: string, tag?: string): Promise<string> {
    const archive = join(dir, `${name}-zstd.tar`);
    const from = `docker-archive:${path}${tag === undefined ? '' : `:${tag}`}`;
    await execa('skopeo', [...SKOPEO_COPY, '--dest-compress-format', 'zstd', from, `oci-archive:${archive}:x`]);
    return archive;
  }

  async function classic(source: string): Promise<{ bytes: number | undefined; compressions: string[] }> {
    const report = ImageReport.parse(await checkImage(source));
    expect(report.faults, source).toEqual([]);
    const compressions = [...new Set(report.layers.map(({ compression }) => compression))];
    return { bytes: report.sizes?.classic_bytes, compressions };
  }

  it.each(SIZE_CASES)('counts $name as it does, from the archive, the engine and skopeo’s copies', async (size) => {
    const tag = `${PREFIX}:${size.name}`;
    const { compression } = size;
    const path = await load(
      tag,
      await savedArchive({ layers: await size.layers(), tag, ...(compression === undefined ? {} : { compression }) }),
    );
    const told = await dockerSize(tag);
    expect((await classic(path)).bytes).toBe(told);
    if (size.isSaved !== false) expect((await classic(tag)).bytes).toBe(told);
    const [folder = '', archive = ''] = await copies(path, size.name);
    expect(await classic(folder)).toEqual({ bytes: told, compressions: ['gzip'] });
    expect((await classic(archive)).bytes).toBe(told);
  });

  it('counts what it built, from all of them and from one archive of all', async () => {
    const onBase = `${PREFIX}:built`;
    const onNothing = `${PREFIX}:scratch`;
    await build(
      onBase,
      [
        `FROM ${LAB_BASE_IMAGE}`,
        'RUN rm -rf /var/lib/apt/lists/* && mkdir /opt/m && for i in $(seq 500); do echo $i > /opt/m/$i; done',
        'RUN chmod 700 /usr/bin/perl && ln /usr/bin/perl /opt/hard && ln -s /usr/bin/perl /opt/soft && rm -rf /usr/share/doc',
        'RUN truncate -s 5M /opt/hole && mkfifo /opt/pipe && rm -rf /opt/m && mkdir /opt/m && echo new > /opt/m/1',
        'ENV SPOTRIG=1',
        'COPY here /opt/here',
      ],
      (context) => writeFile(join(context, 'here'), 'x'.repeat(12_345)),
    );
    await build(onNothing, ['FROM scratch', 'COPY tree /'], async (context) => {
      await mkdir(join(context, 'tree'));
      await writeFile(join(context, 'tree/a'), Buffer.alloc(3 * 1024 ** 2, 1));
      await execa('sh', ['-c', 'ln a b && ln -s a c && truncate -s 5M hole'], { cwd: join(context, 'tree') });
    });
    const saved = join(dir, 'saved.tar');
    await execa('docker', ['save', '-o', saved, onBase, onNothing, LAB_BASE_IMAGE]);
    const reports = await checkImages(saved);
    const tags = [onBase, onNothing, LAB_BASE_IMAGE];
    const told = new Map<string, number>();
    for (const tag of tags) {
      told.set(tag, await dockerSize(tag));
      expect((await classic(tag)).bytes, tag).toBe(told.get(tag));
    }
    expect(new Map(reports.map((report) => [report.tags[0], report.sizes?.classic_bytes]))).toEqual(told);
    const report = reports.find(({ tags: [tag] }) => tag === onBase);
    expect(report?.layers.map(({ created_by }) => created_by?.includes('chmod 700'))).toContain(true);
    expect(report?.waste?.deleted_bytes).toBeGreaterThan(1_000_000);
    const archive = join(dir, 'built.tar');
    await execa('docker', ['save', '-o', archive, onNothing]);
    for (const copy of await copies(archive, 'built')) expect((await classic(copy)).bytes).toBe(told.get(onNothing));
    const zstd = await zstdCopy(saved, 'base', onBase);
    expect(await classic(zstd)).toEqual({ bytes: told.get(onBase), compressions: ['zstd'] });
  });

  it('passes an image of 600,000,000 bytes and fails one of 600,000,001', async () => {
    const most = await zerosLayer('padding', 599_990_000);
    for (const [rest, exit, verdict] of [
      [10_000, 0, 'warn'],
      [10_001, 1, 'over'],
    ] as const) {
      const tag = `${PREFIX}:padded-${rest}`;
      const last = await zerosLayer('rest', rest);
      const image = { layers: [most.packed, last.packed], diffIds: [sha256(most.layer), sha256(last.layer)], tag };
      const path = await load(tag, await savedArchive(image));
      expect(await dockerSize(tag)).toBe(599_990_000 + rest);
      const ran = await execa(process.execPath, [SPOTRIG, 'image', 'check', '--json', path], { reject: false });
      expect(ran.exitCode).toBe(exit);
      expect(JSON.parse(ran.stdout)).toMatchObject([{ verdict, headroom_bytes: 10_000 - rest, faults: [] }]);
    }
  });

  it('counts a gigabyte of zeros in a small archive for what it is', async () => {
    const [head, zeros] = [await tar([{ name: 'zeros', pax: { size: `${1024 ** 3}` } }]), Buffer.alloc(32 * 1024 ** 2)];
    // The archive without its end, the content, the end: members of one gzip stream.
    const parts = [head.subarray(0, -1024), ...Array.from({ length: 32 }, () => zeros), Buffer.alloc(1024)];
    const members = new Map(parts.map((part) => [part, gzipSync(part)]));
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    const layers = [Buffer.concat(parts.map((part) => members.get(part) ?? part))];
    const path = join(dir, 'bomb.tar');
    await writeFile(path, await savedArchive({ layers, diffIds: [`sha256:${hash.digest('hex')}`] }));
    const report = await checkImage(path);
    expect(report).toMatchObject({ verdict: 'over', faults: [], sizes: { classic_bytes: 1024 ** 3 } });
    expect(report.layers[0]?.stored_bytes).toBeLessThan(2_000_000);
  });
});
