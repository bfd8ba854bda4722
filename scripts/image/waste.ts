// What of an image's bytes serves nobody: files that an upper layer hides, and files that are there twice. Goes through the layers from
// the top, since whether a file is seen depends on what lies above it.
import { type LayerTree, NODE } from './layer-count.ts';
import { type PathTable, ROOT_PATH } from './path-table.ts';
import type { ImageWaste, WasteItem } from './report.ts';

export interface FileAt {
  path: string;
  bytes: number;
  layer: number;
}

export interface Findings {
  waste: ImageWaste;
  /** Bytes by kind and by which layer's they are and which layer makes them waste. */
  causes: { kind: WasteItem['kind']; layer: number; by_layer: number; bytes: number }[];
  /** The biggest files that are seen. */
  biggest: FileAt[];
  /** Bytes of seen files below each path. */
  folder_bytes: Float64Array;
}

const SHOWN_MAX = 20;
const NONE = -1;
const WASTE_BYTES = {
  deleted: 'deleted_bytes',
  overwritten: 'overwritten_bytes',
  duplicated: 'duplicated_bytes',
} as const;

/** The largest of many. */
class Largest<T extends { bytes: number }> {
  readonly items: T[] = [];

  add(bytes: number, make: () => T): void {
    const least = this.items.length < SHOWN_MAX ? 0 : (this.items.at(-1)?.bytes ?? 0);
    if (bytes <= least) return;
    const item = make();
    const at = this.items.findIndex((other) => other.bytes < bytes);
    this.items.splice(at < 0 ? this.items.length : at, 0, item);
    this.items.length = Math.min(this.items.length, SHOWN_MAX);
  }
}

/** `layers`: lowest first; one that is there twice is the same object. */
export function findWaste(table: PathTable, layers: readonly LayerTree[]): Findings {
  return new WasteFinder(table, layers).find();
}

class WasteFinder {
  readonly #table: PathTable;
  readonly #layers: readonly LayerTree[];
  /** The lowest layer so far with an entry at the path itself, and its node; and the lowest that hides all below the path. */
  readonly #above: Int32Array;
  readonly #aboveNode: Int32Array;
  readonly #cover: Int32Array;
  readonly #folder_bytes: Float64Array;
  readonly #sums = { deleted_bytes: 0, overwritten_bytes: 0, duplicated_bytes: 0 };
  readonly #causes = new Map<string, Findings['causes'][number]>();
  /** Deleted files by what deletes them: thousands may go with one folder. */
  readonly #deletions = new Map<string, { path: number; layer: number; by_layer: number; bytes: number }>();
  readonly #wasted = new Largest<WasteItem>();
  readonly #biggest = new Largest<FileAt>();
  /** Seen files with samples. */
  readonly #printed: { bytes: number; print: number; path: number; layer: number }[] = [];

  constructor(table: PathTable, layers: readonly LayerTree[]) {
    this.#table = table;
    this.#layers = layers;
    this.#above = new Int32Array(table.count).fill(NONE);
    this.#aboveNode = new Int32Array(table.count).fill(NONE);
    this.#cover = new Int32Array(table.count).fill(NONE);
    this.#folder_bytes = new Float64Array(table.count);
  }

