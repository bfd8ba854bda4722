// Walks a tar archive as it streams by. It keeps one header and one extended header, never content. Which entries there are and what
// they say is as Go's archive/tar reads it, the engines' own reader; a global PAX header changes nothing there, so it does not here.
import { ImageFault } from './fault.ts';
import { type PaxChanges, parsePax } from './pax.ts';
import { BLOCK_BYTES, parseHeader, type TarHeader } from './tar-header.ts';

export type TarKind = 'file' | 'hardlink' | 'symlink' | 'directory' | 'device' | 'fifo' | 'sparse_gnu' | 'other';

export interface TarEntry {
  kind: TarKind;
  /** As in the archive, not cleaned. */
  path: Buffer;
  link: Buffer;
  /** Of the file once it is unpacked; more than stored_bytes where it is sparse. */
  size_bytes: number;
  /** Content in the archive. */
  stored_bytes: number;
  isSparse: boolean;
  /** Where its content begins, from the archive's first byte. */
  content_at: number;
}

export type TarEvent =
  | { what: 'entry'; entry: TarEntry }
  /** A piece of the last entry's content: a view, good until the next event. */
  | { what: 'content'; bytes: Buffer };

/** Longest extended header (names, PAX records); Go's limit, too. */
const META_MAX_BYTES = 1024 ** 2;
const KINDS: Record<string, TarKind> = {
  ...{ '0': 'file', '7': 'file', '1': 'hardlink', '2': 'symlink', '3': 'device', '4': 'device', '5': 'directory' },
  ...{ '6': 'fifo', S: 'sparse_gnu' },
};
/** Entries of these have no content, whatever their size says. */
const HEADER_ONLY = new Set<TarKind>(['hardlink', 'symlink', 'directory', 'device', 'fifo']);
const META_FLAGS = new Set(['x', 'g', 'L', 'K']);

/** What extended headers have said about the next entry. */
interface Pending {
  pax: PaxChanges | null;
  longName: Buffer | null;
  longLink: Buffer | null;
}

type Part = 'header' | 'meta' | 'sparse_map' | 'content' | 'padding' | 'after_end';

/** Give it the archive's bytes in pieces of any size, then call `end`. */
export class TarWalker {
  #part: Part = 'header';
  /** Bytes of content, padding or an extended header that are still to come. */
  #left = 0;
  #padding = 0;
  #sawZeros = false;
  #at = 0;
  readonly #block = Buffer.alloc(BLOCK_BYTES);
  #filled = 0;
  #metaFlag = '';
  #meta: Buffer[] = [];
  #pending: Pending = { pax: null, longName: null, longLink: null };
  /** An entry of GNU's sparse type whose map is not read to its end. */
  #sparse: TarEntry | null = null;

