// `spotrig image check`: how large an image is by every reading, counted from its layers, and what would make it smaller.
import type { ParseArgsOptionsConfig } from 'node:util';
import { realClock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import { type CheckOptions, checkImages } from '../image/check.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../image/platform.ts';
import { LIMIT_BYTES, readSizePolicy } from '../image/policy.ts';
import { progressBar } from '../image/progress-bar.ts';
import type { ImageReport } from '../image/report.ts';
import { reportText } from '../image/report-text.ts';
import { STDIN } from '../image/source.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'tell whether an image is small enough for CCR, and what to cut';

const HELP = `spotrig image check: how large images are, counted to the byte from their layers, and what would make them smaller

  image check IMAGE...   a name in the running engine (docker or podman, by its socket or DOCKER_HOST); an archive of docker save or
                         an OCI archive, compressed or not; an OCI layout's folder; or - for an archive on standard input. A name that
                         could be two things takes a prefix: docker-daemon:NAME, docker-archive:FILE, oci-archive:FILE, oci:FOLDER

  --limit SIZE           largest classic size in bytes, or like 600MB (default ${LIMIT_BYTES}: CCR's limit)
  --policy FILE          a size.toml with limit_bytes, warn_percent, waste_bytes_max; --limit goes before it
  --platform OS/ARCH     which one of several platforms (default ${DEFAULT_PLATFORM})
  --json                 print an array of reports instead

"classic" is what docker image ls shows on an engine with a classic graph driver, and what the limit means. podman and containerd's
store count other things; that an image is over the limit there is a warning, and so is what old engines refuse: zstd, a path twice in
one layer, GNU sparse files, more than 125 layers. Every digest is verified. Nothing is unpacked to the disk, and an archive that would
unpack to more than twenty times the limit (at least 20 GB) is given up.

Exit code 0 when every image is within the limit, 1 when one is not or cannot be read, 64 when the call was wrong.
`;

const OPTIONS = {
  limit: { type: 'string' },
  policy: { type: 'string' },
  platform: { type: 'string', default: DEFAULT_PLATFORM },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** `spotrig image check IMAGE...`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const [verb, ...sources] = positionals;
    if (verb !== 'check') throw new UsageError('there is `image check IMAGE...`; see --help');
    if (sources.length === 0) throw new UsageError('name an image, an archive or a folder; see --help');
    if (sources.filter((source) => source === STDIN).length > 1) throw new UsageError('- can be given once');
    if (parsePlatform(values.platform) === null) throw new UsageError('--platform: like linux/amd64 or linux/arm/v7');
    const options = await readOptions(values);
    const reports: ImageReport[] = [];
    let isBroken = false;
    for (const source of sources) {
      try {
        const found = await checked(source, options);
        reports.push(...found);
        if (!values.json) process.stdout.write(`${found.map(reportText).join('\n\n')}\n\n`);
      } catch (error) {
        // The others are still worth a look.
        isBroken = true;
        console.error(`spotrig image check: ${messageOf(error)}`);
      }
    }
    if (values.json) process.stdout.write(`${JSON.stringify(reports, null, 2)}\n`);
    const isGood = reports.every(({ verdict }) => verdict === 'ok' || verdict === 'warn');
    return isGood && !isBroken ? 0 : 1;
  } catch (error) {
    console.error(`spotrig image: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

async function readOptions(values: {
  limit?: string | undefined;
  policy?: string | undefined;
  platform: string;
}): Promise<CheckOptions> {
  const limit_bytes = values.limit === undefined ? null : readLimit(values.limit);
  const policy = values.policy === undefined ? null : await usable(readSizePolicy(values.policy));
  return {
    ...policy,
    ...(limit_bytes === null ? {} : { limit_bytes }),
    platform: values.platform,
  };
}

async function usable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw new UsageError(`--policy: ${messageOf(error)}`, { cause: error });
  }
}

const UNITS: Record<string, number> = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

function readLimit(text: string): number {
  const [, number, unit = ''] = /^([0-9]+(?:\.[0-9]+)?) ?([kmg]?b)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError('--limit: a number of bytes, or like 600MB');
}

async function checked(source: string, options: CheckOptions): Promise<ImageReport[]> {
  const bar = progressBar(source, process.stderr, () => realClock.monoMs());
  try {
    return await checkImages(source, {
      ...options,
      progress: ({ bytes, total_bytes }) => bar.show(bytes, total_bytes),
    });
  } finally {
    bar.clear();
  }
}
