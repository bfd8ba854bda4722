// Every path of an image, each stored once as (folder, name). A map of strings would take five times the memory, and an image can have
// hundreds of thousands of paths.
import { randomInt } from 'node:crypto';
import { ImageFault, shown } from './fault.ts';

/** Linux's limits: no engine can unpack what is longer (NAME_MAX, PATH_MAX of limits.h). */
const NAME_MAX_BYTES = 255;
const PATH_MAX_BYTES = 4096;
const SLASH = 0x2f;
const DOT = 0x2e;
const FIRST_PATHS = 4096;

export const ROOT_PATH = 0;

export class PathTable {
  readonly #paths_max: number;
  #count = 1;
  #parent = new Int32Array(FIRST_PATHS);
  #nameAt = new Int32Array(FIRST_PATHS);
  #nameBytes = new Uint8Array(FIRST_PATHS);
  #names: Buffer = Buffer.alloc(FIRST_PATHS * 16);
  #namesBytes = 0;
  /** Open addressing: the path's number, 0 for a free place (the root is never looked for). */
  #slots = new Int32Array(FIRST_PATHS * 2);
  // Whoever makes an archive must not be able to choose names that all fall into one place.
  readonly #seed = randomInt(2 ** 32 - 1) | 0;
  readonly #factor = randomInt(2 ** 31 - 1) | 1;

  constructor(paths_max: number) {
    this.#paths_max = paths_max;
  }

  /** How many paths there are; they are numbered from 0, the root. */
  get count(): number {
    return this.#count;
  }

  parentOf(path: number): number {
    return this.#parent[path] ?? ROOT_PATH;
  }

  /** Its last component. */
  nameOf(path: number): Buffer {
    const at = this.#nameAt[path] ?? 0;
    return this.#names.subarray(at, at + (this.#nameBytes[path] ?? 0));
  }

  /** For people and for JSON: bytes that are no UTF-8 are lost. The root is "/"; no other one begins with a slash. */
  textOf(path: number): string {
    const parts: string[] = [];
    for (let p = path; p !== ROOT_PATH; p = this.parentOf(p)) parts.unshift(this.nameOf(p).toString('utf8'));
    return path === ROOT_PATH ? '/' : parts.join('/');
  }

  /**
   * The number of a path as an archive writes it, from the root: slashes at its begin and end and components "." drop, ".." leads up.
   * Throws tar_traversal where it leads out of the root, tar_limit where it is too long, image_huge where there are too many.
   */
  place(path: Buffer): number {
    if (path.length > PATH_MAX_BYTES) throw new ImageFault('tar_limit', `a path of ${path.length} bytes`);
    let at = ROOT_PATH;
    for (let from = 0; from < path.length;) {
      const slash = path.indexOf(SLASH, from);
      const to = slash < 0 ? path.length : slash;
      if (to - from === 2 && path[from] === DOT && path[from + 1] === DOT) {
        if (at === ROOT_PATH) throw new ImageFault('tar_traversal', `${shown(path.toString())} leads out of the image`);
        at = this.parentOf(at);
      } else if (to > from && !(to - from === 1 && path[from] === DOT)) at = this.child(at, path, from, to);
      from = to + 1;
    }
    return at;
  }

  /** The number of the path with this name (bytes `from` to `to`) in a folder; new where there is none. Throws tar_limit, image_huge. */
  child(parent: number, bytes: Buffer, from: number, to: number): number {
    if (to - from > NAME_MAX_BYTES) throw new ImageFault('tar_limit', `a file name of ${to - from} bytes`);
    const mask = this.#slots.length - 1;
    let slot = this.#hash(parent, bytes, from, to) & mask;
    for (let path = this.#slots[slot] ?? 0; path !== 0; path = this.#slots[slot] ?? 0) {
      if (this.#is(path, parent, bytes, from, to)) return path;
      slot = (slot + 1) & mask;
    }
    const path = this.#add(parent, bytes, from, to);
    this.#slots[slot] = path;
    if (this.#count * 2 > this.#slots.length) this.#rehash();
    return path;
  }

  /** The number of a path that must be there already, from the root by its components; null when it is not. */
  find(text: string): number | null {
    let at = ROOT_PATH;
    for (const name of text.split('/')) {
      const bytes = Buffer.from(name);
      const mask = this.#slots.length - 1;
      let slot = this.#hash(at, bytes, 0, bytes.length) & mask;
      let path = this.#slots[slot] ?? 0;
      while (path !== 0 && !this.#is(path, at, bytes, 0, bytes.length)) {
        slot = (slot + 1) & mask;
        path = this.#slots[slot] ?? 0;
      }
      if (path === 0) return null;
      at = path;
    }
    return at;
  }

  #is(path: number, parent: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.#parent[path] !== parent || this.#nameBytes[path] !== to - from) return false;
    const at = this.#nameAt[path] ?? 0;
    for (let i = 0; i < to - from; i++) if (this.#names[at + i] !== bytes[from + i]) return false;
    return true;
  }

  #hash(parent: number, bytes: Buffer, from: number, to: number): number {
    let h = Math.imul(this.#seed ^ parent, this.#factor);
    for (let i = from; i < to; i++) {
      h = Math.imul(h ^ (bytes[i] ?? 0), this.#factor);
      h ^= h >>> 15;
    }
    return (h ^ (h >>> 13)) >>> 0;
  }

  #add(parent: number, bytes: Buffer, from: number, to: number): number {
    if (this.#count > this.#paths_max)
      throw new ImageFault('image_huge', `its layers have more than ${this.#paths_max} paths`);
    const path = this.#count++;
    if (path >= this.#parent.length) {
      this.#parent = grown(this.#parent, Int32Array);
      this.#nameAt = grown(this.#nameAt, Int32Array);
      this.#nameBytes = grown(this.#nameBytes, Uint8Array);
    }
    while (this.#namesBytes + to - from > this.#names.length)
      this.#names = Buffer.concat([this.#names], this.#names.length * 2);
    this.#parent[path] = parent;
    this.#nameAt[path] = this.#namesBytes;
    this.#nameBytes[path] = to - from;
    this.#namesBytes += bytes.copy(this.#names, this.#namesBytes, from, to);
    return path;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let path = 1; path < this.#count; path++) {
      const name = this.nameOf(path);
      let slot = this.#hash(this.parentOf(path), name, 0, name.length) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = path;
    }
    this.#slots = slots;
  }
}

/** The same numbers with room for twice as many. */
export function grown<T extends Int32Array | Uint8Array | Float64Array>(array: T, Kind: new (length: number) => T): T {
  const next = new Kind(array.length * 2);
  next.set(array);
  return next;
}
