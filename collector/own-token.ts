// A collector without an admin token is open to every program of its machine. What holds secrets is not: for that it makes a token of
// its own, `admin.token` (mode 0600) in the data folder, which proves that one may read the folder.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { makeDir, readTextIfPresent, writeFileDurable } from '../platform/durable-file.ts';
import { SpotrigError } from '../platform/errors.ts';
import { registerSecret } from '../platform/secrets.ts';

/** The token's name in the data folder. */
export const OWN_TOKEN_FILE = 'admin.token';
const SECRET_BYTES = 32;
const FILE_MAX_BYTES = 4096;

export interface OwnToken {
  path: string;
  token: string;
}

/** The token in a data folder; null: there is none. Throws `own_token_unreadable` for a damaged file. */
export async function readOwnToken(dataDir: string): Promise<OwnToken | null> {
  const path = join(dataDir, OWN_TOKEN_FILE);
  const text = await readTextIfPresent(path, FILE_MAX_BYTES);
  if (text === null) return null;
  const token = text.trim();
  if (!/^[\x21-\x7e]{16,}$/.test(token))
    throw new SpotrigError('own_token_unreadable', `${path} is damaged: remove it, and start the collector again`);
  registerSecret(token);
  return { path, token };
}

/** The same, made where there is none. */
export async function loadOwnToken(dataDir: string): Promise<OwnToken> {
  const found = await readOwnToken(dataDir);
  if (found !== null) return found;
  const made = { path: join(dataDir, OWN_TOKEN_FILE), token: randomBytes(SECRET_BYTES).toString('base64url') };
  await makeDir(dataDir);
  await writeFileDurable(made.path, `${made.token}\n`, 0o600);
  registerSecret(made.token);
  return made;
}
