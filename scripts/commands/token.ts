// `spotrig token`: mint and revoke workers' tokens, list and add signing keys. It works on the collector's data folder, and a
// collector that runs there sees a revocation or a new key at its next request.
import { existsSync } from 'node:fs';
import { makeDir } from '../../platform/durable-file.ts';
import { join, resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { KEYS_FILE, type KeyRing, loadKeys } from '../../collector/keys.ts';
import { DATABASE_FILE } from '../../collector/main.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import type { Store } from '../../collector/store/store.ts';
import { TOKEN_DAYS_MAX, mintToken, tokenDigest } from '../../collector/tokens.ts';
import { realClock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import { isWorkerName, parseToken } from '../../wire/token.ts';
import { revokedPast } from '../tokens/revoked.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = "mint and revoke workers' tokens";

const HELP = `spotrig token: workers' tokens of a collector

  token mint --worker NAME [--days N]         print a token that ends in N days (default and most: ${TOKEN_DAYS_MAX})
  token revoke --token TOKEN [--reason TEXT]  refuse this token from now on
  token revoke --worker NAME [--reason TEXT]  refuse every token that this worker has by now
  token list-keys                             print the ids of the signing keys, oldest first; the last one mints
  token add-key                               add a signing key that mints from now on; the older ones still verify

  --data DIR   the collector's data folder (default ./var/collector)
  --json       answer in JSON
`;

const OPTIONS = {
  worker: { type: 'string' },
  days: { type: 'string', default: String(TOKEN_DAYS_MAX) },
  token: { type: 'string' },
  reason: { type: 'string', default: '' },
  data: { type: 'string', default: './var/collector' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

interface Flags {
  worker?: string;
  days: string;
  token?: string;
  reason: string;
  data: string;
  json: boolean;
}

/** What a command prints: a sentence or the secret itself, and the same for `--json`. */
interface Output {
  text: string;
  json: Record<string, unknown>;
}

const COMMANDS: Record<string, (flags: Flags) => Promise<Output>> = {
  mint,
  revoke,
  'list-keys': listKeys,
  'add-key': addKey,
};

const DAY_S = 86_400;

/** `spotrig token …`. Resolves with the exit code: 0, 1 where it failed, 64 where the call was wrong. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    const [name = '', ...rest] = positionals;
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    if (name === '') {
      process.stderr.write(HELP);
      return EX_USAGE;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new UsageError(`there is no "token ${name}"; see --help`);
    if (rest.length > 0) throw new UsageError(`token ${name}: does not take "${rest.join(' ')}"; see --help`);
    const { text, json } = await command(values);
    console.log(values.json ? JSON.stringify(json) : text);
    return 0;
  } catch (error) {
    console.error(`spotrig token: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

async function mint(flags: Flags): Promise<Output> {
  const worker = workerOf(flags);
  const days = /^[0-9]{1,2}$/.test(flags.days) ? Number(flags.days) : 0;
  if (days < 1 || days > TOKEN_DAYS_MAX)
    throw new UsageError(`--days: a whole number from 1 to ${TOKEN_DAYS_MAX}, not ${JSON.stringify(flags.days)}`);
  const expires_s = nowSeconds() + days * DAY_S;
  await withStore(flags, async (store) => {
    const revoked_s = await revokedPast(store, worker, expires_s);
    if (revoked_s === null) return;
    throw new Error(
      `tokens of ${worker} that end by ${isoOf(revoked_s)} are revoked, and this one would: ` +
        `leave --days out (and wait a second after the revocation), or take another worker name`,
    );
  });
  const keys = await keysOrNewOnes(flags);
  const token = mintToken(keys, { worker, expires_s });
  return { text: token, json: { token, worker, expires_at: isoOf(expires_s), kid: keys.newest.kid } };
}

async function revoke(flags: Flags): Promise<Output> {
  if ((flags.token === undefined) === (flags.worker === undefined)) {
    throw new UsageError('token revoke: give either --token or --worker');
  }
  const made = { reason: flags.reason, created_ms: realClock.nowMs() };
  if (flags.token !== undefined) {
    const fields = parseToken(flags.token.trim());
    if (fields === null) throw new UsageError('--token: this has not the form of a token');
    const digest = tokenDigest(fields.mac);
    requireData(flags);
    await withStore(flags, (store) => store.revoke({ by: 'token', digest, ...made }));
    return {
      text: `revoked one token of ${fields.worker}`,
      json: { revoked: 'token', worker: fields.worker, expires_at: isoOf(fields.expires_s) },
    };
  }
  const worker = workerOf(flags);
  requireData(flags);
  // No token that exists now ends later.
  const expires_up_to_s = nowSeconds() + TOKEN_DAYS_MAX * DAY_S;
  await withStore(flags, (store) => store.revoke({ by: 'worker', worker, expires_up_to_s, ...made }));
  return {
    text: `revoked every token of ${worker} that ends by ${isoOf(expires_up_to_s)}`,
    json: { revoked: 'worker', worker, expires_up_to: isoOf(expires_up_to_s) },
  };
}

async function listKeys(flags: Flags): Promise<Output> {
  requireData(flags);
  const keys = await loadKeys(resolve(flags.data));
  const listed = keys.keys.map(({ kid, created }) => ({ kid, created, mints: kid === keys.newest.kid }));
  return {
    text: listed.map((key) => `${key.kid}  ${key.created}${key.mints ? '  mints' : ''}`).join('\n'),
    json: { keys: listed },
  };
}

async function addKey(flags: Flags): Promise<Output> {
  const keys = await keysOrNewOnes(flags);
  const { kid, created } = await keys.add(realClock.nowMs());
  return { text: `key ${kid} mints from now on`, json: { kid, created } };
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

function workerOf(flags: Flags): string {
  if (flags.worker === undefined) throw new UsageError('--worker NAME is needed');
  if (isWorkerName(flags.worker)) return flags.worker;
  throw new UsageError(
    `--worker: 1 to 63 of a-z 0-9 _ -, a letter or digit first, not ${JSON.stringify(flags.worker)}`,
  );
}

function hasKeys(flags: Flags): boolean {
  return existsSync(join(resolve(flags.data), KEYS_FILE));
}

/** Nothing can be listed or revoked where no collector ever was: the folder is a wrong one. */
function requireData(flags: Flags): void {
  if (!hasKeys(flags)) throw new Error(`--data: ${resolve(flags.data)} is no collector's data folder`);
}

/** Tokens may be minted before the collector's first start; who meant another folder must hear of it. */
async function keysOrNewOnes(flags: Flags): Promise<KeyRing> {
  const fresh = !hasKeys(flags);
  const keys = await loadKeys(resolve(flags.data));
  if (fresh) {
    console.error(
      `spotrig token: ${resolve(flags.data)} had no signing key, so one was made; its tokens hold for a collector with this --data`,
    );
  }
  return keys;
}

async function withStore<T>(flags: Flags, use: (store: Store) => Promise<T>): Promise<T> {
  const dir = resolve(flags.data);
  await makeDir(dir);
  const store = openSqliteStore(join(dir, DATABASE_FILE));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

function nowSeconds(): number {
  return Math.floor(realClock.nowMs() / 1000);
}

function isoOf(unix_s: number): string {
  return new Date(unix_s * 1000).toISOString();
}
