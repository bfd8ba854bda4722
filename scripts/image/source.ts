// What the caller names, opened: an engine's image, an archive, a folder or standard input.
import { open, stat } from 'node:fs/promises';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import type { Budget } from './blob-scan.ts';
import { SNIFF_BYTES, sniff } from './compression.ts';
import type { ImageEngine } from './report.ts';
import { ArchiveStore, FolderStore, type ImageStore, type StoreContext, StreamStore } from './store.ts';

/** Standard input, by the convention of all tools. */
export const STDIN = '-';

/** What is known of a source before it is read. */
export interface SourceFacts {
  engine: ImageEngine | null;
  total_bytes: number | null;
}

export interface OpenSource {
  source: string;
  env: Record<string, string | undefined>;
  context: StoreContext;
  /** For what a compressed archive unpacks to. */
  outer: Budget;
  told(facts: SourceFacts): void;
}

/** skopeo's and podman's words for where an image is, for a name that could be two things. */
const TRANSPORTS = {
  'docker-daemon:': 'engine',
  'docker-archive:': 'file',
  'oci-archive:': 'file',
  'oci:': 'file',
} as const;

/** Opens a source. Throws image_source, image_engine, and ImageFault for an archive that cannot be read. */
export async function openSource(o: OpenSource): Promise<ImageStore> {
  if (o.source === STDIN) {
    o.told({ engine: null, total_bytes: null });
    return await StreamStore.read(process.stdin as AsyncIterable<Buffer>, o.context, o.outer);
  }
  const { kind, name } = transportOf(o.source);
  if (kind === 'engine') return await openEngine(o, name);
  const found = await stat(name).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return null;
    throw error;
  });
  if (found?.isDirectory() === true) {
    o.told({ engine: null, total_bytes: null });
    return new FolderStore(name, o.context);
  }
  if (found !== null) return await openFile(o, name);
  if (kind === 'file' || looksLikePath(name)) throw new SpotrigError('image_source', `there is no ${name}`);
  return await openEngine(o, name);
}

function transportOf(source: string): { kind: 'engine' | 'file' | null; name: string } {
  for (const [prefix, kind] of Object.entries(TRANSPORTS))
    if (source.startsWith(prefix)) return { kind, name: source.slice(prefix.length) };
  return { kind: null, name: source };
}

/** No image's name begins so, or ends like an archive. */
function looksLikePath(name: string): boolean {
  return /^[./~]|\.(?:tar|tgz|tar\.gz|tar\.zst)$/.test(name);
}

async function openFile(o: OpenSource, path: string): Promise<ImageStore> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
    const isSeekable = (await file.stat()).isFile() && sniff(buffer.subarray(0, bytesRead)) === 'none';
    o.told({ engine: null, total_bytes: size });
    if (isSeekable) return await ArchiveStore.open(file, o.context);
    const store = await StreamStore.read(file.createReadStream({ start: 0, autoClose: false }), o.context, o.outer);
    await file.close();
    return store;
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

async function openEngine(o: OpenSource, name: string): Promise<ImageStore> {
  // Only who asks an engine pays for Node's HTTP: some 17 MB.
  const { engineAddress, engineImage } = await import('./engine.ts');
  const address = engineAddress(o.env);
  const { engine, archive } = await engineImage(address, name);
  o.told({ engine, total_bytes: engine.store === 'containerd' ? null : engine.size_bytes });
  return await StreamStore.read(await archive(), o.context, o.outer);
}
