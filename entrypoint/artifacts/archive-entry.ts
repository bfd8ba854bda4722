import { SpotrigError } from '../../platform/errors.ts';

/** One entry of an archive, whatever its format. */
export interface ArchiveEntry {
  /** As written in the archive. */
  name: string;
  type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Unpacked, as the archive says. */
  size: number;
  linkTarget: string | null;
  /** The content. Valid until the next entry is taken. */
  body(): AsyncIterable<Uint8Array>;
}

/** What was unpacked. */
export interface Unpacked {
  size_bytes: number;
  sha256: string;
}

/** The error for an archive that no honest project publishes. */
export function hostile(why: string): SpotrigError {
  return new SpotrigError('archive_hostile', `archive refused: ${why}`);
}
