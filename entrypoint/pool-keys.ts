// Keys of pools that sign their own certificates, as they were seen first: a small file, read when the first one is asked for.
import { join } from 'node:path';
import * as z from 'zod/mini';
import { readJsonTolerant, writeFileDurable } from '../platform/durable-file.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { KeyMemory } from '../stratum/pool-key.ts';

/** An order has room for some ten pools. */
const KEYS_MAX = 64;
const Keys = z.record(z.string().check(z.maxLength(300)), z.string().check(z.maxLength(64)));

/** The memory of keys under the worker's home. A file that cannot be read or written costs a new first use, never a pool. */
export class PoolKeys implements KeyMemory {
  readonly #path: string;
  readonly #logger: Logger;
  #loaded: Promise<Map<string, string>> | null = null;

  constructor(home: string, logger: Logger) {
    this.#path = join(home, 'run', 'pool-keys.json');
    this.#logger = logger;
  }

  async get(endpoint: string): Promise<string | null> {
    return (await this.#keys()).get(endpoint) ?? null;
  }

  async set(endpoint: string, spki_sha256: string): Promise<void> {
    const keys = await this.#keys();
    if (keys.get(endpoint) === spki_sha256 || (keys.size >= KEYS_MAX && !keys.has(endpoint))) return;
    keys.set(endpoint, spki_sha256);
    try {
      await writeFileDurable(this.#path, JSON.stringify(Object.fromEntries(keys)));
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, 'a pool’s key could not be remembered');
    }
  }

  #keys(): Promise<Map<string, string>> {
    return (this.#loaded ??= this.#read());
  }

  async #read(): Promise<Map<string, string>> {
    try {
      const found = await readJsonTolerant(this.#path, (value) => z.safeParse(Keys, value).data ?? null);
      return new Map(Object.entries(found ?? {}));
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, 'the remembered keys of pools could not be read');
      return new Map();
    }
  }
}