  find(): Findings {
    for (let layer = this.#layers.length - 1; layer >= 0; layer--) {
      const tree = this.#layers[layer];
      if (tree === undefined) continue;
      this.#judge(tree, layer);
      this.#remember(tree, layer);
    }
    this.#twice();
    for (const { path, layer, by_layer, bytes } of this.#deletions.values())
      this.#wasted.add(bytes, () => ({ kind: 'deleted', path: this.#table.textOf(path), bytes, layer, by_layer }));
    return {
      waste: { ...this.#sums, biggest: this.#wasted.items },
      causes: [...this.#causes.values()].toSorted((a, b) => b.bytes - a.bytes),
      biggest: this.#biggest.items,
      folder_bytes: this.#folder_bytes,
    };
  }

  /** A node is seen by any of its paths; else it is waste, once. */
  #judge(tree: LayerTree, layer: number): void {
    const shownAt = new Int32Array(tree.kind.length).fill(NONE);
    const hiddenAt = new Int32Array(tree.kind.length).fill(NONE);
    for (let i = 0; i < tree.path.length; i++) {
      const [path, node] = [tree.path[i] ?? ROOT_PATH, tree.node[i] ?? 0];
      if (tree.bytes[node] === 0) continue;
      if (this.#hides(path).by === NONE) shownAt[node] = path;
      else hiddenAt[node] = path;
    }
    for (let node = 0; node < tree.kind.length; node++) {
      const [shown, hidden] = [shownAt[node] ?? NONE, hiddenAt[node] ?? NONE];
      if (shown !== NONE) this.#seen(tree, layer, node, shown);
      else if (hidden !== NONE) this.#hidden(tree, layer, node, hidden);
    }
  }

  /** The closest layer above that hides a path, and where it does so. */
  #hides(path: number): { by: number; at: number } {
    let [by, at] = [this.#above[path] ?? NONE, path];
    for (let folder = path; folder !== ROOT_PATH;) {
      folder = this.#table.parentOf(folder);
      const cover = this.#cover[folder] ?? NONE;
      if (cover !== NONE && (by === NONE || cover < by)) [by, at] = [cover, folder];
    }
    return { by, at };
  }

  #seen(tree: LayerTree, layer: number, node: number, path: number): void {
    const [bytes, print] = [tree.bytes[node] ?? 0, tree.print[node] ?? 0];
    this.#biggest.add(bytes, () => ({ path: this.#table.textOf(path), bytes, layer }));
    if (print !== 0) this.#printed.push({ bytes, print, path, layer });
    for (let folder = path; ; folder = this.#table.parentOf(folder)) {
      this.#folder_bytes[folder] = (this.#folder_bytes[folder] ?? 0) + bytes;
      if (folder === ROOT_PATH) break;
    }
  }

  #hidden(tree: LayerTree, layer: number, node: number, path: number): void {
    const bytes = tree.bytes[node] ?? 0;
    const { by, at } = this.#hides(path);
    const upper = this.#layers[by];
    const upperNode = at === path ? (this.#aboveNode[path] ?? NONE) : NONE;
    const upperKind = upper?.kind[upperNode];
    if (upper === undefined || upperKind === undefined || upperKind === NODE.whiteout || upperKind === NODE.directory) {
      const key = `${layer} ${by} ${at}`;
      const group = this.#deletions.get(key) ?? { path: at, layer, by_layer: by, bytes: 0 };
      group.bytes += bytes;
      this.#deletions.set(key, group);
      this.#add('deleted', layer, by, bytes);
      return;
    }
    const isLike =
      upper === tree ||
      (upper.bytes[upperNode] === bytes && tree.print[node] !== 0 && upper.print[upperNode] === tree.print[node]);
    const kind = isLike ? 'duplicated' : 'overwritten';
    this.#add(kind, layer, by, bytes);
    this.#wasted.add(bytes, () => ({ kind, path: this.#table.textOf(path), bytes, layer, by_layer: by }));
  }

  #add(kind: WasteItem['kind'], layer: number, by_layer: number, bytes: number): void {
    this.#sums[WASTE_BYTES[kind]] += bytes;
    const key = `${kind} ${layer} ${by_layer}`;
    const cause = this.#causes.get(key) ?? { kind, layer, by_layer, bytes: 0 };
    cause.bytes += bytes;
    this.#causes.set(key, cause);
  }

  /** What of this layer hides what lies below. */
  #remember(tree: LayerTree, layer: number): void {
    for (let i = 0; i < tree.path.length; i++) {
      const [path, node] = [tree.path[i] ?? ROOT_PATH, tree.node[i] ?? 0];
      const kind = tree.kind[node];
      if (kind !== NODE.directory) this.#cover[path] = layer;
      if (kind === NODE.opaque) continue;
      this.#above[path] = layer;
      this.#aboveNode[path] = node;
    }
  }

  /** Seen files with the same content: all but the lowest one. */
  #twice(): void {
    const sorted = this.#printed.toSorted(
      (a, b) => a.bytes - b.bytes || a.print - b.print || a.layer - b.layer || a.path - b.path,
    );
    let first = sorted[0];
    for (const file of sorted.slice(1)) {
      if (first === undefined || file.bytes !== first.bytes || file.print !== first.print) {
        first = file;
        continue;
      }
      const { bytes, path, layer } = file;
      const by_layer = first.layer;
      this.#add('duplicated', layer, by_layer, bytes);
      this.#wasted.add(bytes, () => ({ kind: 'duplicated', path: this.#table.textOf(path), bytes, layer, by_layer }));
    }
  }
}
