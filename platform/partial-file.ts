// A download's file while it grows, with the digest of what it holds. It survives a kill: the next process hashes what is there.
import { createHash } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SpotrigError, isErrno } from './errors.ts';

const READ_BYTES = 1024 * 1024;

export class PartialFile {
  readonly #file: FileHandle;
  #hash = createHash('sha256');
  #size = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens or creates the file and reads what it holds. Its folder is made. */
  static async open(path: string): Promise<PartialFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const part = new PartialFile(await open(path, 'a+', 0o600));
    try {
      await part.#readAll();
    } catch (error) {
      await part.close();
      throw error;
    }
    return part;
  }

  /** Bytes it holds. */
  get size(): number {
    return this.#size;
  }

  /** SHA-256 of what it holds, lower-case hex. */
  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Adds bytes at the end. Throws `disk_full`. */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      await this.#file.appendFile(chunk);
    } catch (error) {
      if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
        throw new SpotrigError('disk_full', `no space left after ${this.#size} bytes`, { cause: error });
      }
      throw error;
    }
    this.#hash.update(chunk);
    this.#size += chunk.length;
  }

  /** Forgets everything it holds. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#size = 0;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readAll(): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const { bytesRead } = await this.#file.read(buffer, 0, READ_BYTES, this.#size);
      if (bytesRead === 0) return;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#size += bytesRead;
    }
  }
}
