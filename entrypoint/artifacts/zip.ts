// A reader for plain zip archives (PKWARE APPNOTE 6.3): stored and deflated entries, no encryption, no zip64.
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { PassThrough } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { SpotrigError } from '../../platform/errors.ts';
import type { ArchiveEntry } from './archive-entry.ts';

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
/** The end record is followed by a comment of up to 65,535 bytes. */
const END_SEARCH_BYTES = END_BYTES + 65_535;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
/** A directory of 10,000 entries with long names stays below this. */
const DIRECTORY_MAX_BYTES = 16 * 1024 * 1024;
/** File type bits of a Unix mode (stat(2)), which Unix zips keep in the upper half of the external attributes. */
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

interface CentralEntry {
  name: string;
  type: ArchiveEntry['type'];
  method: number;
  crc: number;
  packedBytes: number;
  size: number;
  headerAt: number;
}

/** The entries in the order of the archive's directory. Throws SpotrigError: archive_damaged, archive_unsupported. */
export async function* zipEntries(path: string): AsyncGenerator<ArchiveEntry> {
  const file = await open(path, 'r');
  try {
    for (const entry of parseDirectory(await readDirectory(file))) {
      const { name, type, size } = entry;
      // A symlink's target is its content; nothing that we unpack is one.
      const linkTarget = type === 'symlink' ? (await collect(content(path, file, entry), 4_096)).toString() : null;
      yield { name, type, size, linkTarget, body: () => content(path, file, entry) };
    }
  } finally {
    await file.close();
  }
}

async function readDirectory(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const tail = await readAt(file, Math.max(0, size - END_SEARCH_BYTES), Math.min(size, END_SEARCH_BYTES));
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw damaged('it has no directory');
  const bytes = tail.readUInt32LE(end + 12);
  const at = tail.readUInt32LE(end + 16);
  if (bytes === 0xffffffff || at === 0xffffffff) throw unsupported('zip64');
  if (bytes > DIRECTORY_MAX_BYTES) throw damaged(`its directory has ${bytes} bytes`);
  return readAt(file, at, bytes);
}

function* parseDirectory(directory: Buffer): Generator<CentralEntry> {
  let at = 0;
  while (at + CENTRAL_BYTES <= directory.length) {
    if (directory.readUInt32LE(at) !== CENTRAL_SIGNATURE) throw damaged('its directory is torn');
    const nameBytes = directory.readUInt16LE(at + 28);
    const nameAt = at + CENTRAL_BYTES;
    const name = directory.toString('utf8', nameAt, nameAt + nameBytes);
    if ((directory.readUInt16LE(at + 8) & 1) !== 0) throw unsupported(`encryption (${name})`);
    const mode = directory.readUInt32LE(at + 38) >>> 16;
    yield {
      name,
      type: typeOf(mode, name),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packedBytes: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerAt: directory.readUInt32LE(at + 42),
    };
    at = nameAt + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
}

function typeOf(mode: number, name: string): ArchiveEntry['type'] {
  const bits = mode & S_IFMT;
  if (bits === S_IFLNK) return 'symlink';
  if (bits === S_IFDIR || name.endsWith('/')) return 'directory';
  return bits === S_IFREG || bits === 0 ? 'file' : 'other';
}

async function* content(path: string, file: FileHandle, entry: CentralEntry): AsyncGenerator<Buffer> {
  const header = await readAt(file, entry.headerAt, LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damaged(`${entry.name} is not where the directory says`);
  // Readers that go by the local header would see another file under this name.
  const localName = await readAt(file, entry.headerAt + LOCAL_BYTES, header.readUInt16LE(26));
  if (localName.toString() !== entry.name) throw damaged(`${entry.name} has another name in its own header`);
  if (entry.method !== 0 && entry.method !== 8) throw unsupported(`method ${entry.method} (${entry.name})`);
  if (entry.packedBytes === 0) return;
  const start = entry.headerAt + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = createReadStream(path, { start, end: start + entry.packedBytes - 1 });
  const plain = entry.method === 8 ? createInflateRaw() : new PassThrough();
  const feeding = pipeline(packed, plain);
  feeding.catch(() => undefined); // the loop sees the same error; a reader that stops early causes one, too
  let crc = 0;
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      crc = crc32(chunk, crc);
      yield chunk;
    }
    await feeding;
  } finally {
    plain.destroy();
  }
  if (crc !== entry.crc) throw damaged(`${entry.name} has another checksum`);
}

async function collect(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  let all = Buffer.alloc(0);
  for await (const chunk of chunks) {
    all = Buffer.concat([all, chunk]);
    if (all.length > maxBytes) throw damaged('a link is too long');
  }
  return all;
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(buffer, 0, bytes, at);
  if (bytesRead !== bytes) throw damaged('it is cut off');
  return buffer;
}

function damaged(why: string): SpotrigError {
  return new SpotrigError('archive_damaged', `the zip archive cannot be read: ${why}`);
}

function unsupported(what: string): SpotrigError {
  return new SpotrigError('archive_unsupported', `the zip archive uses ${what}, which is not supported`);
}
