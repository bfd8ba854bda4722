// `spotrig pin`: enters a miner's archive into miners/releases.json, by the digest of the file at hand. Workers run nothing else.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import * as z from 'zod';
import { listFiles, unpackMember } from '../../entrypoint/artifacts/archive.ts';
import { FRPC, frpcLayout } from '../../miners/frpc.ts';
import type { ReleaseLayout } from '../../miners/miner.ts';
import { findMiner, minerNames } from '../../miners/registry.ts';
import { ARCHIVE_KINDS, MinerRelease, MinerReleases, type ArchiveKind } from '../../miners/releases.ts';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno, messageOf } from '../../platform/errors.ts';

export const summary = 'pin a release of a miner, or of frpc, by the digest of its archive';

const RELEASES = join(import.meta.dirname, '../../miners/releases.json');

const HELP = `spotrig pin: let workers fetch and run a release of a miner, or of frpc

  pin MINER ARCHIVE    MINER is one of ${names()}; ARCHIVE is a file (${ARCHIVE_KINDS.join(', ')})

  --version V    the release's version (default: from the archive's name)
  --url URL      where the archive can be fetched (default: the miner's own release page)
  --member PATH  the program inside the archive (default: as the miner's own project packs it)
  --into FILE    the list to write (default miners/releases.json)
  --json         answer in JSON

Check the archive's digest with its publisher first: from now on workers trust exactly these bytes. The newest entry of a miner
is what its bare name means. Build afterwards, and put the archive on your mirrors as artifacts/<sha256>.
`;

function names(): string {
  return [...minerNames(), FRPC].join(', ');
}

function layoutOf(name: string): ReleaseLayout | undefined {
  return name === FRPC ? frpcLayout : findMiner(name)?.release;
}

const OPTIONS = {
  version: { type: 'string' },
  url: { type: 'string' },
  member: { type: 'string' },
  into: { type: 'string', default: RELEASES },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

const EX_USAGE = 64;

/** `spotrig pin MINER ARCHIVE`: writes the entry. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return usage(messageOf(error));
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [miner, archive] = positionals;
  if (miner === undefined || archive === undefined || positionals.length > 2)
    return usage('give a miner and an archive');
  try {
    const release = await describeArchive({ miner, archive, ...values });
    const replaced = await enter(release, values.into);
    console.log(values.json ? JSON.stringify(release) : report(release, replaced, values.into));
    return 0;
  } catch (error) {
    if (!(error instanceof SpotrigError)) throw error;
    console.error(`spotrig pin: ${messageOf(error)}`);
    return 1;
  }
}

interface ArchiveQuestion {
  miner: string;
  archive: string;
  version?: string | undefined;
  url?: string | undefined;
  member?: string | undefined;
}

/** Everything about an archive that a release entry says. The program is unpacked for it, as a worker would. */
async function describeArchive(o: ArchiveQuestion): Promise<MinerRelease> {
  const layout = layoutOf(o.miner);
  if (layout === undefined) {
    throw new SpotrigError('pin_miner', `unknown miner "${o.miner}"; known are ${names()}`);
  }
  const asset = basename(o.archive);
  const kind = kindOf(asset);
  const known = layout.asset.exec(asset)?.groups?.['version'];
  const version = o.version ?? known;
  if (version === undefined)
    throw new SpotrigError('pin_version', `${asset} does not tell its version; give --version`);
  const url = o.url ?? (known === version ? layout.url(version, asset) : undefined);
  if (url === undefined) {
    throw new SpotrigError('pin_url', `${asset} is not named as on ${o.miner}'s release page; give --url`);
  }
  const member = o.member ?? layout.member(version);
  const { sha256, size_bytes } = await digestOf(o.archive);
  const unpacked_bytes = await unpackedBytes(o.archive, kind, member);
  const entry = { miner: o.miner, version, url, sha256, size_bytes, unpacked_bytes, archive: kind, member };
  const checked = MinerRelease.safeParse(entry);
  if (!checked.success) {
    const faults = checked.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new SpotrigError('pin_entry', `this makes no release entry: ${faults.join('; ')}`);
  }
  return checked.data;
}

function kindOf(asset: string): ArchiveKind {
  const kind = ARCHIVE_KINDS.find((k) => asset.endsWith(`.${k}`)) ?? (asset.endsWith('.tgz') ? 'tar.gz' : undefined);
  if (kind === undefined) throw new SpotrigError('pin_kind', `${asset} is none of ${ARCHIVE_KINDS.join(', ')}`);
  return kind;
}

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

/** Puts the entry before all others; one of the same miner and version goes. Returns the digest of that one, or null. */
async function enter(release: MinerRelease, into: string): Promise<string | null> {
  const list = await readReleases(into);
  const same = list.find((r) => r.miner === release.miner && r.version === release.version);
  const next = [release, ...list.filter((r) => r !== same)];
  await writeFileDurable(into, `${JSON.stringify(next, null, 2)}\n`, 0o644);
  return same?.sha256 ?? null;
}

async function readReleases(path: string): Promise<MinerRelease[]> {
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

function report(release: MinerRelease, replaced: string | null, into: string): string {
  const lines = [
    `${release.miner} ${release.version} is pinned in ${into}:`,
    `  sha256    ${release.sha256}`,
    `  size      ${release.size_bytes} bytes, unpacked ${release.unpacked_bytes}`,
    `  program   ${release.member}`,
    `  from      ${release.url}`,
  ];
  if (replaced !== null && replaced !== release.sha256) lines.push(`It takes the place of ${replaced}.`);
  lines.push(`Next: npm run build, and put the archive on your mirrors as artifacts/${release.sha256}`);
  return lines.join('\n');
}

function usage(complaint: string): number {
  console.error(`spotrig pin: ${complaint}\n\n${HELP}`);
  return EX_USAGE;
}
