// `spotrig release`: a signed release as a folder, for any static host or the collector.
import { join, resolve } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { minerReleases } from '../../miners/pinned.ts';
import { realClock } from '../../platform/clock.ts';
import { makeDir } from '../../platform/durable-file.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { exclusively } from '../../platform/exclusive.ts';
import { ARCHIVES, findArchive, pinnedRelease } from '../release/archives.ts';
import type { ReleaseManifest } from '../release/manifest.ts';
import { publish, serialTooLow } from '../release/publish.ts';
import { readRelease } from '../release/read-release.ts';
import { composeRelease, ROOT } from '../release/release.ts';
import { loadSigningKey, SIGNING_KEY_VARIABLE } from '../release/signing-keys.ts';
import { sourceFacts } from '../release/source.ts';
import { EX_USAGE, UsageError } from '../usage.ts';

export const summary = 'write a signed release for mirrors and the collector';

const HELP = `spotrig release: everything that workers fetch, signed, in one folder

  --out DIR             where to (default dist/release); artefacts of the release before stay there for 21 days more
  --key FILE            the private key of spotrig keygen; without it ${SIGNING_KEY_VARIABLE} must hold the PEM itself
  --miner NAME[@V]      also carry this pinned miner's archive; may be given again
  --frpc                also carry the pinned frpc
  --from PATH           an archive, or a folder of archives, that need not be fetched; may be given again
  --serial N            default: the commit's time in Unix seconds; never lower than that of --out or --previous
  --expires WHEN        a date (2027-03-01) or days after the commit (90d, the default)
  --previous DIR|URL    refuse also to be older than the release there
  --dirty               take changed files too; the manifest's commit then ends in -dirty
  --no-xz               leave the xz runtime out; workers then take the gzip one, which is half as large again
  --json                print the manifest as JSON

The same commit, tools and release before give the same bytes. Then copy the folder to your mirrors, manifest.json last, and check
each by spotrig verify; a collector serves it with --release DIR.
`;

const OPTIONS = {
  out: { type: 'string', default: join(ROOT, 'dist/release') },
  key: { type: 'string' },
  miner: { type: 'string', multiple: true, default: [] },
  frpc: { type: 'boolean', default: false },
  from: { type: 'string', multiple: true, default: [] },
  serial: { type: 'string' },
  expires: { type: 'string', default: '90d' },
  previous: { type: 'string' },
  dirty: { type: 'boolean', default: false },
  'no-xz': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];

const DAY_MS = 86_400_000;

/** `spotrig release …`. Resolves with the exit code: 0, 1 where no release was made, 64 where the call was wrong. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values } = parsed(argv);
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const manifest = await release(values);
    console.log(values.json ? JSON.stringify(manifest) : report(manifest, resolve(values.out)));
    return 0;
  } catch (error) {
    if (!(error instanceof SpotrigError) && !(error instanceof UsageError)) throw error;
    console.error(`spotrig release: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS });
  } catch (error) {
    throw new UsageError(`${messageOf(error)}; see --help`);
  }
}

async function release(flags: Flags): Promise<ReleaseManifest> {
  const out = resolve(flags.out);
  const log = (line: string): void => console.error(line);
  const chosen = [...flags.miner, ...(flags.frpc ? ['frpc'] : [])].map((text) => pinnedRelease(text, minerReleases));
  const key = await loadSigningKey(flags.key, process.env);
  const { commit, commit_s } = await sourceFacts(ROOT);
  if (commit.endsWith('-dirty') && !flags.dirty) {
    throw new SpotrigError(
      'source_dirty',
      'files of the commit are changed, so it would not tell what is in the release: commit them, or give --dirty',
    );
  }
  const serial = serialOf(flags, commit_s);
  const expires = expiryOf(flags.expires, commit_s);
  if (Date.parse(expires) <= Date.now()) throw new UsageError(`--expires: ${expires} has passed; give a later date`);

  if (flags.previous !== undefined) {
    const found = await readRelease(flags.previous);
    if (found === null)
      throw new SpotrigError('previous_missing', `--previous: ${flags.previous} has no manifest.json`);
    if (found.serial > serial) throw serialTooLow(serial, found.serial, flags.previous);
  }
  await makeDir(out, 0o755);
  // Two at once would remove each other's files.
  const alone = { purpose: 'release', folder: out, clock: realClock, signal: new AbortController().signal };
  return await exclusively(alone, async () => {
    const previous = await readRelease(out);
    if (previous !== null && previous.serial > serial) throw serialTooLow(serial, previous.serial, out);
    const extras = [];
    for (const pinned of chosen) {
      extras.push(await findArchive(pinned, { from: flags.from, out, cacheDir: ARCHIVES, log }));
    }
    const composed = await composeRelease({ xz: flags['no-xz'] ? 'off' : 'make', log });
    if (!flags['no-xz'] && !composed.files.some(({ what }) => what.endsWith('xz'))) {
      throw new SpotrigError(
        'release_no_xz',
        'this machine cannot make the xz runtime: install xz-utils, or give --no-xz',
      );
    }
    return await publish({ out, composed, extras, serial, expires, commit, made_s: commit_s, key, previous, log });
  });
}

function serialOf(flags: Flags, commit_s: number): number {
  if (flags.serial === undefined) return commit_s;
  if (/^[1-9][0-9]{0,14}$/.test(flags.serial)) return Number(flags.serial);
  throw new UsageError(`--serial: a whole number from 1 on, of at most 15 digits, not ${JSON.stringify(flags.serial)}`);
}

function expiryOf(text: string, commit_s: number): string {
  const days = /^([1-9][0-9]{0,3})d$/.exec(text)?.[1];
  const ms =
    days === undefined
      ? Date.parse(/^\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?$/.test(text) ? text : '')
      : commit_s * 1000 + Number(days) * DAY_MS;
  if (Number.isFinite(ms)) return new Date(ms).toISOString();
  throw new UsageError(`--expires: a date like 2027-03-01, or days like 90d, not ${JSON.stringify(text)}`);
}

function report(manifest: ReleaseManifest, out: string): string {
  const lines = manifest.files.map(({ name, size_bytes, what, until }) => {
    const short = name.replace(/(artifacts\/.{12}).*/, '$1…');
    const kept = until === undefined ? '' : ` (of an earlier release; until ${until.slice(0, 10)})`;
    return `${size_bytes.toLocaleString('en').padStart(12)}  ${short.padEnd(24)}  ${what}${kept}`;
  });
  const { serial, expires, version, node, commit, key } = manifest;
  return [
    ...lines,
    '',
    `spotrig ${version} with Node ${node}, commit ${commit}, is in ${out}`,
    `serial ${serial}, expires ${expires}, signed by ${key}`,
    `Next: copy it to your mirrors, manifest.json last, then: npx spotrig verify URL --key ${key} --serial-at-least ${serial}`,
  ].join('\n');
}
