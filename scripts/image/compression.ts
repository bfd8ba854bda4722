// What bytes are compressed with, by their first ones: names and media types may lie.
import { type Gunzip, type ZstdDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { codeOf, messageOf } from '../../platform/errors.ts';
import { ImageFault } from './fault.ts';
import { usedUp } from './garbage.ts';
import type { ImageLayer } from './report.ts';
import { ZstdFrames } from './zstd-frames.ts';

export type Compression = ImageLayer['compression'];

/** Enough to tell. */
export const SNIFF_BYTES = 6;

/** Throws compression for what no engine's layer is, or this program does not read. */
export function sniff(head: Buffer): Compression {
  if (head.length >= 3 && head.readUIntBE(0, 3) === 0x1f8b08) return 'gzip';
  if (head.length >= 4) {
    const magic = head.readUInt32LE(0);
    if (magic === 0xfd2fb528 || (magic & ~0xf) >>> 0 === 0x184d2a50) return 'zstd';
  }
  const text = head.toString('latin1');
  if (text === '\xfd7zXZ\0' || text.startsWith('BZh'))
    throw new ImageFault(
      'compression',
      `it is compressed with ${text.startsWith('B') ? 'bzip2' : 'xz'}: unpack it first`,
    );
  return 'none';
}

/** What comes out of the decompressor at a time. */
const OUT_BYTES = 256 * 1024;

/**
 * Gives the bytes of a stream without its compression to `out`, in order. While `out` works on one piece, another thread already
 * unpacks the next. An error that `out` throws comes from `write` or `end`.
 */
export class Unpacker {
  readonly #engine: Gunzip | ZstdDecompress | null;
  readonly #frames: ZstdFrames | null;
  readonly #out: (bytes: Buffer) => void;
  #failed: Error | null = null;
  #taken = 0;
  #wake = (): void => undefined;

  constructor(compression: Compression, out: (bytes: Buffer) => void) {
    this.#out = out;
    this.#frames = compression === 'zstd' ? new ZstdFrames() : null;
    const options = { chunkSize: OUT_BYTES };
    this.#engine =
      compression === 'none' ? null : compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    this.#engine?.on('error', (error) => this.#fail(error));
    // Later in the same turn: first the engine's next piece is on its way.
    this.#engine?.on('data', (bytes: Buffer) => process.nextTick(() => this.#give(bytes)));
  }

  /** The stream's next bytes; they may be used again when this resolves. Throws what was wrong, also with earlier ones. */
  async write(bytes: Buffer): Promise<void> {
    this.#taken += bytes.length;
    if (this.#engine === null) this.#out(bytes);
    else if (this.#frames === null) await this.#feed(bytes);
    else for (const piece of this.#frames.cut(bytes)) await this.#feed(piece);
    if (this.#failed !== null) throw this.#failed;
  }

  /** Resolves when all has been given; with whether bytes stood behind the end of the compressed stream. */
  async end(): Promise<{ hasTail: boolean }> {
    const engine = this.#engine;
    if (engine === null) return { hasTail: false };
    this.#frames?.end();
    if (this.#failed === null) {
      await new Promise<void>((resolve) => {
        engine.once('close', resolve);
        engine.once('end', resolve);
        engine.end();
      });
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    const hasTail = this.#frames === null && engine.bytesWritten < this.#taken;
    this.close();
    if (this.#failed !== null) throw this.#failed;
    return { hasTail };
  }

  /** Frees its memory. */
  close(): void {
    this.#engine?.destroy();
  }

  #feed(bytes: Buffer): Promise<void> {
    const engine = this.#engine;
    return new Promise((resolve) => {
      if (engine === null || this.#failed !== null) {
        resolve();
        return;
      }
      // An engine that fails forgets to say that the write is over.
      this.#wake = resolve;
      engine.write(bytes, () => resolve());
    });
  }

  #give(bytes: Buffer): void {
    if (this.#failed !== null) return;
    try {
      this.#out(bytes);
      usedUp(bytes.length);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failed ??= error instanceof ImageFault ? error : damaged(error);
    this.#engine?.destroy();
    this.#wake();
  }
}

function damaged(error: unknown): ImageFault {
  const isCut = codeOf(error) === 'Z_BUF_ERROR';
  const text = isCut ? 'its compressed stream is cut off' : `its compressed stream is damaged (${messageOf(error)})`;
  return new ImageFault('compression', text, { cause: error });
}

/**
 * A whole stream without its compression, for a reader that takes its time with each piece. `told` hears how many bytes came out of a
 * compressed one. Throws ImageFault; errors of the source as they are.
 */
export async function* unpackedStream(
  source: AsyncIterable<Buffer>,
  told: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const reader: AsyncIterator<Buffer, unknown> = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < SNIFF_BYTES) {
    const next = await reader.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const rest = { [Symbol.asyncIterator]: () => reader };
  const compression = sniff(head);
  if (compression === 'none') {
    yield head;
    yield* rest;
    return;
  }
  const frames = compression === 'zstd' ? new ZstdFrames() : null;
  const engine = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  let failed: Error | null = null;
  const feeding = pipeline(async function* () {
    try {
      for await (const piece of chained(head, rest)) yield* frames?.cut(piece) ?? [piece];
      frames?.end();
    } catch (error) {
      failed = error instanceof Error ? error : new Error(String(error));
      throw failed;
    }
  }, engine);
  feeding.catch(() => undefined); // the loop below sees the same error
  try {
    for await (const bytes of engine as AsyncIterable<Buffer>) {
      told(bytes.length);
      yield bytes;
      usedUp(bytes.length);
    }
    await feeding;
  } catch (error) {
    if (failed !== null) throw failed as Error;
    throw codeOf(error)?.startsWith('Z') === true ? damaged(error) : error;
  } finally {
    engine.destroy();
  }
}

async function* chained(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}
