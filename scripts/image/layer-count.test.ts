import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PackedFile, tar } from '../../test/fakes/archives.ts';
import { type LayerCount, LayerCounter, PathBooks } from './layer-count.ts';
import { PathTable } from './path-table.ts';
import { TarWalker } from './tar-walker.ts';

function count(
  archive: Buffer,
  steps: readonly number[] = [archive.length],
  books = new PathBooks(new PathTable(1000), 1000),
): LayerCount {
  const [walker, counter] = [new TarWalker(), new LayerCounter(books)];
  for (let at = 0, i = 0; at < archive.length; i++) {
    const step = Math.max(1, steps[i % steps.length] ?? 1);
    for (const event of walker.push(archive.subarray(at, at + step))) counter.take(event);
    at += step;
  }
  walker.end();
  return counter.end();
}

/** The formula as the facts have it, by the letter: a map from path to node, for paths that no engine refuses. */
function modelled(files: readonly PackedFile[]): number {
  const nodes = new Map<string, { bytes: number }>();
  for (const { name, type = 'file', content = '', linkname = '' } of files) {
    const path = name.replaceAll(/\/+/g, '/').replaceAll(/^(?:\.?\/)+|\/$/g, '');
    const [folder, base] = [path.slice(0, path.lastIndexOf('/') + 1), path.slice(path.lastIndexOf('/') + 1)];
    if (base.startsWith('.wh..wh.')) continue;
    if (base.startsWith('.wh.')) nodes.set(folder + base.slice(4), { bytes: 0 });
    else if (type === 'directory') nodes.delete(path);
    else {
      const target = type === 'link' ? nodes.get(linkname.replace(/^\//, '')) : undefined;
      const bytes = type === 'file' ? content.length : type === 'symlink' ? Buffer.byteLength(linkname) : 0;
      nodes.set(path, target ?? { bytes });
      for (const below of nodes.keys()) if (below.startsWith(`${path}/`)) nodes.delete(below);
    }
  }
  return [...new Set(nodes.values())].reduce((sum, { bytes }) => sum + bytes, 0);
}

const name = fc.constantFrom('a', 'b', 'c', 'long-name-'.repeat(12));
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const entry: fc.Arbitrary<PackedFile> = fc.oneof(
  fc.record({ name: path, content: fc.nat(3000).map((n) => Buffer.alloc(n, 1)) }),
  fc.record({ name: path.map((p) => `./${p}`), content: fc.nat(30_000).map((n) => Buffer.alloc(n, 2)) }),
  fc.record({ name: path, type: fc.constant('directory' as const) }),
  fc.record({
    name: path,
    type: fc.constant('symlink' as const),
    linkname: fc.string({ minLength: 1, maxLength: 150 }).filter((s) => !s.includes('\0')),
  }),
  fc.record({ name: path, type: fc.constant('link' as const), linkname: path }),
  fc.record({ name: path, type: fc.constant('fifo' as const) }),
  path.map((p) => ({ name: p.replace(/[^/]*$/, '.wh.$&') })),
  path.map((p) => ({ name: p.replace(/[^/]*$/, '.wh..wh..opq') })),
);

describe('a layer', () => {
  it('counts as the formula says, in pieces of any size, beside other layers of the same books', async () => {
    const books = new PathBooks(new PathTable(10_000), 1_000_000);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(entry, { selector: (e) => e.name.replace(/^\.\//, ''), maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 }),
        async (drawn, steps) => {
          // A whiteout behind what it would delete in its own layer cannot be unpacked.
          const isWhiteout = (f: PackedFile): number => (f.name.includes('.wh.') ? 0 : 1);
          const files = drawn.toSorted((a, b) => isWhiteout(a) - isWhiteout(b));
          // A hard link to what is not there is refused by engines, and so is a path below a file: neither has a right count.
          const archive = await tar(files);
          const layer = count(archive, steps, books);
          fc.pre(!layer.refusals.has('hardlink_elsewhere') && !layer.refusals.has('below_file'));
          expect(layer.classic_bytes).toBe(modelled(files));
          expect(layer.entries).toBe(files.length);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('counts folders that no entry names, blocks of files and long links for containerd', async () => {
    const files: PackedFile[] = [
      { name: 'a/b/c', content: 'x' },
      { name: 'a/d', content: Buffer.alloc(4097) },
      { name: 'a/e', type: 'link', linkname: 'a/d' },
      { name: 's', type: 'symlink', linkname: 'x'.repeat(60) },
      { name: 't', type: 'symlink', linkname: 'x'.repeat(59) },
    ];
    expect(count(await tar(files)).unpacked_bytes).toBe(4096 * (3 + 1 + 2 + 1));
  });

  it.each([
    [
      '1.0',
      { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'real', 'GNU.sparse.realsize': '9000000' },
    ],
    ['0.1', { 'GNU.sparse.map': '0,3', 'GNU.sparse.size': '9000000', 'GNU.sparse.numblocks': '1' }],
  ])('counts a sparse file of PAX %s by its real size', async (_, pax) => {
    const layer = count(
      await tar([
        { name: 'stored', content: 'abc', pax },
        { name: 'next', content: 'x' },
      ]),
    );
    expect(layer).toMatchObject({ classic_bytes: 9_000_001, buildkit_bytes: 4 });
  });

  it('counts a sparse file of GNU’s old format, and says that engines refuse it', async () => {
    const archive = await tar([
      { name: 'hole', content: 'abc' },
      { name: 'next', content: 'x' },
    ]);
    // Type S, the magic of GNU, the real size, and a map that goes on in one more block.
    archive.write('S', 156, 'latin1');
    archive.write('ustar  \0', 257, 'latin1');
    archive.write('00000100000\0', 483, 'latin1');
    archive.writeUInt8(1, 482);
    archive.fill(' ', 148, 156);
    const sum = archive.subarray(0, 512).reduce((a, b) => a + b, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const whole = Buffer.concat([archive.subarray(0, 512), Buffer.alloc(512), archive.subarray(512)]);
    for (const steps of [[whole.length], [100], [513]]) {
      const layer = count(whole, steps);
      expect(layer.classic_bytes).toBe(0o100000 + 1);
      expect([...layer.refusals]).toEqual([['gnu_sparse', 'hole']]);
    }
  });

  it('names the first path of each thing that engines refuse', async () => {
    const files: PackedFile[] = [
      { name: 'a', content: 'x' },
      { name: '/a', content: 'y' },
      { name: 'a/b', content: 'z' },
      { name: 'h', type: 'link', linkname: 'none' },
      { name: 'v', flag: 'V' },
    ];
    expect(Object.fromEntries(count(await tar(files)).refusals)).toEqual({
      duplicate_path: 'a',
      below_file: 'a/b',
      hardlink_elsewhere: 'h',
      entry_type: 'v',
    });
  });

  it('has bounds on entries and on paths', async () => {
    const files = Array.from({ length: 30 }, (_, i) => ({ name: `${i}`, content: '' }));
    const archive = await tar(files);
    const bounds = [new PathBooks(new PathTable(1000), 29), new PathBooks(new PathTable(29), 1000)];
    for (const books of bounds)
      expect(() => count(archive, [100], books)).toThrow(expect.objectContaining({ code: 'image_huge' }) as Error);
  });
});

describe('the walker', () => {
  it('takes any bytes to an end or to a fault, never to another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        try {
          count(Buffer.from(bytes));
        } catch (error) {
          expect(String((error as { code?: string }).code)).toMatch(/^tar_/);
        }
      }),
    );
  });

  it('takes a sound archive with some bytes changed to an end or to a fault', async () => {
    const archive = await tar([
      { name: 'a/b', content: 'x'.repeat(700), pax: { path: 'other' } },
      { name: 'n'.repeat(150), content: 'y' },
      { name: 'l', type: 'link', linkname: 'other' },
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const broken = Buffer.from(archive);
          for (const [at, byte] of changes) broken.writeUInt8(byte, at);
          try {
            count(broken, [97]);
          } catch (error) {
            expect(String((error as { code?: string }).code)).toMatch(/^tar_/);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
