import { SpotrigError } from '../../platform/errors.ts';
import { MANIFEST, MANIFEST_MAX_BYTES, readManifest, type ReleaseManifest } from './manifest.ts';
import { openMirror, readWhole } from './mirror.ts';

/**
 * The manifest of the release at a folder or address, whoever signed it; null where there is none. Throws `manifest_unsigned`,
 * `manifest_wrong`, and those of Mirror.read.
 */
export async function readRelease(place: string): Promise<ReleaseManifest | null> {
  const mirror = openMirror(place);
  try {
    const bytes = await readWhole(mirror.read(MANIFEST, { sizeBytes: null, maxBytes: MANIFEST_MAX_BYTES }));
    return readManifest(bytes).manifest;
  } catch (error) {
    if (!(error instanceof SpotrigError)) throw error;
    if (error.code === 'mirror_missing') return null;
    throw new SpotrigError(error.code, `${mirror.where}: ${MANIFEST}: ${error.message}`, { cause: error.cause });
  } finally {
    await mirror.close();
  }
}
