// The signing keys of tokens: `keys.json` (mode 0600) in the data folder. Every key in it verifies, the newest mints.
import { type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { type Clock, realClock } from '../platform/clock.ts';
import { fileStamp, makeDir, readTextIfPresent, writeFileDurable } from '../platform/durable-file.ts';
import { SpotrigError } from '../platform/errors.ts';

const KeysFile = z.object({
  keys: z
    .array(
      z.object({
        kid: z.string().check(z.regex(/^[a-z0-9]{1,16}$/)),
        key_b64: z.string().check(z.regex(/^[A-Za-z0-9+/]{43}=$/)),
        created: z.iso.datetime(),
      }),
    )
    .check(z.minLength(1), z.maxLength(100)),
});
type KeysFile = z.infer<typeof KeysFile>;

/** The keys' name in the data folder. */
export const KEYS_FILE = 'keys.json';
const KEY_BYTES = 32;
const FILE_MAX_BYTES = 65_536;

export interface SigningKey {
  kid: string;
  /** Kept as a key object: making one of the bytes for each mac would cost ten times the mac. */
  secret: KeyObject;
  created: string;
}

/** Reads a data folder's keys; makes a random one where there is none. Throws `keys_unreadable` when the file is damaged. */
export async function loadKeys(dataDir: string, clock: Clock = realClock): Promise<KeyRing> {
  const path = join(dataDir, KEYS_FILE);
  const keys = await readKeys(path);
  if (keys !== null) return new KeyRing(path, keys);
  await makeDir(dataDir);
  const first = newKey(clock.nowMs(), []);
  await writeKeys(path, [first]);
  return new KeyRing(path, [first]);
}

/** The keys of one data folder, by `loadKeys`. */
export class KeyRing {
  readonly #path: string;
  #keys: SigningKey[];
  #stamp: string;

  constructor(path: string, keys: SigningKey[]) {
    this.#path = path;
    this.#keys = keys;
    this.#stamp = fileStamp(path);
  }

  /** Oldest first. */
  get keys(): readonly SigningKey[] {
    return this.#keys;
  }

  get newest(): SigningKey {
    const newest = this.#keys.at(-1);
    if (newest === undefined) throw new SpotrigError('keys_unreadable', `${this.#path} holds no key`);
    return newest;
  }

  /** The secret of a key id, or null. */
  secretOf(kid: string): KeyObject | null {
    return this.#keys.find((key) => key.kid === kid)?.secret ?? null;
  }

  /** Reads the file again where another process changed it (`spotrig token add-key`). */
  async refresh(): Promise<void> {
    const stamp = fileStamp(this.#path);
    if (stamp === this.#stamp) return;
    const keys = await readKeys(this.#path);
    if (keys !== null) this.#keys = keys;
    this.#stamp = stamp;
  }

  /** Adds a random key; it mints from now on, the older ones still verify. */
  async add(now_ms: number): Promise<SigningKey> {
    const key = newKey(now_ms, this.#keys);
    await writeKeys(this.#path, [...this.#keys, key]);
    this.#keys = [...this.#keys, key];
    this.#stamp = fileStamp(this.#path);
    return key;
  }
}

function newKey(now_ms: number, others: readonly SigningKey[]): SigningKey {
  const kid = `k${others.length + 1}${randomBytes(2).toString('hex')}`;
  return { kid, secret: createSecretKey(randomBytes(KEY_BYTES)), created: new Date(now_ms).toISOString() };
}

async function readKeys(path: string): Promise<SigningKey[] | null> {
  const text = await readTextIfPresent(path, FILE_MAX_BYTES);
  if (text === null) return null;
  // A damaged file is not replaced by a fresh key: that would silently refuse every worker that is out there.
  try {
    const { keys } = KeysFile.parse(JSON.parse(text));
    return keys.map((key) => ({ kid: key.kid, secret: createSecretKey(key.key_b64, 'base64'), created: key.created }));
  } catch (error) {
    throw new SpotrigError('keys_unreadable', `${path} is damaged: restore it from a backup, or move it away`, {
      // JSON.parse quotes the text it fails on, and this text is secret.
      cause: error instanceof SyntaxError ? undefined : error,
    });
  }
}

function writeKeys(path: string, keys: readonly SigningKey[]): Promise<void> {
  const file: KeysFile = {
    keys: keys.map((key) => ({ kid: key.kid, key_b64: key.secret.export().toString('base64'), created: key.created })),
  };
  return writeFileDurable(path, `${JSON.stringify(file, null, 2)}\n`, 0o600);
}
