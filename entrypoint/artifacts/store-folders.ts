// The folders of the store, and what lies in them while work is under way.
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from './disk-budget.ts';

/** Folders in `partial/` that a kill may leave behind. */
const TEMP = /^unpack-[0-9a-f]{12}$/;

export class StoreFolders {
  /** `<sha256>/`: complete, or absent. */
  readonly artifacts: string;
  /** `<sha256>`: downloads under way, and folders that are being made or removed. */
  readonly partial: string;

  constructor(home: string) {
    this.artifacts = join(home, 'artifacts');
    this.partial = join(home, 'partial');
  }

  async make(): Promise<void> {
    for (const folder of [this.artifacts, this.partial]) await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  newTemp(): string {
    return join(this.partial, `unpack-${randomBytes(6).toString('hex')}`);
  }

  /** Removes from `partial/` what kills left behind, and what `isStale` says of the other names. */
  async removeStale(isStale: (name: string) => boolean = () => false): Promise<void> {
    for (const name of await namesIn(this.partial)) {
      if (TEMP.test(name) || isStale(name)) await rm(join(this.partial, name), { recursive: true, force: true });
    }
  }
}
