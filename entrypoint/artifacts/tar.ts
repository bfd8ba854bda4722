import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Header } from 'tar-stream';
import type { ArchiveKind } from '../../miners/releases.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { runForOutput, spawnGroup } from '../../platform/process.ts';
import { hostile, type ArchiveEntry } from './archive-entry.ts';

const TYPES: Partial<Record<Header['type'], ArchiveEntry['type']>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'hardlink',
};

const BLOCK_BYTES = 512;
/** Bytes that belong to no entry: padding at the end. What expands to more is a bomb. */
const FRAME_MAX_BYTES = 1024 ** 2;
/** An entry's header, and what long names and PAX records before it take. */
const HEADERS_MAX_BYTES = 4_096;
/** An xz can ask its reader for gigabytes; `xz -9` makes archives that take 65 MB. */
const XZ_MEMORY_BYTES = 512 * 1024 ** 2;

/** The entries of a compressed tar, in order. Throws SpotrigError no_xz, archive_hostile; errors of the stream as they are. */
export async function* tarEntries(
  path: string,
  kind: Exclude<ArchiveKind, 'zip' | 'plain'>,
  env: Record<string, string>,
): AsyncGenerator<ArchiveEntry> {
  const { default: tar } = await import('tar-stream'); // only a worker that has something to unpack pays for it
  const extract = tar.extract();
  let allowed = FRAME_MAX_BYTES;
  // tar-stream bounds a header, but reads on for ever in what belongs to no entry.
  const guard = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let seen = 0;
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > allowed) throw hostile('it unpacks to more than its entries hold');
      yield chunk;
    }
  };
  const feeding =
    kind === 'tar.gz'
      ? pipeline(createReadStream(path), createGunzip(), guard, extract)
      : pipeline(xzContent(path, await xzCommand(path, env), env), guard, extract);
  feeding.catch(() => undefined); // the loop below sees the same error; a reader that stops early causes one, too
  try {
    for await (const entry of extract) {
      const { name, size, type, linkname, pax } = entry.header;
      allowed += HEADERS_MAX_BYTES + size + BLOCK_BYTES;
      // A sparse file's content is not what stands in the archive.
      const isSparse = Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.'));
      yield {
        name,
        size,
        type: isSparse ? 'other' : (TYPES[type] ?? 'other'),
        linkTarget: linkname,
        body: () => entry as AsyncIterable<Buffer>,
      };
      entry.resume();
    }
    await feeding;
  } finally {
    extract.destroy();
  }
}

/** Node has no xz: the image's own xz does it, or Python's lzma, of which most images have one. */
async function xzCommand(path: string, env: Record<string, string>): Promise<string[]> {
  const python =
    `import lzma,resource,shutil,sys; resource.setrlimit(resource.RLIMIT_AS, (${XZ_MEMORY_BYTES},) * 2); ` +
    'shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer, 1 << 20)';
  const candidates = [
    { try: ['xz', '--version'], use: ['xz', '-dc', `--memlimit-decompress=${XZ_MEMORY_BYTES}`, '--', path] },
    { try: ['python3', '-c', 'import lzma'], use: ['python3', '-c', python, path] },
  ];
  for (const candidate of candidates) {
    const tried = await runForOutput({ argv: candidate.try, env, timeoutMs: 10_000, maxBytes: 1_000 });
    if (tried.code === 0) return candidate.use;
  }
  throw new SpotrigError(
    'no_xz',
    'the archive is an xz, and the image has neither xz nor python3 with lzma: take an image with xz-utils, or pin a tar.gz',
  );
}

async function* xzContent(path: string, argv: string[], env: Record<string, string>): AsyncGenerator<Buffer> {
  const child = spawnGroup({ argv, env, stdout: 'pipe', stderr: 'ignore' });
  try {
    for await (const chunk of (child.stdout ?? []) as AsyncIterable<Buffer>) yield chunk;
    const exit = await child.exited;
    if (exit.code !== 0) throw new SpotrigError('archive_damaged', `${argv[0]} could not unpack ${path}`);
  } finally {
    child.kill('SIGKILL');
  }
}
