// The archives that a release carries beside its own files: those of pinned miners and of frpc, wherever they are at hand.
import { rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { chooseFrpc, FRPC } from '../../miners/frpc.ts';
import { chooseMiner } from '../../miners/registry.ts';
import type { MinerRelease } from '../../miners/releases.ts';
import { freeBytesAt, sizeOf } from '../../entrypoint/artifacts/disk-budget.ts';
import { realClock } from '../../platform/clock.ts';
import { downloadTo } from '../../platform/download.ts';
import { makeDir } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { createLogger } from '../../platform/logger.ts';
import { artifactName } from './manifest.ts';
import { type ExtraFile, isWhole } from './publish.ts';
import { ROOT } from './release.ts';

/** Where fetched archives are kept, each under its digest. */
export const ARCHIVES = join(ROOT, '.cache/archives');
export const STALL_MS = 20_000;
export const TOTAL_MS = 60 * 60_000;
/** Where the size is not pinned; no worker's disk holds more. */
export const ARCHIVE_MAX_BYTES = 650 * 1024 ** 2;

/** The pinned release that `name` or `name@version` means, of a miner or frpc. Throws `archive_not_pinned`, which says what is. */
export function pinnedRelease(text: string, releases: readonly MinerRelease[]): MinerRelease {
  if (text === FRPC || text.startsWith(`${FRPC}@`)) {
    const choice = chooseFrpc(text, releases);
    if (typeof choice === 'string') throw new SpotrigError('archive_not_pinned', `"${text}" ${choice}`);
    if (choice.from === 'release') return choice.release;
  } else {
    const chosen = chooseMiner(text, releases);
    if (!chosen.ok) throw new SpotrigError('archive_not_pinned', chosen.complaint);
    if (chosen.choice.from === 'release') return chosen.choice.release;
  }
  throw new SpotrigError(
    'archive_not_pinned',
    `"${text}" names a program in an image; a release carries pinned ones: give name@version`,
  );
}

export interface ArchiveSearch {
  /** Files and folders that the caller names; in a folder a file counts by its published name or its digest. */
  from: readonly string[];
  /** The release's folder: what it has is not fetched again. */
  out: string;
  /** What was fetched before. */
  cacheDir: string;
  log: (line: string) => void;
}

/**
 * A release's archive, its digest checked: from what was named, from the release folder, from the cache, else from its own address.
 * Throws SpotrigError: archive_missing (it has no address), and those of downloadTo.
 */
export async function findArchive(release: MinerRelease, o: ArchiveSearch): Promise<ExtraFile> {
  const { sha256, size_bytes, url, miner, version } = release;
  const asset = url === null ? basename(release.member) : basename(new URL(url).pathname);
  const what = `${miner} ${version}: ${asset}`;
  const cached = join(o.cacheDir, sha256);
  const places = [
    ...o.from.flatMap((place) => [place, join(place, asset), join(place, sha256)]),
    join(o.out, artifactName(sha256)),
    cached,
  ];
  for (const path of places) {
    if (await isWhole(path, { sha256, size_bytes })) return { path, sha256, size_bytes: (await stat(path)).size, what };
  }
  if (url === null) {
    throw new SpotrigError(
      'archive_missing',
      `${miner} ${version} is pinned without an address: name its file by --from (SHA-256 ${sha256})`,
    );
  }
  o.log(`fetching ${miner} ${version} from ${url}`);
  await makeDir(o.cacheDir, 0o755);
  await download({ ...release, url }, `${cached}.part`, o);
  await rename(`${cached}.part`, cached);
  return { path: cached, sha256, size_bytes: (await stat(cached)).size, what };
}

async function download(
  { url, sha256, size_bytes }: MinerRelease & { url: string },
  path: string,
  o: ArchiveSearch,
): Promise<void> {
  const dropped = new Set<string>();
  await downloadTo({
    urls: [url],
    path,
    sha256,
    sizeBytes: size_bytes,
    maxBytes: size_bytes ?? ARCHIVE_MAX_BYTES,
    roomBytes: (await freeBytesAt(o.cacheDir)) + (await sizeOf(path)),
    clock: realClock,
    stallMs: STALL_MS,
    totalMs: TOTAL_MS,
    log: createLogger({ name: 'release', level: 'silent' }),
    dropped,
    onProgress: ({ bytes, total_bytes }) => o.log(`  ${bytes} of ${total_bytes ?? 'unknown'} bytes`),
  });
}
