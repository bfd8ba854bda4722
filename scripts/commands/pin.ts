// `spotrig pin`: enters a miner's archive, or frpc's, into miners/releases.json, by its digest. Workers run nothing else.
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { freeBytesAt } from '../../entrypoint/artifacts/disk-budget.ts';
import type { MinerRelease } from '../../miners/releases.ts';
import { realClock } from '../../platform/clock.ts';
import { makeDir } from '../../platform/durable-file.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { exclusively } from '../../platform/exclusive.ts';
import { printableUrl } from '../../platform/http-body.ts';
import { ARCHIVE_MAX_BYTES, ARCHIVES, STALL_MS, TOTAL_MS } from '../release/archives.ts';
import { fetchArchive } from '../release/fetch-archive.ts';
import { describeArchive, enterRelease, layoutOf, pinnableNames, readReleases } from '../release/pinning.ts';
import { EX_USAGE } from '../usage.ts';

export const summary = 'pin a release of a miner, or of frpc, by the digest of its archive';

const RELEASES = join(import.meta.dirname, '../../miners/releases.json');

const HELP = `spotrig pin: let workers fetch and run a release of a miner, or of frpc

  pin MINER FILE       an archive (tar.gz, tar.xz, zip), or the bare program; MINER is one of ${pinnableNames()}
  pin MINER VERSION    fetch that version from its project's release page
  pin MINER            fetch what is pinned already, and record its size

  --sha256 HEX   what its publisher says; other bytes are refused
  --version V    the release's version (default: from the file's name)
  --url URL      where it can be fetched (default: the project's own release page; a bare program may have none)
  --member PATH  the program inside the archive (default: as its own project packs it)
  --replace      let another file take the place of the same version
  --into FILE    the list to write (default miners/releases.json)
  --cache DIR    where fetched files are kept, by their digest (default .cache/archives)
  --json         answer in JSON

Check the digest with its publisher: from now on workers trust exactly these bytes. The newest entry of a miner is what its bare
name means. Then make a release that carries it: spotrig release --miner MINER.
`;

const OPTIONS = {
  sha256: { type: 'string' },
  version: { type: 'string' },
  url: { type: 'string' },
  member: { type: 'string' },
  replace: { type: 'boolean', default: false },
  into: { type: 'string', default: RELEASES },
  cache: { type: 'string', default: ARCHIVES },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];

const VERSION = /^\d[0-9A-Za-z.+-]{0,39}$/;

/** `spotrig pin MINER …`: writes the entry. Resolves with the exit code: 0, 1 where nothing was pinned, 64 where the call was wrong. */
export async function run(argv: string[]): Promise<number> {
  let call;
  try {
    call = parsed(argv);
  } catch (error) {
    return usage(messageOf(error));
  }
  const { values, positionals } = call;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [miner, what] = positionals;
  if (miner === undefined || positionals.length > 2) return usage('give a miner, and a version or a file');
  if (values.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(values.sha256)) {
    return usage('--sha256: 64 hex digits in lower case');
  }
  try {
    layoutOf(miner);
    const release = await pin(miner, what, values);
    const replaced = await enterRelease(release, values.into, values.replace);
    console.log(values.json ? JSON.stringify(release) : report(release, replaced, values.into));
    return 0;
  } catch (error) {
    if (!(error instanceof SpotrigError)) throw error;
    console.error(`spotrig pin: ${messageOf(error)}`);
    return 1;
  }
}

function parsed(argv: string[]) {
  return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
}

async function pin(miner: string, what: string | undefined, flags: Flags): Promise<MinerRelease> {
  if (what === undefined) return await pinAgain(miner, flags);
  if (!VERSION.test(what) || existsSync(what)) return await describeArchive({ miner, archive: what, ...flags });
  const layout = layoutOf(miner);
  const url = flags.url ?? layout.url(what, layout.assetOf(what));
  return await pinFrom(url, { miner, version: what, url, member: flags.member, sha256: flags.sha256 }, flags);
}

/** The newest entry again, with what only the file itself tells. */
async function pinAgain(miner: string, flags: Flags): Promise<MinerRelease> {
  const list = await readReleases(flags.into);
  const pinned = list.find((r) => r.miner === miner && (flags.version === undefined || r.version === flags.version));
  if (pinned === undefined)
    throw new SpotrigError('pin_version', `no ${miner} is pinned yet: give a version or a file`);
  const url = flags.url ?? pinned.url;
  if (url === null)
    throw new SpotrigError(
      'pin_url',
      `${miner} ${pinned.version} is pinned without an address: give its file, or --url`,
    );
  const sha256 = flags.sha256 ?? (flags.replace ? undefined : pinned.sha256);
  return await pinFrom(
    url,
    { miner, version: pinned.version, url, member: flags.member ?? pinned.member, sha256 },
    flags,
  );
}

async function pinFrom(
  url: string,
  facts: { miner: string; version: string; url: string; member: string | undefined; sha256: string | undefined },
  flags: Flags,
): Promise<MinerRelease> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new SpotrigError('pin_url', '--url must be an http or https address');
  await makeDir(flags.cache, 0o755);
  const archive = join(flags.cache, `${facts.miner}-${facts.version}.part`);
  const alone = { purpose: 'pin', folder: flags.cache, clock: realClock, signal: new AbortController().signal };
  return await exclusively(alone, async () => {
    try {
      console.error(`fetching ${printableUrl(url)}`);
      await fetchArchive({
        ...{ url, path: archive, maxBytes: ARCHIVE_MAX_BYTES, roomBytes: await freeBytesAt(flags.cache) },
        ...{ clock: realClock, stallMs: STALL_MS, totalMs: TOTAL_MS },
        onProgress: ({ bytes, total_bytes, rate_bytes_s, eta_s }) =>
          console.error(
            `  ${bytes} of ${total_bytes ?? 'unknown'} bytes, ${rate_bytes_s} bytes/s${eta_s === null ? '' : `, ${eta_s} s left`}`,
          ),
      });
      const release = await describeArchive({ ...facts, archive, asset: basename(new URL(url).pathname) });
      await rename(archive, join(flags.cache, release.sha256));
      return release;
    } finally {
      await rm(archive, { force: true });
    }
  });
}

function report(release: MinerRelease, replaced: string | null, into: string): string {
  const lines = [
    `${release.miner} ${release.version} is pinned in ${into}:`,
    `  sha256    ${release.sha256}`,
    `  size      ${release.size_bytes} bytes, unpacked ${release.unpacked_bytes}`,
    `  program   ${release.member}${release.archive === 'plain' ? ' (the file itself)' : ''}`,
    `  from      ${release.url ?? 'your mirrors alone'}`,
  ];
  if (replaced !== null && replaced !== release.sha256) lines.push(`It takes the place of ${replaced}.`);
  lines.push(
    `Next: npx spotrig release --miner ${release.miner}${release.url === null ? ' --from FILE' : ''}, ` +
      `or npm run build and the file on your mirrors as artifacts/${release.sha256}`,
  );
  return lines.join('\n');
}

function usage(complaint: string): number {
  console.error(`spotrig pin: ${complaint}\n\n${HELP}`);
  return EX_USAGE;
}
