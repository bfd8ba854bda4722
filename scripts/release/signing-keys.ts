// Keys that sign releases: ed25519. The private one is a PEM file (PKCS 8); the public one is one word, `ed25519:` and 32 bytes as
// base64url, which goes into settings and commands.
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import * as z from 'zod';
import { SpotrigError, isErrno } from '../../platform/errors.ts';

/** Holds a private key's PEM where there is no file for it. */
export const SIGNING_KEY_VARIABLE = 'SPOTRIG_SIGNING_KEY';
const KEY_FILE_MAX_BYTES = 10_000;

const PREFIX = 'ed25519:';
/** 32 bytes take 43 letters, of which the last carries four bits. */
const PUBLIC = /^ed25519:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
export const PublicKeyText = z.string().regex(PUBLIC, `must be ${PREFIX} and 43 letters, as spotrig keygen prints it`);

/** A new pair: the private key as PEM, the public one as its word. */
export function newKeyPair(): { privatePem: string; publicText: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { privatePem, publicText: publicTextOf(privateKey) };
}

/** The public half of a key, as one word. */
export function publicTextOf(key: KeyObject): string {
  const { x } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return `${PREFIX}${x ?? ''}`;
}

/** The key of a word that publicTextOf gives. Throws `key_wrong`. */
export function parsePublicKey(text: string): KeyObject {
  if (!PUBLIC.test(text))
    throw new SpotrigError('key_wrong', `a public key is ${PREFIX} and 43 letters, as spotrig keygen prints it`);
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text.slice(PREFIX.length) }, format: 'jwk' });
}

/** The signing key from its file, or from the variable where no file is given. Throws `key_missing` and `key_wrong`; no message shows it. */
export async function loadSigningKey(file: string | undefined, env: NodeJS.ProcessEnv): Promise<KeyObject> {
  if (file !== undefined) return parsePrivateKey(await readKeyFile(file), file);
  const text = env[SIGNING_KEY_VARIABLE];
  if (text === undefined || text === '') {
    throw new SpotrigError(
      'key_missing',
      `there is no key to sign with: give --key FILE, or the PEM itself in ${SIGNING_KEY_VARIABLE}; spotrig keygen makes one`,
    );
  }
  return parsePrivateKey(text, SIGNING_KEY_VARIABLE);
}

/** A private key file's text. Throws `key_missing`, and `key_wrong` for one that others may read. */
async function readKeyFile(path: string): Promise<string> {
  // Somebody who pastes the key itself must not find it in an error.
  if (/-----|\n/.test(path))
    throw new SpotrigError('key_wrong', '--key takes the name of a file, never the key itself');
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new SpotrigError(
        'key_wrong',
        `${path} can be read by others than you: chmod 600 it, and think about a new key`,
      );
    }
    if (size > KEY_FILE_MAX_BYTES) throw new SpotrigError('key_wrong', `${path} is too large for a key`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR')) throw error;
    throw new SpotrigError('key_missing', `cannot read the key file ${path}`, { cause: error });
  }
}

function parsePrivateKey(text: string, from: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw new SpotrigError('key_wrong', `${from} holds no private key in PEM form, as spotrig keygen writes it`);
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new SpotrigError('key_wrong', `${from} holds a key of type ${key.asymmetricKeyType ?? 'unknown'}, not ed25519`);
}
