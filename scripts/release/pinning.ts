// What the list of pinned releases says of an archive, and how an entry gets into it.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { listFiles, unpackMember } from '../../entrypoint/artifacts/archive.ts';
import { FRPC, frpcLayout } from '../../miners/frpc.ts';
import type { ReleaseLayout } from '../../miners/miner.ts';
import { findMiner, minerNames } from '../../miners/registry.ts';
import { ARCHIVE_KINDS, MinerRelease, MinerReleases, type ArchiveKind } from '../../miners/releases.ts';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';

/** All that can be pinned, for people. */
export function pinnableNames(): string {
  return [...minerNames(), FRPC].join(', ');
}

/** How the project of this name publishes. Throws `pin_miner`. */
export function layoutOf(name: string): ReleaseLayout {
  const layout = name === FRPC ? frpcLayout : findMiner(name)?.release;
  if (layout !== undefined) return layout;
  throw new SpotrigError('pin_miner', `unknown miner "${name}"; known are ${pinnableNames()}`);
}

export interface ArchiveQuestion {
  miner: string;
  /** The file. */
  archive: string;
  /** Its published name. Default: the file's own. */
  asset?: string;
  version?: string | undefined;
  url?: string | undefined;
  member?: string | undefined;
  /** What the publisher says. */
  sha256?: string | undefined;
}

/** Everything about an archive, or a bare program, that an entry says. The program is unpacked for it, as a worker would. */
export async function describeArchive(o: ArchiveQuestion): Promise<MinerRelease> {
  const layout = layoutOf(o.miner);
  const asset = o.asset ?? basename(o.archive);
  const { sha256, size_bytes } = await digestOf(o.archive);
  if (o.sha256 !== undefined && o.sha256 !== sha256) {
    throw new SpotrigError(
      'pin_digest',
      `${asset} has the SHA-256 ${sha256}, not ${o.sha256}: these are other bytes than you expect`,
    );
  }
  const kind = await kindOf(o.archive, asset);
  const known = layout.asset.exec(asset)?.groups?.['version'];
  const version = o.version ?? known;
  if (version === undefined)
    throw new SpotrigError('pin_version', `${asset} does not tell its version; give --version`);
  const url = o.url ?? (known === version ? layout.url(version, asset) : null);
  if (url === null && kind !== 'plain') {
    throw new SpotrigError('pin_url', `${asset} is not named as on ${o.miner}'s release page; give --url`);
  }
  const member = o.member ?? (kind === 'plain' ? o.miner : layout.member(version));
  const unpacked_bytes = await unpackedBytes(o.archive, kind, member);
  const entry = { miner: o.miner, version, url, sha256, size_bytes, unpacked_bytes, archive: kind, member };
  const checked = MinerRelease.safeParse(entry);
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new SpotrigError('pin_entry', `this makes no release entry: ${faults.join('; ')}`);
  }
  return checked.data;
}

/** By the name; a bare program by how it begins. */
async function kindOf(path: string, asset: string): Promise<ArchiveKind> {
  const kind = ARCHIVE_KINDS.find((k) => asset.endsWith(`.${k}`)) ?? (asset.endsWith('.tgz') ? 'tar.gz' : undefined);
  if (kind !== undefined && kind !== 'plain') return kind;
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(ELF.length), 0, ELF.length, 0);
    if (bytesRead === ELF.length && buffer.equals(ELF)) return 'plain';
  } finally {
    await file.close();
  }
  const archives = ARCHIVE_KINDS.filter((k) => k !== 'plain').join(', ');
  throw new SpotrigError('pin_kind', `${asset} is none of ${archives}, and no Linux program either`);
}

const ELF = Buffer.from('\x7fELF\x02', 'latin1');

async function digestOf(path: string): Promise<{ sha256: string; size_bytes: number }> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
    return { sha256: hash.digest('hex'), size_bytes: (await stat(path)).size };
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error;
    throw new SpotrigError('pin_archive', `cannot read ${path}`, { cause: error });
  }
}

async function unpackedBytes(archive: string, kind: ArchiveKind, member: string): Promise<number> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const temp = await mkdtemp(join(tmpdir(), 'spotrig-pin-'));
  try {
    return (await unpackMember({ archive, kind, member, to: join(temp, 'program'), env })).size_bytes;
  } catch (error) {
    if (!(error instanceof SpotrigError) || error.code !== 'archive_no_member') throw error;
    const files = await listFiles({ archive, kind, env });
    throw new SpotrigError(
      'pin_member',
      files.length === 0
        ? 'the archive holds no file'
        : `the archive has no ${member}; give --member, one of: ${files.slice(0, 20).join(', ')}`,
    );
  } finally {
    await rm(temp, { recursive: true });
  }
}

/**
 * Puts the entry before all others; one of the same miner and version goes. Returns the digest of that one, or null. Throws
 * `pin_changed` where that is another, unless `replace` is given: a version's bytes never change by themselves.
 */
export async function enterRelease(release: MinerRelease, into: string, replace: boolean): Promise<string | null> {
  const list = await readReleases(into);
  const same = list.find((r) => r.miner === release.miner && r.version === release.version);
  if (same !== undefined && same.sha256 !== release.sha256 && !replace) {
    throw new SpotrigError(
      'pin_changed',
      `${release.miner} ${release.version} is pinned as ${same.sha256}, and this is ${release.sha256}: a published version does not change, ` +
        'so ask its publisher first; --replace then takes the new one',
    );
  }
  const next = [release, ...list.filter((r) => r !== same)];
  await writeFileDurable(into, `${JSON.stringify(next, null, 2)}\n`, 0o644);
  return same?.sha256 ?? null;
}

/** The list; [] where there is none. Throws `pin_list`. */
export async function readReleases(path: string): Promise<MinerRelease[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return '[]';
    throw error;
  });
  try {
    return z.parse(MinerReleases, JSON.parse(text));
  } catch (error) {
    throw new SpotrigError('pin_list', `${path} is not a list of releases`, { cause: error });
  }
}
