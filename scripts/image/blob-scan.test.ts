import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { BlobScanner, Budget } from './blob-scan.ts';
import { PathBooks } from './layer-count.ts';
import { PathTable } from './path-table.ts';

it.each(Object.entries({ gzip: gzipSync, zstd: zstdCompressSync }))(
  'gives up a %s stream that unpacks without end',
  async (_, pack) => {
    const bomb = pack(Buffer.alloc(8 * 1024 ** 2));
    const scanner = new BlobScanner(new PathBooks(new PathTable(10), 10), new Budget(1024 ** 2), bomb.length);
    const scanning = async (): Promise<void> => {
      await scanner.write(bomb);
      await scanner.end();
    };
    await expect(scanning()).rejects.toMatchObject({
      code: 'image_huge',
      message: expect.stringContaining('given up') as unknown,
    });
  },
);
