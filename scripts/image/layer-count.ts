// Counts one layer as its archive streams by: formulas F1 (classic engines) and F2 (containerd's store) of the facts, and what the
// waste between layers is found from. F1 is a replay: what a layer's folder holds once the engine has unpacked the archive into it.
import { ImageFault, shown } from './fault.ts';
import { FilePrint } from './file-print.ts';
import { type PathTable, ROOT_PATH, grown } from './path-table.ts';
import type { TarEntry, TarEvent, TarKind } from './tar-walker.ts';

/** What stands at a path of a layer. */
export const NODE = { file: 0, symlink: 1, special: 2, directory: 3, whiteout: 4, opaque: 5 } as const;

/** What classic engines refuse in a layer. The count goes on. */
export const REFUSALS = {
  duplicate_path: 'the same path twice in one layer',
  gnu_sparse: 'a sparse file in GNU’s old format',
  hardlink_elsewhere: 'a hard link to what is not in its layer',
  below_file: 'a path below a file of its layer',
  entry_type: 'an entry of a type that is never unpacked',
} as const;
export type Refusal = keyof typeof REFUSALS;

/** What a layer's folder holds, as columns: entry i stands at `path[i]` and is `node[i]`; hard links share a node. */
export interface LayerTree {
  path: Int32Array;
  node: Int32Array;
  /** Of each node, by NODE. */
  kind: Uint8Array;
  /** What F1 counts for the node. */
  bytes: Float64Array;
  /** Of a file's samples; 0 where there are none. With the size it tells whether two files are alike. */
  print: Int32Array;
}

export interface LayerCount {
  classic_bytes: number;
  /** By the sizes in files' headers: so counts BuildKit in a classic engine. */
  buildkit_bytes: number;
  /** F2's part that is unpacked. */
  unpacked_bytes: number;
  entries: number;
  tree: LayerTree;
  /** With the first path of each. */
  refusals: Map<Refusal, string>;
}

const DISK_BLOCK_BYTES = 4096;
/** A longer target needs a block of its own (ext4 keeps 60 bytes in the inode, the last one a NUL). */
const FAST_SYMLINK_BYTES = 59;
const PLAIN_KINDS: Partial<Record<TarKind, number>> = {
  ...{ file: NODE.file, sparse_gnu: NODE.file, symlink: NODE.symlink, directory: NODE.directory },
};
const FIRST_ENTRIES = 1024;
const NONE = -1;
/** AUFS's marks, which all engines write into archives: .wh.NAME deletes NAME, .wh..wh..opq what was in its folder before. */
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..opq';

/** What the layers of one image share: their paths, and marks on these that one layer at a time uses. */
export class PathBooks {
  readonly table: PathTable;
  readonly #entries_max: number;
  #entries = 0;
  #layers = 0;
  /** Each path's latest entry. A layer before this one may have left its numbers: the layer's own columns tell. */
  latest = new Int32Array(FIRST_ENTRIES);
  /** The last layer whose archive has the path itself as an entry. */
  seen = new Int32Array(FIRST_ENTRIES);
  /** The last layer whose folder has the path as a folder. */
  folder = new Int32Array(FIRST_ENTRIES);

  constructor(table: PathTable, entries_max: number) {
    this.table = table;
    this.#entries_max = entries_max;
  }

  /** The number of a layer that begins now; from 1. */
  begin(): number {
    return ++this.#layers;
  }

  /** Counts an entry of any layer. Throws image_huge. */
  spend(): void {
    if (++this.#entries > this.#entries_max)
      throw new ImageFault('image_huge', `its layers have more than ${this.#entries_max} entries`);
  }

  /** Makes room for marks on all paths of now. */
  fit(): void {
    while (this.latest.length < this.table.count) {
      this.latest = grown(this.latest, Int32Array);
      this.seen = grown(this.seen, Int32Array);
      this.folder = grown(this.folder, Int32Array);
    }
  }
}

/** Takes a walker's events, then `end`. Only one at a time may use the books. */
export class LayerCounter {
  readonly #books: PathBooks;
  readonly #layer: number;
  #path = new Int32Array(FIRST_ENTRIES);
  #node = new Int32Array(FIRST_ENTRIES);
  #entries = 0;
  #kind = new Uint8Array(FIRST_ENTRIES);
  #bytes = new Float64Array(FIRST_ENTRIES);
  #print = new Int32Array(FIRST_ENTRIES);
  #nodes = 0;
  #archiveEntries = 0;
  #headerBytes = 0;
  readonly #refusals = new Map<Refusal, string>();
  /** Of the file whose content comes now. */
  #printing: FilePrint | null = null;

