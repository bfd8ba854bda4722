import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ArchiveEntry } from './archive-entry.ts';

/** A file that is no archive but the program itself, as an archive that holds it alone under `name`. */
export async function* plainEntry(path: string, name: string): AsyncGenerator<ArchiveEntry> {
  const { size } = await stat(path);
  yield { name, type: 'file', size, linkTarget: null, body: () => createReadStream(path) as AsyncIterable<Buffer> };
}
