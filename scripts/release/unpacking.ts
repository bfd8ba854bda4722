// A compressed runtime, unpacked and hashed while its bytes pass by. A damaged one never breaks off the reading.
import { createHash } from 'node:crypto';
import type { Duplex, Readable, Writable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { execa } from 'execa';
import type { BakedFile } from './head.ts';

const XZ = ['-dc', '--memlimit-decompress=256MiB'];

export class Unpacking {
  readonly #input: Writable;
  readonly #hash = createHash('sha256');
  readonly #ended: Promise<void>;
  #bytes = 0;
  #failed = false;

  private constructor(input: Writable, output: Readable, maxBytes: number) {
    this.#input = input;
    const fail = (): void => {
      this.#failed = true;
      input.destroy();
      output.destroy();
    };
    input.on('error', fail);
    output.on('error', fail);
    output.on('data', (chunk: Buffer) => {
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes > maxBytes) fail();
    });
    this.#ended = new Promise((resolve) => output.once('close', resolve));
  }

  /** Not more than `maxBytes` are unpacked. */
  static gzip(maxBytes: number): Unpacking {
    const gunzip: Duplex = createGunzip();
    return new Unpacking(gunzip, gunzip, maxBytes);
  }

  /** null where this machine has no xz. */
  static async xz(maxBytes: number): Promise<Unpacking | null> {
    const there = await execa('xz', ['--version'], { reject: false, stdin: 'ignore' });
    if (there.failed) return null;
    const child = execa('xz', XZ, { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore', buffer: false, reject: false });
    return new Unpacking(child.stdin, child.stdout, maxBytes);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#failed || this.#input.destroyed || this.#input.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#input.off('drain', go).off('close', go);
        resolve();
      };
      this.#input.once('drain', go).once('close', go);
    });
  }

  /** What came out; null where it cannot be unpacked. */
  async end(): Promise<BakedFile | null> {
    if (!this.#input.destroyed) this.#input.end();
    await this.#ended;
    return this.#failed ? null : { sha256: this.#hash.digest('hex'), size_bytes: this.#bytes };
  }
}
