// Images whose size an engine is asked for: each is a case in which a plausible way to count goes wrong.
import { gzipSync } from 'node:zlib';
import { type PackedFile, tar } from '../../fakes/archives.ts';

export interface SizeCase {
  name: string;
  layers(): Promise<Buffer[]>;
  /** Old engines load the layer, but cannot put it together again. */
  isSaved?: false;
  compression?: 'gzip';
}

const MIB = 1024 ** 2;
const bytes = (n: number, fill = 1) => Buffer.alloc(n, fill);
const file = (name: string, n: number, more: Partial<PackedFile> = {}): PackedFile => ({
  name,
  content: bytes(n),
  ...more,
});
const link = (name: string, linkname: string): PackedFile => ({ name, type: 'link', linkname });
const symlink = (name: string, linkname: string): PackedFile => ({ name, type: 'symlink', linkname });
const dir = (name: string): PackedFile => ({ name, type: 'directory' });

const BASE = [dir('etc'), file('etc/a', 1_000_000), file('etc/b', 348_577), symlink('etc/c', 'a/b')];

/** A sparse file in GNU's PAX format 1.0: the map stands before the data. */
function sparse(name: string, real_bytes: number, data_bytes: number, data_at: number): PackedFile {
  const map = `1\n${data_at}\n${data_bytes}\n`;
  const content = Buffer.concat([Buffer.alloc(512), bytes(data_bytes)]);
  content.write(map, 'latin1');
  const pax = {
    'GNU.sparse.major': '1',
    'GNU.sparse.minor': '0',
    'GNU.sparse.name': name,
    'GNU.sparse.realsize': `${real_bytes}`,
  };
  return { name: `GNUSparseFile.0/${name}`, content, pax };
}

/** The same in format 0.1: the map is a record. */
function sparseByRecord(name: string, real_bytes: number, data_bytes: number, data_at: number): PackedFile {
  const pax = {
    ...{ 'GNU.sparse.size': `${real_bytes}`, 'GNU.sparse.numblocks': '1' },
    'GNU.sparse.map': `${data_at},${data_bytes}`,
  };
  return { name, content: bytes(data_bytes), pax };
}

const plain =
  (...layers: PackedFile[][]) =>
  () =>
    Promise.all(layers.map((files) => tar(files)));

export const SIZE_CASES: readonly SizeCase[] = [
  { name: 'plain', layers: plain(BASE) },
  {
    name: 'hard-links',
    layers: plain([file('a', MIB), link('b', 'a'), link('d/c', 'b'), link('e', '/d/c'), symlink('s', 'x'.repeat(100))]),
  },
  { name: 'zeros', layers: plain([{ name: 'zeros', content: Buffer.alloc(10 * MIB) }, file('one', MIB)]) },
  { name: 'sparse-1.0', layers: plain([sparse('hole', 30 * MIB, 4096, 20 * MIB)]), isSaved: false },
  { name: 'sparse-0.1', layers: plain([sparseByRecord('hole', 30 * MIB, 4096, 4096)]), isSaved: false },
  {
    name: 'whiteouts',
    layers: plain(BASE, [file('etc/.wh.a', 0), file('new', 75_000)], [file('etc/.wh..wh..opq', 0), file('etc/d', 5)]),
  },
  {
    name: 'same-layer-twice',
    layers: async () => {
      const [base, more] = [await tar(BASE), await tar([file('m', MIB)])];
      return [base, more, more];
    },
  },
  {
    name: 'xattr',
    layers: plain([file('x', 3000, { pax: { 'SCHILY.xattr.user.demo': 'v'.repeat(2000) } })]),
  },
  { name: 'overwritten', layers: plain(BASE, [file('etc/a', 48_576), dir('etc')]) },
  {
    name: 'nodes',
    layers: plain([
      { name: 'pipe', type: 'fifo' },
      { name: 'null', type: 'character-device' },
      symlink('s', 'y'.repeat(275)),
      symlink('t', '1234567'),
      file('empty', 0),
    ]),
  },
  { name: 'tiny-files', layers: plain(Array.from({ length: 3000 }, (_, i) => file(`many/${i}`, 37))) },
  { name: 'long-names', layers: plain([file(`${'long/'.repeat(40)}${'n'.repeat(200)}`, 1234)]) },
  { name: 'not-ascii', layers: plain([file('größe/ß', 1234), symlink('größe/l', 'ß→')]) },
  { name: 'whiteout-and-new', layers: plain(BASE, [file('etc/.wh.a', 0), file('etc/a', 4321)]) },
  { name: 'whiteout-with-body', layers: plain(BASE, [file('etc/.wh.a', 4)]), isSaved: false },
  { name: 'names', layers: plain([file('./a', 100), file('/b', 10), file('c//d', 1000)]) },
  {
    name: 'zeros-behind-the-end',
    layers: async () => [Buffer.concat([await tar([file('a', 3333)]), Buffer.alloc(100_352)])],
  },
  { name: 'folder-to-file', layers: plain(BASE, [file('etc', 77)]) },
  { name: 'file-to-folder', layers: plain(BASE, [dir('etc/a'), file('etc/a/x', 99)]) },
  { name: 'link-to-link', layers: plain([symlink('s', 'a'.repeat(30)), link('t', 's'), file('f', 10)]) },
  { name: 'folders-only', layers: plain(Array.from({ length: 200 }, (_, i) => dir(`d/${i}`))) },
  { name: 'odd-sizes', layers: plain([1, 511, 512, 513, 4095, 4096, 4097].map((n) => file(`f${n}`, n))) },
  { name: 'gzip', layers: plain(BASE, [file('more', 12_345)]), compression: 'gzip' },
  {
    name: 'hundred-layers',
    layers: () =>
      Promise.all(Array.from({ length: 100 }, (_, i) => tar([file(`l/${i}`, i + 1), symlink('l/s', `${i}`)]))),
  },
  { name: 'empty-layers', layers: async () => [Buffer.alloc(1024), await tar(BASE), Buffer.alloc(10_240)] },
];

/** A layer whose one file has this many bytes: zeros, so that it packs well. */
export async function zerosLayer(name: string, size: number): Promise<{ layer: Buffer; packed: Buffer }> {
  const layer = await tar([{ name, content: Buffer.alloc(size) }]);
  return { layer, packed: gzipSync(layer, { level: 1 }) };
}