  /** The events of the next piece. Throws tar_header, tar_pax, tar_limit. */
  *push(chunk: Buffer): Generator<TarEvent, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#part === 'header' || this.#part === 'sparse_map') {
        const block = this.#nextBlock(chunk, at);
        at += block.took;
        this.#at += block.took;
        if (block.bytes === null) return;
        const entry =
          this.#part === 'header' ? this.#header(block.bytes, block.from) : this.#sparseMap(block.bytes, block.from);
        if (entry !== null) yield this.#begin(entry);
        continue;
      }
      if (this.#part === 'after_end') {
        this.#at += chunk.length - at;
        return;
      }
      const bytes = chunk.subarray(at, at + this.#left);
      at += bytes.length;
      this.#at += bytes.length;
      this.#left -= bytes.length;
      if (this.#part === 'content') yield { what: 'content', bytes };
      else if (this.#part === 'meta') this.#meta.push(Buffer.from(bytes));
      if (this.#left === 0) this.#partEnds();
    }
  }

  /** How many of the next bytes are content that nobody needs to read: `skip` takes them as read. */
  get skippable_bytes(): number {
    return this.#part === 'content' || this.#part === 'padding' ? this.#left : 0;
  }

  /** Goes on behind these bytes, at most `skippable_bytes`. */
  skip(bytes: number): void {
    this.#left -= bytes;
    this.#at += bytes;
    if (this.#left === 0) this.#partEnds();
  }

  /** Says that no more bytes come. Throws tar_truncated where an entry is not whole. The blocks of zeros at the end may lack. */
  end(): void {
    const isWhole =
      this.#part === 'after_end' || (this.#part === 'header' && this.#filled === 0 && !this.#hasPending());
    if (!isWhole) throw new ImageFault('tar_truncated', `the archive is cut off at byte ${this.#at}`);
  }

  #hasPending(): boolean {
    return this.#pending.pax !== null || this.#pending.longName !== null || this.#pending.longLink !== null;
  }

  /** A whole block, from the chunk or put together; null while it is not whole. */
  #nextBlock(chunk: Buffer, at: number): { bytes: Buffer | null; from: number; took: number } {
    if (this.#filled === 0 && chunk.length - at >= BLOCK_BYTES) return { bytes: chunk, from: at, took: BLOCK_BYTES };
    const took = chunk.copy(this.#block, this.#filled, at, at + BLOCK_BYTES - this.#filled);
    this.#filled += took;
    if (this.#filled < BLOCK_BYTES) return { bytes: null, from: 0, took };
    this.#filled = 0;
    return { bytes: this.#block, from: 0, took };
  }

  #header(bytes: Buffer, from: number): TarEntry | null {
    const where = this.#at - BLOCK_BYTES;
    const header = parseHeader(bytes, from, where);
    if (header === null) {
      if (this.#hasPending())
        throw new ImageFault('tar_header', `an extended header before byte ${where} has no entry`);
      if (this.#sawZeros) this.#part = 'after_end';
      this.#sawZeros = true;
      return null;
    }
    if (this.#sawZeros) throw new ImageFault('tar_header', `a block of zeros before byte ${where}, and then more`);
    if (!META_FLAGS.has(header.flag)) return this.#entry(header);
    if (header.size_bytes > META_MAX_BYTES)
      throw new ImageFault('tar_limit', `an extended header at byte ${where} of ${header.size_bytes} bytes`);
    this.#metaFlag = header.flag;
    this.#expect('meta', header.size_bytes);
    return null;
  }

  /** The entry of a header; null when its map comes first. */
  #entry(header: TarHeader): TarEntry | null {
    const { pax, longName, longLink } = this.#pending;
    this.#pending = { pax: null, longName: null, longLink: null };
    const path = longName ?? pax?.path ?? header.name;
    const isOldDirectory = header.flag === '\0' && path.at(-1) === SLASH;
    const kind = isOldDirectory ? 'directory' : header.flag === '\0' ? 'file' : (KINDS[header.flag] ?? 'other');
    const stored_bytes = HEADER_ONLY.has(kind) ? 0 : (pax?.size_bytes ?? header.size_bytes);
    const real_bytes = header.sparse?.real_bytes ?? (kind === 'file' ? pax?.sparse_bytes : undefined);
    const entry: TarEntry = {
      ...{ kind, path, link: longLink ?? pax?.link ?? header.link },
      ...{ size_bytes: real_bytes ?? stored_bytes, stored_bytes, isSparse: real_bytes !== undefined, content_at: 0 },
    };
    if (header.sparse?.isExtended !== true) return entry;
    this.#sparse = entry;
    this.#part = 'sparse_map';
    return null;
  }

  #sparseMap(bytes: Buffer, from: number): TarEntry | null {
    const isLast = bytes[from + SPARSE_MORE_AT] === 0;
    const entry = this.#sparse;
    if (!isLast || entry === null) return null;
    this.#sparse = null;
    this.#part = 'header';
    return entry;
  }

  #begin(entry: TarEntry): TarEvent {
    entry.content_at = this.#at;
    this.#expect('content', entry.stored_bytes);
    return { what: 'entry', entry };
  }

  /** `bytes` of this part come next, and what fills the last block. */
  #expect(part: 'content' | 'meta', bytes: number): void {
    this.#part = part;
    this.#left = bytes;
    this.#padding = (BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (bytes === 0) this.#partEnds();
  }

  #partEnds(): void {
    if (this.#part === 'meta') this.#takeMeta();
    if (this.#part !== 'padding' && this.#padding > 0) {
      this.#part = 'padding';
      this.#left = this.#padding;
      this.#padding = 0;
    } else this.#part = 'header';
  }

  #takeMeta(): void {
    const bytes = Buffer.concat(this.#meta);
    this.#meta = [];
    const nul = bytes.indexOf(0);
    const text = nul < 0 ? bytes : bytes.subarray(0, nul);
    if (this.#metaFlag === 'x') this.#pending.pax = parsePax(bytes, this.#at - bytes.length - BLOCK_BYTES);
    else if (this.#metaFlag === 'L') this.#pending.longName = text;
    else if (this.#metaFlag === 'K') this.#pending.longLink = text;
  }
}

const SLASH = 0x2f;
/** In a block of a sparse map: whether another one follows. */
const SPARSE_MORE_AT = 504;
