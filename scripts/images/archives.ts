// Archives that are baked into images: which pinned release a file at hand is, by its digest. Another file than a pinned one is
// refused here, and once more by the build itself.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import * as z from 'zod';
import { FRPC } from '../../miners/frpc.ts';
import { findMiner } from '../../miners/registry.ts';
import { MinerReleases, type MinerRelease } from '../../miners/releases.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { sha256Of } from '../release/head.ts';
import type { Baked } from './catalogue.ts';

/** An archive as the build's arguments say it. */
export interface BakedArchive {
  /** Its name in spotrig: t-rex, rigel, frpc. */
  readonly program: string;
  /** File name in the build's context. */
  readonly asset: string;
  readonly bytes: Buffer;
  readonly sha256: string;
  /** The program's path in it. */
  readonly member: string;
}

/** Reads a list of pinned releases; throws `image_pins`. */
export async function readPins(path: string): Promise<MinerRelease[]> {
  try {
    return z.parse(MinerReleases, JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new SpotrigError('image_pins', `${path} is not a list of releases`, { cause: error });
  }
}

/** Reads an archive and finds the release that it is; throws `image_archive` with what it should have been. */
export async function pinnedArchive(o: {
  path: string;
  kind: Baked;
  pins: readonly MinerRelease[];
}): Promise<BakedArchive> {
  const fitting = o.pins.filter(({ miner }) => fits(miner, o.kind));
  let bytes;
  try {
    bytes = await readFile(o.path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error;
    throw new SpotrigError('image_archive', `cannot read ${o.path}`, { cause: error });
  }
  const sha256 = sha256Of(bytes);
  const release = fitting.find((pin) => pin.sha256 === sha256);
  if (release === undefined) {
    const known = fitting.map((pin) => `${pin.miner} ${pin.version} (${pin.sha256})`).join(', ');
    throw new SpotrigError(
      'image_archive',
      `${basename(o.path)} is no pinned release: its SHA-256 is ${sha256}, and pinned are ${known === '' ? 'none of its kind' : known}. ` +
        `Fetch it again, or, when you trust these bytes, pin them: npx spotrig pin ${o.kind === 'frpc' ? FRPC : 'MINER'} ${o.path}`,
    );
  }
  if (release.archive === 'zip' || release.archive === 'plain') {
    const what = release.archive === 'zip' ? 'a zip' : 'a bare program';
    throw new SpotrigError(
      'image_archive',
      `${basename(o.path)} is ${what}; the image's build unpacks tar archives only`,
    );
  }
  return {
    program: release.miner,
    asset: basename(release.url === null ? o.path : new URL(release.url).pathname),
    bytes,
    sha256,
    member: release.member,
  };
}

/** The nvidia image takes miners of NVIDIA cards. */
function fits(program: string, kind: Baked): boolean {
  return kind === 'frpc' ? program === FRPC : findMiner(program)?.needsNvidia === true;
}

/** The archive's build arguments: MINER_ARCHIVE and so on, or FRPC_ARCHIVE. `at`: its path in the context. */
export function archiveArguments(kind: Baked, archive: BakedArchive, at: string): Record<string, string> {
  const prefix = kind === 'frpc' ? 'FRPC' : 'MINER';
  return {
    ...(kind === 'miner' ? { MINER: archive.program } : {}),
    [`${prefix}_ARCHIVE`]: at,
    [`${prefix}_SHA256`]: archive.sha256,
    [`${prefix}_MEMBER`]: archive.member,
  };
}
