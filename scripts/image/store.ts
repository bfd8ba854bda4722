// Where an image's parts lie: a folder, an archive that can be read at any place, or one that streams by once. All three give a blob
// by its path there (manifest.json, blobs/sha256/…) and keep of it no more than its figures.
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { isErrno } from '../../platform/errors.ts';
import { type BlobScan, BlobScanner, type Budget } from './blob-scan.ts';
import { unpackedStream } from './compression.ts';
import { ImageFault, shown } from './fault.ts';
import { usedUp } from './garbage.ts';
import type { PathBooks } from './layer-count.ts';
import { type TarEntry, TarWalker } from './tar-walker.ts';

export interface ImageStore {
  /** A blob's figures; null when it is not there. Throws ImageFault. */
  blob(path: string): Promise<BlobScan | null>;
  /** Its size as stored, without reading it. */
  sizeOf(path: string): Promise<number | null>;
  close(): Promise<void>;
}

/** What a store needs of its surroundings. */
export interface StoreContext {
  books: PathBooks;
  budget: Budget;
  signal: AbortSignal | undefined;
  /** Told of each piece that was read. */
  read: (bytes: number) => void;
}

const READ_BYTES = 512 * 1024;
/** Reads ahead while the last piece is worked on. Each piece is good until the next one is asked for. */
async function* pieces(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafe(READ_BYTES), Buffer.allocUnsafe(READ_BYTES)];
  const read = (turn: number, at: number) =>
    file.read(buffers[turn % 2] ?? Buffer.alloc(0), 0, Math.min(READ_BYTES, to - at), at);
  let next = read(0, from);
  for (let at = from, turn = 1; at < to; turn++) {
    const { bytesRead, buffer } = await next;
    if (bytesRead === 0) throw new ImageFault('tar_truncated', `the file is cut off at byte ${at}`);
    at += bytesRead;
    next = read(turn, at);
    next.catch(() => undefined); // it is awaited in the next turn, if there is one
    yield buffer.subarray(0, bytesRead);
  }
  await next;
}

async function scan(context: StoreContext, source: AsyncIterable<Buffer>, bytes: number): Promise<BlobScan> {
  const scanner = new BlobScanner(context.books, context.budget, bytes);
  for await (const piece of source) {
    context.signal?.throwIfAborted();
    context.read(piece.length);
    await scanner.write(piece);
  }
  return await scanner.end();
}

/** An OCI layout's folder. */
export class FolderStore implements ImageStore {
  readonly #folder: string;
  readonly #context: StoreContext;
  readonly #known = new Map<string, BlobScan>();

  constructor(folder: string, context: StoreContext) {
    this.#folder = folder;
    this.#context = context;
  }

