import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Unpacker, sniff, unpackedStream } from './compression.ts';

/** zstd's skippable frame: zstd:chunked keeps its table of contents in one. */
function skippable(bytes: number): Buffer {
  const frame = Buffer.alloc(8 + bytes, 0x28);
  frame.writeUInt32LE(0x184d2a5e, 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
}

function inSteps(bytes: Buffer, step: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
}

async function unpacked(bytes: Buffer, step = bytes.length): Promise<Buffer> {
  const out: Buffer[] = [];
  const unpacker = new Unpacker(sniff(bytes.subarray(0, 6)), (piece) => out.push(Buffer.from(piece)));
  try {
    for (const piece of inSteps(bytes, step)) await unpacker.write(piece);
    await unpacker.end();
  } finally {
    unpacker.close();
  }
  return Buffer.concat(out);
}

async function streamed(bytes: Buffer, step: number): Promise<Buffer> {
  const out: Buffer[] = [];
  async function* source(): AsyncGenerator<Buffer> {
    yield* inSteps(bytes, step);
  }
  for await (const piece of unpackedStream(source(), () => undefined)) out.push(Buffer.from(piece));
  return Buffer.concat(out);
}

const PACKERS = {
  gzip: (part: Buffer) => gzipSync(part),
  zstd: (part: Buffer) => zstdCompressSync(part),
  none: (part: Buffer) => part,
};

describe('a stream of several members or frames', () => {
  it.each(Object.entries(PACKERS))('of %s unpacks whole, cut into pieces of any size', async (kind, pack) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 600 }),
        async (parts, step) => {
          const plain = Buffer.concat([Buffer.from('plain '), ...parts]);
          const packed = [Buffer.from('plain '), ...parts.map((part) => Buffer.from(part))].map(pack);
          if (kind === 'zstd') packed.splice(1, 0, skippable(step));
          const whole = Buffer.concat(packed);
          expect((await unpacked(whole, step)).equals(plain)).toBe(true);
          expect((await streamed(whole, step)).equals(plain)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['gzip', 'zstd'] as const)('of %s that is cut off is never whole', async (kind) => {
    const whole = PACKERS[kind](Buffer.from('x'.repeat(5000) + Math.PI));
    for (let length = 6; length < whole.length; length++) {
      const cut = whole.subarray(0, length);
      await expect(unpacked(cut), `at ${length}`).rejects.toMatchObject({ code: /compression|zstd_frame/ });
      await expect(streamed(cut, 7), `at ${length}`).rejects.toMatchObject({ code: /compression|zstd_frame/ });
    }
  });
});

describe('a zstd frame', () => {
  it('may not ask for a large window, a dictionary or a block of no type', async () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd];
    for (const frame of [
      [...magic, 0, 0xa0, 0, 0, 0], // window of 2^30
      [...magic, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0], // content of 2^32 in one segment
      [...magic, 1, 0x50, 7, 1, 0, 0], // dictionary 7
      [...magic, 0, 0x50, 6, 0, 0], // block of type 3
      [...magic, 0, 0x50, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], // bytes behind it that are no frame
    ])
      await expect(unpacked(Buffer.from(frame))).rejects.toMatchObject({ code: 'zstd_frame' });
  });
});

it('tells a tail behind a gzip stream', async () => {
  const unpacker = new Unpacker('gzip', () => undefined);
  await unpacker.write(Buffer.concat([gzipSync('x'), Buffer.alloc(100)]));
  expect(await unpacker.end()).toEqual({ hasTail: true });
  await expect(unpacked(Buffer.concat([gzipSync('x'), deflateRawSync('garbage')]))).rejects.toMatchObject({
    code: 'compression',
  });
});

it('gives the error of who takes the bytes', async () => {
  for (const pack of Object.values(PACKERS)) {
    const packed = pack(Buffer.from('plain text'));
    const unpacker = new Unpacker(sniff(packed.subarray(0, 6)), () => {
      throw new TypeError('no more');
    });
    const writing = async (): Promise<void> => {
      await unpacker.write(packed);
      await unpacker.end();
    };
    await expect(writing()).rejects.toThrow(/no more/);
  }
});