  constructor(books: PathBooks) {
    this.#books = books;
    this.#layer = books.begin();
  }

  /** Throws tar_traversal, tar_limit, image_huge. */
  take(event: TarEvent): void {
    if (event.what === 'content') this.#printing?.take(event.bytes);
    else {
      this.#printEnds();
      this.#entry(event.entry);
    }
  }

  /** The layer's figures. Nothing may be taken after it. */
  end(): LayerCount {
    this.#printEnds();
    const { entries, isLive } = this.#settled();
    const sums = { classic_bytes: 0, unpacked_bytes: this.#folders(entries) * DISK_BLOCK_BYTES };
    for (let node = 0; node < this.#nodes; node++) {
      if (isLive[node] === 0) continue;
      const bytes = this.#bytes[node] ?? 0;
      sums.classic_bytes += bytes;
      if (this.#kind[node] === NODE.file) sums.unpacked_bytes += Math.ceil(bytes / DISK_BLOCK_BYTES) * DISK_BLOCK_BYTES;
      else if (bytes > FAST_SYMLINK_BYTES) sums.unpacked_bytes += DISK_BLOCK_BYTES;
    }
    const tree = {
      ...{ path: this.#path.slice(0, entries), node: this.#node.slice(0, entries) },
      ...{ kind: this.#kind.slice(0, this.#nodes), bytes: this.#bytes.slice(0, this.#nodes) },
      print: this.#print.slice(0, this.#nodes),
    };
    return {
      ...{ ...sums, buildkit_bytes: this.#headerBytes, entries: this.#archiveEntries },
      ...{ tree, refusals: this.#refusals },
    };
  }

  #entry(entry: TarEntry): void {
    this.#books.spend();
    this.#archiveEntries++;
    const { table } = this.#books;
    const path = table.place(entry.path);
    this.#books.fit();
    if (this.#books.seen[path] === this.#layer) this.#refuse('duplicate_path', path);
    this.#books.seen[path] = this.#layer;
    const name = table.nameOf(path);
    if (name.toString('latin1', 0, WHITEOUT.length) === WHITEOUT) {
      this.#whiteout(path, name);
      return;
    }
    if (entry.kind === 'hardlink') {
      this.#hardlink(path, entry);
      return;
    }
    if (entry.kind === 'sparse_gnu') this.#refuse('gnu_sparse', path);
    if (entry.kind === 'other') this.#refuse('entry_type', path);
    const kind = PLAIN_KINDS[entry.kind] ?? NODE.special;
    const bytes = kind === NODE.file ? entry.size_bytes : kind === NODE.symlink ? entry.link.length : 0;
    if (kind === NODE.file) {
      this.#headerBytes += entry.stored_bytes;
      this.#printing = FilePrint.of(entry.stored_bytes);
    }
    this.#put(path, this.#addNode(kind, bytes));
  }

  #whiteout(path: number, name: Buffer): void {
    const { table } = this.#books;
    const folder = table.parentOf(path);
    const hidden = name.toString('latin1', WHITEOUT.length);
    if (hidden === OPAQUE) this.#append(folder, this.#addNode(NODE.opaque, 0));
    else if (hidden === '' || hidden === '.' || hidden === '..')
      throw new ImageFault('tar_traversal', `${shown(table.textOf(path))} deletes no file`);
    else if (!hidden.startsWith(WHITEOUT)) {
      const target = table.child(folder, Buffer.from(name), WHITEOUT.length, name.length);
      this.#books.fit();
      this.#put(target, this.#addNode(NODE.whiteout, 0));
    }
  }

  #hardlink(path: number, entry: TarEntry): void {
    const target = this.#books.table.place(entry.link);
    this.#books.fit();
    const at = this.#latestAt(target);
    const node = this.#node[at] ?? NONE;
    if (at === NONE || !isFileLike(this.#kind[node])) {
      this.#refuse('hardlink_elsewhere', path);
      this.#put(path, this.#addNode(NODE.special, 0));
    } else if (target !== path) this.#put(path, node);
  }

  #put(path: number, node: number): void {
    this.#books.latest[path] = this.#append(path, node);
  }

  #append(path: number, node: number): number {
    if (this.#entries >= this.#path.length) {
      this.#path = grown(this.#path, Int32Array);
      this.#node = grown(this.#node, Int32Array);
    }
    this.#path[this.#entries] = path;
    this.#node[this.#entries] = node;
    return this.#entries++;
  }

  #addNode(kind: number, bytes: number): number {
    if (this.#nodes >= this.#kind.length) {
      this.#kind = grown(this.#kind, Uint8Array);
      this.#bytes = grown(this.#bytes, Float64Array);
      this.#print = grown(this.#print, Int32Array);
    }
    this.#kind[this.#nodes] = kind;
    this.#bytes[this.#nodes] = bytes;
    return this.#nodes++;
  }

  #printEnds(): void {
    if (this.#printing !== null) this.#print[this.#nodes - 1] = this.#printing.value;
    this.#printing = null;
  }

  /** This layer's latest entry at a path. A mark that another layer left is none: the columns have another path there, or an opaque. */
  #latestAt(path: number): number {
    const at = this.#books.latest[path] ?? NONE;
    const isOurs = at < this.#entries && this.#path[at] === path && this.#kind[this.#node[at] ?? 0] !== NODE.opaque;
    return isOurs ? at : NONE;
  }

  #refuse(refusal: Refusal, path: number): void {
    if (!this.#refusals.has(refusal)) this.#refusals.set(refusal, this.#books.table.textOf(path));
  }

  /** Moves the entries that are there at the end to the front; how many, and which nodes they are. */
  #settled(): { entries: number; isLive: Uint8Array } {
    const isThere = new Uint8Array(this.#entries);
    for (let i = 0; i < this.#entries; i++) isThere[i] = this.#isThere(i) ? 1 : 0;
    const isLive = new Uint8Array(this.#nodes);
    let entries = 0;
    for (let i = 0; i < this.#entries; i++) {
      if (isThere[i] === 0) continue;
      isLive[this.#node[i] ?? 0] = 1;
      this.#path[entries] = this.#path[i] ?? 0;
      this.#node[entries] = this.#node[i] ?? 0;
      entries++;
    }
    return { entries, isLive };
  }

  /** Whether nothing took the entry's place: neither a later one at its path, nor a file at one of its folders. */
  #isThere(i: number): boolean {
    const path = this.#path[i] ?? ROOT_PATH;
    if (this.#kind[this.#node[i] ?? 0] !== NODE.opaque && this.#latestAt(path) !== i) return false;
    const { table } = this.#books;
    for (let folder = table.parentOf(path); folder !== ROOT_PATH; folder = table.parentOf(folder)) {
      const at = this.#latestAt(folder);
      const kind = at === NONE ? NODE.directory : (this.#kind[this.#node[at] ?? 0] ?? 0);
      if (kind === NODE.directory || kind === NODE.whiteout) continue;
      if (at > i) return false;
      // Through a symbolic link an engine writes on; in a file it cannot.
      if (kind !== NODE.symlink) this.#refuse('below_file', path);
    }
    return true;
  }

  /** How many folders the layer's folder has, itself among them, with those that no entry names. */
  #folders(entries: number): number {
    const { table, folder } = this.#books;
    let count = 1;
    for (let i = 0; i < entries; i++) {
      const path = this.#path[i] ?? ROOT_PATH;
      const isFolder = this.#kind[this.#node[i] ?? 0] === NODE.directory;
      let at = isFolder ? path : table.parentOf(path);
      for (; at !== ROOT_PATH && folder[at] !== this.#layer; at = table.parentOf(at)) {
        folder[at] = this.#layer;
        count++;
      }
    }
    return count;
  }
}

function isFileLike(kind: number | undefined): boolean {
  return kind === NODE.file || kind === NODE.symlink || kind === NODE.special;
}
