// The manifest of a release. A build's says what was made; a release's is signed, and says how new it is and how long it counts.
import { type KeyObject, sign, verify } from 'node:crypto';
import * as z from 'zod';
import { SpotrigError } from '../../platform/errors.ts';
import { Sha256 } from '../../wire/fields.ts';
import { parsePublicKey, publicTextOf, PublicKeyText } from './signing-keys.ts';

/** The manifest's name in a release. */
export const MANIFEST = 'manifest.json';
/** Digests in the form that `sha256sum -c` takes. */
export const SUMS = 'SHA256SUMS';
/** No manifest is larger: a mirror's is read up to here. */
export const MANIFEST_MAX_BYTES = 256 * 1024;

/** First in the signed text, so that a signature for something else can never be taken for one of a release. */
const FORMAT = 'spotrig release 1';
const FILES_MAX = 200;
const FILE_MAX_BYTES = 4 * 1024 ** 3;

/** Where workers ask for an artefact. */
export function artifactName(sha256: string): string {
  return `artifacts/${sha256}`;
}

/** A stranger's manifest is shown on terminals: no text in it can be more than text. */
const Plain = z
  .string()
  .max(200)
  .regex(/^\P{Cc}*$/u);
const Version = z.string().regex(/^[0-9A-Za-z.+-]{1,60}$/);

const File = z
  .strictObject({
    /** Path under the release's folder. */
    name: z
      .string()
      .regex(/^(?:entrypoint\.sh|loader\.sh|SHA256SUMS|artifacts\/[0-9a-f]{64})$/, 'is no file of a release'),
    sha256: Sha256,
    size_bytes: z.int().min(0).max(FILE_MAX_BYTES),
    what: Plain,
    /** Of an artefact of an earlier release: kept until then, for workers whose script is that release's. */
    until: z.iso.datetime().optional(),
  })
  .refine(({ name, sha256 }) => !name.startsWith('artifacts/') || name === artifactName(sha256), {
    message: 'an artefact is named by its digest',
  });
export type ReleaseFile = z.infer<typeof File>;

/** What a build writes. */
export interface Manifest {
  version: string;
  /** Version of the Node that the worker runs on. */
  node: string;
  files: ReleaseFile[];
}

const ReleaseManifest = z.strictObject({
  format: z.literal(FORMAT),
  /** Of two releases the one with the higher serial is the newer. */
  serial: z.int().min(1),
  /** From then on a mirror that still has it is stale. */
  expires: z.iso.datetime(),
  version: Version,
  node: Version,
  /** Of the source; `-dirty` where it was made from changed files. */
  commit: z.string().regex(/^[0-9a-f]{40}(?:-dirty)?$/),
  /** Who signed it. That alone proves nothing: compare it with the one that you know. */
  key: PublicKeyText,
  files: z
    .array(File)
    .max(FILES_MAX)
    .refine((files) => new Set(files.map(({ name }) => name)).size === files.length, 'a file is named twice'),
});
export type ReleaseManifest = z.infer<typeof ReleaseManifest>;

/** A manifest as it was read, before anybody looked at its signature. */
export interface ReadManifest {
  manifest: ReleaseManifest;
  /** What the signature covers: the file without its second line. */
  signed: Buffer;
  signature: Buffer;
}

const OPENING = '{\n';
const SIGNATURE_LINE = /^ {2}"signature": "([A-Za-z0-9_-]{86})",\n/;
const SIGNATURE_LINE_CHARS = 105;

/** The bytes of manifest.json. Line 2 is the ed25519 signature (RFC 8032) over all other bytes, so the whole is JSON and one file. */
export function signManifest(manifest: Omit<ReleaseManifest, 'format' | 'key'>, key: KeyObject): Buffer {
  const { serial, expires, version, node, commit, files } = manifest;
  const whole = { format: FORMAT, serial, expires, version, node, commit, key: publicTextOf(key), files };
  const checked = ReleaseManifest.safeParse(whole);
  if (!checked.success) throw new SpotrigError('manifest_wrong', `no such manifest: ${z.prettifyError(checked.error)}`);
  const signed = Buffer.from(`${JSON.stringify(checked.data, null, 2)}\n`);
  const line = `  "signature": "${sign(null, signed, key).toString('base64url')}",\n`;
  return Buffer.concat([Buffer.from(OPENING + line), signed.subarray(OPENING.length)]);
}

/** Takes manifest.json apart. Throws `manifest_unsigned` for a build's, `manifest_wrong` for what is none. Proves nothing yet. */
export function readManifest(bytes: Buffer): ReadManifest {
  if (bytes.length > MANIFEST_MAX_BYTES) throw wrong(`it has more than ${MANIFEST_MAX_BYTES} bytes`);
  const opening = bytes.subarray(0, OPENING.length).toString('latin1');
  const rest = bytes.subarray(OPENING.length);
  const line = SIGNATURE_LINE.exec(rest.subarray(0, SIGNATURE_LINE_CHARS).toString('latin1'));
  if (opening !== OPENING || line === null)
    throw isBuild(bytes) ? unsigned() : wrong('its second line is no signature');
  const text = line[1] ?? '';
  const signature = Buffer.from(text, 'base64url');
  // Of the last letter four bits count for nothing; only one of its sixteen forms is taken.
  if (signature.toString('base64url') !== text) throw wrong('its signature is not written as one is');
  const signed = Buffer.concat([bytes.subarray(0, OPENING.length), rest.subarray(line[0].length)]);
  const checked = ReleaseManifest.safeParse(jsonOf(signed));
  if (!checked.success) throw wrong(z.prettifyError(checked.error).replaceAll(/\p{Cc}+/gu, ' '));
  return { manifest: checked.data, signed, signature };
}

/** Whether the key that the manifest names has signed it. */
export function isSigned({ manifest, signed, signature }: ReadManifest): boolean {
  return verify(null, signed, parsePublicKey(manifest.key), signature);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function isBuild(bytes: Buffer): boolean {
  const value = jsonOf(bytes);
  return typeof value === 'object' && value !== null && 'files' in value && !('signature' in value);
}

function unsigned(): SpotrigError {
  return new SpotrigError('manifest_unsigned', `${MANIFEST} is not signed: it is a build's; make a release of it`);
}

function wrong(why: string): SpotrigError {
  return new SpotrigError('manifest_wrong', `${MANIFEST} is no release's: ${why}`);
}
