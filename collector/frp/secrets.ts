// The secrets of the way through frp: `frp.json` (mode 0600) in the data folder. frps's token, the hook's path, and the keys that
// exported targets are reached with, newest first.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { Clock } from '../../platform/clock.ts';
import { fileStamp, makeDir, readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { registerSecret } from '../../platform/secrets.ts';

/** Two live side by side while orders with the older one run. */
const EGRESS_KEYS_KEPT = 2;
const SECRET_BYTES = 32;
const FILE_MAX_BYTES = 65_536;

/** The secrets' name in the data folder. */
export const FRP_SECRETS_FILE = 'frp.json';

// As they are made below; a file made by hand may hold others that do no harm in a URL, a TOML text and a path.
const Secret = z.string().check(z.regex(/^[A-Za-z0-9_-]{16,128}$/));
const SecretsFile = z.object({
  token: Secret,
  hook_path: Secret,
  egress_keys: z
    .array(z.object({ key: Secret, created: z.iso.datetime() }))
    .check(z.minLength(1), z.maxLength(EGRESS_KEYS_KEPT)),
});

/** What frp.json holds. */
export type FrpSecretValues = z.infer<typeof SecretsFile>;

/**
 * Reads a data folder's secrets of frp; makes random ones where there are none. Throws `frp_secrets_unreadable` when the file is
 * damaged. What it holds is registered: no log or report shows it.
 */
export async function loadFrpSecrets(dataDir: string, clock: Pick<Clock, 'nowMs'>): Promise<FrpSecrets> {
  const path = join(dataDir, FRP_SECRETS_FILE);
  const stamp = fileStamp(path);
  const found = await readSecrets(path);
  if (found !== null) return new FrpSecrets(path, found, stamp);
  await makeDir(dataDir);
  const made = {
    token: random(),
    hook_path: random(),
    egress_keys: [{ key: random(), created: new Date(clock.nowMs()).toISOString() }],
  };
  await writeSecrets(path, made);
  return new FrpSecrets(path, made, fileStamp(path));
}

/** Makes a new egress key, and keeps the one before. A running collector sees it by itself. Throws like `loadFrpSecrets`. */
export async function rotateEgressKey(dataDir: string, clock: Pick<Clock, 'nowMs'>): Promise<FrpSecrets> {
  const path = join(dataDir, FRP_SECRETS_FILE);
  const { values } = await loadFrpSecrets(dataDir, clock);
  const newest = { key: random(), created: new Date(clock.nowMs()).toISOString() };
  const rotated = { ...values, egress_keys: [newest, ...values.egress_keys].slice(0, EGRESS_KEYS_KEPT) };
  await writeSecrets(path, rotated);
  return new FrpSecrets(path, rotated, fileStamp(path));
}

/** The secrets of one data folder, by `loadFrpSecrets`. */
export class FrpSecrets {
  readonly #path: string;
  #values: FrpSecretValues;
  #stamp: string;

  constructor(path: string, values: FrpSecretValues, stamp: string) {
    this.#path = path;
    this.#values = values;
    this.#stamp = stamp;
    register(values);
  }

  get values(): FrpSecretValues {
    return this.#values;
  }

  /** Reads the file again where another process changed it (`spotrig frps-config --rotate`). */
  async refresh(): Promise<void> {
    const stamp = fileStamp(this.#path);
    if (stamp === this.#stamp) return;
    const found = await readSecrets(this.#path);
    if (found !== null) {
      this.#values = found;
      register(found);
    }
    this.#stamp = stamp;
  }
}

function random(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

function register({ token, hook_path, egress_keys }: FrpSecretValues): void {
  for (const secret of [token, hook_path, ...egress_keys.map(({ key }) => key)]) registerSecret(secret);
}

async function readSecrets(path: string): Promise<FrpSecretValues | null> {
  const text = await readTextIfPresent(path, FILE_MAX_BYTES);
  if (text === null) return null;
  // A damaged file is not replaced: frps and every order that is out there hold what it held.
  try {
    return SecretsFile.parse(JSON.parse(text));
  } catch (error) {
    throw new SpotrigError('frp_secrets_unreadable', `${path} is damaged: restore it from a backup, or move it away`, {
      // JSON.parse quotes the text it fails on, and this text is secret.
      cause: error instanceof SyntaxError ? undefined : error,
    });
  }
}

function writeSecrets(path: string, values: FrpSecretValues): Promise<void> {
  return writeFileDurable(path, `${JSON.stringify(values, null, 2)}\n`, 0o600);
}
