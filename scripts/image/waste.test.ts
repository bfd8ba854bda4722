import { describe, expect, it } from 'vitest';
import { type PackedFile, tar } from '../../test/fakes/archives.ts';
import { LayerCounter, PathBooks } from './layer-count.ts';
import { PathTable } from './path-table.ts';
import { TarWalker } from './tar-walker.ts';
import { type Findings, findWaste } from './waste.ts';

async function found(...layers: PackedFile[][]): Promise<Findings> {
  const books = new PathBooks(new PathTable(10_000), 10_000);
  const trees = [];
  for (const files of layers) {
    const [walker, counter] = [new TarWalker(), new LayerCounter(books)];
    for (const event of walker.push(await tar(files))) counter.take(event);
    trees.push(counter.end().tree);
  }
  return findWaste(books.table, trees);
}

const file = (name: string, bytes: number, fill = 1): PackedFile => ({ name, content: Buffer.alloc(bytes, fill) });
const BASE = [file('d/a', 20_000), file('d/e/b', 300, 2), file('c', 50, 3)];

describe('waste', () => {
  it('is what a whiteout, an opaque folder, or a file in a folder’s place deletes', async () => {
    for (const upper of [file('.wh.d', 0), file('d/.wh..wh..opq', 0), file('d', 0)]) {
      const { waste, biggest } = await found(BASE, [upper]);
      expect(waste).toEqual({
        ...{ deleted_bytes: 20_300, overwritten_bytes: 0, duplicated_bytes: 0 },
        biggest: [{ kind: 'deleted', path: 'd', bytes: 20_300, layer: 0, by_layer: 1 }],
      });
      expect(biggest).toEqual([{ path: 'c', bytes: 50, layer: 0 }]);
    }
  });

  it('is not what the layer itself puts into its opaque folder, nor what comes back later', async () => {
    const { waste } = await found(
      BASE,
      [file('d/.wh..wh..opq', 0), file('d/n', 7)],
      [file('.wh.c', 0)],
      [file('c', 9)],
    );
    expect(waste).toMatchObject({ deleted_bytes: 20_350, overwritten_bytes: 0 });
  });

  it('is what is replaced: by other content, or by the same once more', async () => {
    const { waste, causes } = await found(BASE, [file('d/a', 20_000, 9), file('c', 51)], [file('d/a', 20_000, 9)]);
    expect(waste).toMatchObject({ deleted_bytes: 0, overwritten_bytes: 20_050, duplicated_bytes: 20_000 });
    expect(causes).toEqual([
      { kind: 'overwritten', layer: 0, by_layer: 1, bytes: 20_050 },
      { kind: 'duplicated', layer: 1, by_layer: 2, bytes: 20_000 },
    ]);
  });

  it('is a second file of the same content, but not a hard link, nor one of other content', async () => {
    const link: PackedFile = { name: 'h', type: 'link', linkname: 'd/a' };
    const { waste } = await found([...BASE, link, file('x', 20_000, 8)], [file('y', 20_000)]);
    expect(waste).toMatchObject({ deleted_bytes: 0, overwritten_bytes: 0, duplicated_bytes: 20_000 });
    expect(waste.biggest).toEqual([{ kind: 'duplicated', path: 'y', bytes: 20_000, layer: 1, by_layer: 0 }]);
  });

  it('is not a file that is still seen by another hard link', async () => {
    const link: PackedFile = { name: 'h', type: 'link', linkname: 'd/a' };
    expect((await found([...BASE, link], [file('d/.wh.a', 0)])).waste.deleted_bytes).toBe(0);
    expect((await found([...BASE, link], [file('d/.wh.a', 0), file('.wh.h', 0)])).waste.deleted_bytes).toBe(20_000);
  });
});
