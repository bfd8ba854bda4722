// Addresses that gave wrong bytes, for one boot: a start of Node alone does not forget them. Kept as digests, because an address
// may carry a login or a key.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { DroppedAddresses } from '../../platform/download.ts';
import { readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { BootId, Sha256 } from '../../wire/fields.ts';

const Saved = z.object({ boot: BootId, addresses: z.array(Sha256) });

export class DroppedMirrors implements DroppedAddresses {
  readonly #path: string;
  readonly #boot: string;
  readonly #logger: Logger;
  readonly #digests: Set<string>;
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, boot: string, logger: Logger, digests: Set<string>) {
    this.#path = path;
    this.#boot = boot;
    this.#logger = logger;
    this.#digests = digests;
  }

  /** Those of this boot; none of an earlier one. */
  static async load(home: string, boot: string, logger: Logger): Promise<DroppedMirrors> {
    const path = join(home, 'run', 'dropped-mirrors.json');
    const saved = await readJsonTolerant(path, (value) => {
      const parsed = z.safeParse(Saved, value);
      return parsed.success ? parsed.data : null;
    });
    return new DroppedMirrors(path, boot, logger, new Set(saved?.boot === boot ? saved.addresses : []));
  }

  has(url: string): boolean {
    return this.#digests.has(digestOf(url));
  }

  add(url: string): void {
    this.#digests.add(digestOf(url));
    this.#save();
  }

  /** They are asked again. */
  forget(urls: readonly string[]): void {
    for (const url of urls) this.#digests.delete(digestOf(url));
    this.#save();
  }

  /** Resolves when what was said so far is on the disk, or could not be put there. */
  saved(): Promise<void> {
    return this.#saving;
  }

  #save(): void {
    const text = JSON.stringify({ boot: this.#boot, addresses: [...this.#digests] });
    this.#saving = this.#saving
      .then(() => writeFileDurable(this.#path, text))
      .catch((error: unknown) => this.#logger.warn({ error: messageOf(error) }, 'dropped mirrors could not be saved'));
  }
}

function digestOf(url: string): string {
  return createHash('sha256').update(url).digest('hex');
}
