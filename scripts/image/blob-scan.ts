// One blob of an image as it streams by: its digest, and, since any blob may turn out to be a layer, that layer's diff_id and count.
import { type Hash, createHash } from 'node:crypto';
import { type Compression, SNIFF_BYTES, Unpacker, sniff } from './compression.ts';
import { ImageFault } from './fault.ts';
import { type LayerCount, LayerCounter, type PathBooks } from './layer-count.ts';
import { BLOCK_BYTES } from './tar-header.ts';
import { TarWalker } from './tar-walker.ts';

export interface LayerScan {
  compression: Compression;
  diff_id: string;
  tar_bytes: number;
  count: LayerCount;
  /** Bytes stand behind the compressed stream's end. */
  hasTail: boolean;
}

export interface BlobScan {
  digest: string;
  stored_bytes: number;
  /** The text of a small JSON document; null for all else. */
  json: string | null;
  /** What it is as a layer, or why it is none. */
  layer: LayerScan | ImageFault;
}

/** What all blobs of one source may take together. A stream that unpacks without end must not keep the check busy without end. */
export class Budget {
  readonly unpacked_max_bytes: number;
  #unpacked_bytes = 0;
  #json_bytes = 0;

  constructor(unpacked_max_bytes: number) {
    this.unpacked_max_bytes = unpacked_max_bytes;
  }

  /** Throws image_huge. */
  unpacked(bytes: number): void {
    this.#unpacked_bytes += bytes;
    if (this.#unpacked_bytes > this.unpacked_max_bytes) {
      const text = `its layers unpack to more than ${this.unpacked_max_bytes} bytes, many times the limit: the count was given up`;
      throw new ImageFault('image_huge', text);
    }
  }

  /** Whether there is room to keep a document. */
  keepsJson(bytes: number): boolean {
    this.#json_bytes += bytes;
    return this.#json_bytes <= JSON_TOTAL_MAX_BYTES;
  }
}

/** containerd takes no larger manifest than 4 MiB; configs are far smaller, too. */
export const JSON_MAX_BYTES = 4 * 1024 ** 2;
/** Of a whole source. */
const JSON_TOTAL_MAX_BYTES = 16 * 1024 ** 2;

/** Takes a blob's bytes, then `end`. Only one at a time may use the books. */
export class BlobScanner {
  readonly #books: PathBooks;
  readonly #budget: Budget;
  readonly #expected_bytes: number;
  readonly #digest = createHash('sha256');
  #stored_bytes = 0;
  /** First bytes, while it is not known what the blob is; then those of a JSON document. */
  #head: Buffer | null = Buffer.alloc(0);
  #isJson = false;
  #json: Buffer[] = [];
  #layer: LayerScanner | ImageFault | null = null;

  /** `expected_bytes` as the archive or the file system tells them. */
  constructor(books: PathBooks, budget: Budget, expected_bytes: number) {
    this.#books = books;
    this.#budget = budget;
    this.#expected_bytes = expected_bytes;
  }

  /** The next bytes; they may be used again when this resolves. Throws image_huge; other faults wait for `end`. */
  async write(bytes: Buffer): Promise<void> {
    this.#digest.update(bytes);
    this.#stored_bytes += bytes.length;
    if (this.#head === null) {
      await this.#next(bytes);
      return;
    }
    this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes]);
    if (this.#head.length >= Math.min(BLOCK_BYTES, this.#expected_bytes)) await this.#begin(this.#head);
    else this.#head = Buffer.from(this.#head);
  }

  async end(): Promise<BlobScan> {
    if (this.#head !== null) await this.#begin(this.#head);
    const digest = `sha256:${this.#digest.digest('hex')}`;
    const json = this.#isJson && this.#json.length > 0 ? Buffer.concat(this.#json).toString('utf8') : null;
    return { digest, stored_bytes: this.#stored_bytes, json, layer: await this.#layerEnds(digest) };
  }

  async #layerEnds(digest: string): Promise<LayerScan | ImageFault> {
    if (this.#layer instanceof LayerScanner) {
      try {
        return await this.#layer.end(digest);
      } catch (error) {
        return passed(error);
      }
    }
    return this.#layer ?? new ImageFault('tar_header', 'it is no tar archive');
  }

  async #begin(head: Buffer): Promise<void> {
    this.#head = null;
    this.#isJson = looksLikeJson(head);
    if (!this.#isJson) {
      try {
        this.#layer = new LayerScanner(this.#books, this.#budget, sniff(head.subarray(0, SNIFF_BYTES)));
      } catch (error) {
        this.#layer = passed(error);
      }
    } else if (this.#expected_bytes > JSON_MAX_BYTES || !this.#budget.keepsJson(this.#expected_bytes))
      this.#layer = new ImageFault('json_large', 'it is a JSON document, and too large for what an image has');
    await this.#next(head);
  }

  async #next(bytes: Buffer): Promise<void> {
    if (this.#isJson && this.#layer === null) this.#json.push(Buffer.from(bytes));
    if (!(this.#layer instanceof LayerScanner)) return;
    try {
      await this.#layer.write(bytes);
    } catch (error) {
      this.#layer.close();
      this.#layer = passed(error);
    }
  }
}

/** A fault of this blob, which does no harm where the blob is not needed; what concerns the whole source is thrown on. */
function passed(error: unknown): ImageFault {
  if (error instanceof ImageFault && error.code !== 'image_huge') return error;
  throw error;
}

/** A tar may begin with a file that is called "{…": then its header says what it is. */
function looksLikeJson(head: Buffer): boolean {
  return /^\s*[{[]/.test(head.toString('latin1', 0, 64)) && head.toString('latin1', 257, 262) !== 'ustar';
}

/** A layer's archive, perhaps compressed. */
class LayerScanner {
  readonly #compression: Compression;
  readonly #unpacker: Unpacker;
  /** Of the unpacked bytes; where nothing is unpacked the blob's digest is the same. */
  readonly #diff: Hash | null;
  readonly #walker = new TarWalker();
  readonly #counter: LayerCounter;
  #tar_bytes = 0;

  constructor(books: PathBooks, budget: Budget, compression: Compression) {
    this.#compression = compression;
    this.#diff = compression === 'none' ? null : createHash('sha256');
    this.#counter = new LayerCounter(books);
    this.#unpacker = new Unpacker(compression, (bytes) => {
      budget.unpacked(bytes.length);
      this.#tar_bytes += bytes.length;
      this.#diff?.update(bytes);
      for (const event of this.#walker.push(bytes)) this.#counter.take(event);
    });
  }

  write(bytes: Buffer): Promise<void> {
    return this.#unpacker.write(bytes);
  }

  async end(digest: string): Promise<LayerScan> {
    const { hasTail } = await this.#unpacker.end();
    this.#walker.end();
    const diff_id = this.#diff === null ? digest : `sha256:${this.#diff.digest('hex')}`;
    const { count, compression, tar_bytes } = {
      count: this.#counter.end(),
      compression: this.#compression,
      tar_bytes: this.#tar_bytes,
    };
    return { compression, diff_id, tar_bytes, count, hasTail };
  }

  close(): void {
    this.#unpacker.close();
  }
}