  async blob(path: string): Promise<BlobScan | null> {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const size = await this.sizeOf(path);
    if (size === null) return null;
    const file = await open(join(this.#folder, path), 'r');
    try {
      const found = await scan(this.#context, pieces(file, 0, size), size);
      this.#known.set(path, found);
      return found;
    } finally {
      await file.close();
    }
  }

  async sizeOf(path: string): Promise<number | null> {
    try {
      const found = await stat(join(this.#folder, path));
      return found.isFile() ? found.size : null;
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Members of an archive: docker save alone makes three for a layer. */
const MEMBERS_MAX = 50_000;
const LINKS_MAX = 8;

/** The names of an archive's members, with the links that `docker save` makes of a repeated layer. */
class Members<T> {
  readonly #files = new Map<string, T>();
  readonly #links = new Map<string, string>();

  /** Throws tar_traversal, archive_members. */
  nameOf(entry: TarEntry): string {
    const name = cleaned(entry.path.toString('utf8'));
    if (this.#files.size + this.#links.size >= MEMBERS_MAX)
      throw new ImageFault('archive_members', `the archive has more than ${MEMBERS_MAX} members`);
    const link = entry.link.toString('utf8');
    if (entry.kind === 'hardlink') this.#links.set(name, cleaned(link));
    else if (entry.kind === 'symlink') this.#links.set(name, cleaned(posix.join(posix.dirname(name), link)));
    return name;
  }

  set(name: string, file: T): void {
    this.#files.set(name, file);
  }

  /** The file behind a name, through links. */
  get(name: string): T | null {
    let at = posix.normalize(name);
    for (let links = 0; links <= LINKS_MAX; links++) {
      const file = this.#files.get(at);
      if (file !== undefined) return file;
      const next = this.#links.get(at);
      if (next === undefined) return null;
      at = next;
    }
    throw new ImageFault('archive_links', `${shown(name)} is a link that leads in a circle`);
  }
}

function cleaned(name: string): string {
  const clean = posix.normalize(name).replace(/^\/+/, '');
  if (clean === '..' || clean.startsWith('../'))
    throw new ImageFault('tar_traversal', `the archive’s member ${shown(name)} leads out of it`);
  return clean;
}

/** An archive in a file: its members are looked up first, and only what is asked for is read. */
export class ArchiveStore implements ImageStore {
  readonly #file: FileHandle;
  readonly #context: StoreContext;
  readonly #members: Members<{ at: number; bytes: number }>;
  readonly #known = new Map<number, BlobScan>();

  private constructor(file: FileHandle, context: StoreContext, members: Members<{ at: number; bytes: number }>) {
    this.#file = file;
    this.#context = context;
    this.#members = members;
  }

  /** Reads all headers; the file is the store's from then on. Throws ImageFault. */
  static async open(file: FileHandle, context: StoreContext): Promise<ArchiveStore> {
    const { size } = await file.stat();
    const members = new Members<{ at: number; bytes: number }>();
    const walker = new TarWalker();
    const buffer = Buffer.allocUnsafe(HEADERS_BYTES);
    for (let at = 0; at < size;) {
      context.signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, Math.min(HEADERS_BYTES, size - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
      for (const event of walker.push(buffer.subarray(0, bytesRead))) {
        if (event.what !== 'entry') continue;
        const { entry } = event;
        const name = members.nameOf(entry);
        if (entry.kind === 'file') members.set(name, { at: entry.content_at, bytes: entry.stored_bytes });
      }
      const skipped = Math.min(walker.skippable_bytes, size - at);
      walker.skip(skipped);
      at += skipped;
    }
    walker.end();
    return new ArchiveStore(file, context, members);
  }

  async blob(path: string): Promise<BlobScan | null> {
    const member = this.#members.get(path);
    if (member === null) return null;
    const known = this.#known.get(member.at);
    if (known !== undefined) return known;
    const found = await scan(this.#context, pieces(this.#file, member.at, member.at + member.bytes), member.bytes);
    this.#known.set(member.at, found);
    return found;
  }

  sizeOf(path: string): Promise<number | null> {
    return Promise.resolve(this.#members.get(path)?.bytes ?? null);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Read at a time to find headers: most members are large. */
const HEADERS_BYTES = 4096;

/** An archive that streams by once: each member is counted as it comes, and it is seen later which of them the image is made of. */
export class StreamStore implements ImageStore {
  readonly #members = new Members<BlobScan>();

  private constructor() {
    // Made by `read`.
  }

  /** Reads the stream to its end. It may be compressed. Throws ImageFault. */
  static async read(source: AsyncIterable<Buffer>, context: StoreContext, total: Budget): Promise<StreamStore> {
    const store = new StreamStore();
    const walker = new TarWalker();
    let member: { name: string; scanner: BlobScanner } | null = null;
    const memberEnds = async (): Promise<void> => {
      if (member !== null) store.#members.set(member.name, await member.scanner.end());
      member = null;
    };
    for await (const piece of unpackedStream(counted(source, context), (bytes) => total.unpacked(bytes))) {
      for (const event of walker.push(piece)) {
        if (event.what === 'content') await (member as { scanner: BlobScanner } | null)?.scanner.write(event.bytes);
        else {
          await memberEnds();
          const { entry } = event;
          const name = store.#members.nameOf(entry);
          const scanner = new BlobScanner(context.books, context.budget, entry.stored_bytes);
          if (entry.kind === 'file') member = { name, scanner };
        }
      }
    }
    walker.end();
    await memberEnds();
    return store;
  }

  blob(path: string): Promise<BlobScan | null> {
    return Promise.resolve(this.#members.get(path));
  }

  sizeOf(path: string): Promise<number | null> {
    return Promise.resolve(this.#members.get(path)?.stored_bytes ?? null);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function* counted(source: AsyncIterable<Buffer>, { read, signal }: StoreContext): AsyncGenerator<Buffer> {
  for await (const piece of source) {
    signal?.throwIfAborted();
    read(piece.length);
    yield piece;
    usedUp(piece.length);
  }
}
