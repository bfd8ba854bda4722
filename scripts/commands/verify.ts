// `spotrig verify`: whether a mirror has the whole of a release, byte by byte, signed by whom it should be, and the newest.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { MIRROR_LIMITS, openMirror } from '../release/mirror.ts';
import { readRelease } from '../release/read-release.ts';
import { parsePublicKey } from '../release/signing-keys.ts';
import { verifyRelease, type VerifyResult } from '../release/verify.ts';
import { EX_USAGE, UsageError } from '../usage.ts';

export const summary = 'check a release on a mirror, or in a folder, completely';

const PUBLIC_KEY_VARIABLE = 'SPOTRIG_RELEASE_KEY';

const HELP = `spotrig verify: is this mirror whole, ours, and up to date?

  verify DIR|URL          a release's folder, or the base address that serves it

  --key PUB               the public key that must have signed it (spotrig keygen prints it; default: ${PUBLIC_KEY_VARIABLE})
  --serial-at-least N|DIR an older release is stale; of a folder or address, that release's serial counts
  --no-unpack             do not unpack the runtimes to compare them with what the scripts expect
  --limit-s N             an address may take this long in all (default ${MIRROR_LIMITS.totalMs / 1000})
  --json                  answer in JSON

Checks signature, expiry and serial, size and SHA-256 of every file, files that are missing or (in a folder) too many, that
SHA256SUMS and the scripts agree with the manifest, and that no file is there for nobody. Exit code 0: all good; 1: something is stale
or wrong; 64: the call was.
`;

const OPTIONS = {
  key: { type: 'string' },
  'serial-at-least': { type: 'string' },
  'no-unpack': { type: 'boolean', default: false },
  'limit-s': { type: 'string', default: String(MIRROR_LIMITS.totalMs / 1000) },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** `spotrig verify …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) {
      console.log(HELP);
      return 0;
    }
    const [place, ...more] = positionals;
    if (place === undefined || more.length > 0) throw new UsageError('give one folder or address; see --help');
    const result = await check(place, values);
    console.log(values.json ? JSON.stringify(result) : report(result));
    return result.good ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SpotrigError) && !(error instanceof UsageError)) throw error;
    console.error(`spotrig verify: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${messageOf(error)}; see --help`);
  }
}

type Flags = ReturnType<typeof parsed>['values'];

async function check(place: string, flags: Flags): Promise<VerifyResult> {
  const key = keyOf(
    flags.key ?? process.env[PUBLIC_KEY_VARIABLE],
    flags.key === undefined ? PUBLIC_KEY_VARIABLE : '--key',
  );
  if (!/^[1-9][0-9]{0,5}$/.test(flags['limit-s']))
    throw new UsageError(`--limit-s: whole seconds, not ${JSON.stringify(flags['limit-s'])}`);
  const serialAtLeast = await leastSerial(flags['serial-at-least']);
  const mirror = openMirror(place, { ...MIRROR_LIMITS, totalMs: Number(flags['limit-s']) * 1000 });
  try {
    return await verifyRelease({
      ...{ mirror, key, serialAtLeast, nowMs: Date.now(), unpack: !flags['no-unpack'] },
      onFile: ({ name, size_bytes }) => {
        if (process.stderr.isTTY)
          console.error(`reading ${name.slice(0, 22)} (${size_bytes.toLocaleString('en')} bytes)`);
      },
    });
  } finally {
    await mirror.close();
  }
}

function keyOf(text: string | undefined, from: string): string | null {
  if (text === undefined || text === '') return null;
  try {
    parsePublicKey(text);
  } catch (error) {
    throw new UsageError(`${from}: ${messageOf(error)}`);
  }
  return text;
}

async function leastSerial(text: string | undefined): Promise<number | null> {
  if (text === undefined) return null;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  const release = await readRelease(text);
  if (release === null)
    throw new UsageError(`--serial-at-least: a number, or where a release lies; ${text} has no manifest.json`);
  return release.serial;
}

function report({ good, where, manifest, findings, notes }: VerifyResult): string {
  const lines = findings.map(
    ({ kind, file, message }) => `${kind.padEnd(5)}  ${file === null ? 'the release' : file} ${message}`,
  );
  lines.push(...notes.map((note) => `note   ${note}`));
  if (manifest !== null) {
    const { version, serial, expires, files, key } = manifest;
    lines.push(
      `${where}: spotrig ${version}, serial ${serial}, expires ${expires}, ${files.length} files, signed by ${key}`,
    );
  }
  lines.push(
    good
      ? 'good: every byte is as it was signed'
      : `NOT good: ${findings.length} ${findings.length === 1 ? 'fault' : 'faults'} at ${where}`,
  );
  return lines.join('\n');
}
