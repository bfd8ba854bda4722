// The key of the account beside frps, for the rung `ssh`: made by `frps-config --ssh`, used by the orders and by the owner's commands.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSshKey } from '../../entrypoint/frp/settings.ts';
import { readTextIfPresent } from '../../platform/durable-file.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { runForOutput } from '../../platform/process.ts';
import { registerSecret } from '../../platform/secrets.ts';

/** The private key's name in the collector's data folder. */
const KEY_FILE = 'frp-ssh.key';
const KEY_MAX_BYTES = 16_384;
const KEYGEN_MS = 20_000;

/** The key in a data folder; makes one where there is none. Throws `ssh_key` where `ssh-keygen` cannot be run. */
export async function ensureSshKey(
  dataDir: string,
): Promise<{ path: string; privateKey: string; publicKey: string; isNew: boolean }> {
  const path = join(dataDir, KEY_FILE);
  const isNew = (await readTextIfPresent(path, KEY_MAX_BYTES)) === null;
  if (isNew) await keygen(['-q', '-t', 'ed25519', '-N', '', '-C', 'spotrig', '-f', path]);
  const privateKey = await readFile(path, 'utf8');
  registerSecret(privateKey);
  const publicKey = (await keygen(['-y', '-P', '', '-f', path])).trim();
  return { path, privateKey, publicKey, isNew };
}

/** Its line of authorized_keys: it may reach frps on the server's loopback, and nothing else. Port 1 no such account can listen at. */
export function authorizedKeysLine(publicKey: string, frpsPort: number): string {
  return `restrict,port-forwarding,permitopen="127.0.0.1:${frpsPort}",permitlisten="127.0.0.1:1",command="/bin/false" ${publicKey}\n`;
}

/**
 * The key that a command is to use: of `--ssh-key`, of SPOTRIG_FRP_SSH_KEY, or the one in the data folder. null: none. Throws
 * `ssh_key` for one that is none.
 */
export async function findSshKey(o: {
  file: string | undefined;
  env: string | undefined;
  dataDir: string | undefined;
}): Promise<string | null> {
  const key = await keyOf(o);
  if (key !== null) registerSecret(key);
  return key;
}

async function keyOf(o: Parameters<typeof findSshKey>[0]): Promise<string | null> {
  if (o.file === undefined && o.env !== undefined && o.env !== '') {
    const read = readSshKey(o.env);
    if (typeof read === 'string') return read;
    throw new SpotrigError('ssh_key', `SPOTRIG_FRP_SSH_KEY ${read.wrong}`);
  }
  if (o.file !== undefined) {
    const text = await readFile(o.file, 'utf8').catch((error: unknown) => {
      throw new SpotrigError('ssh_key', `--ssh-key: ${messageOf(error)}`, { cause: error });
    });
    if (text.includes('-----BEGIN OPENSSH PRIVATE KEY-----')) return text;
    throw new SpotrigError('ssh_key', `--ssh-key: ${o.file} holds no OpenSSH private key`);
  }
  return o.dataDir === undefined ? null : readTextIfPresent(join(o.dataDir, KEY_FILE), KEY_MAX_BYTES);
}

async function keygen(args: readonly string[]): Promise<string> {
  const ran = await runForOutput({
    argv: ['ssh-keygen', ...args],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    ...{ timeoutMs: KEYGEN_MS, maxBytes: KEY_MAX_BYTES },
  });
  if (ran.code === 0) return ran.stdout;
  const why = ran.error === null ? ran.stderr.trim().slice(0, 200) : 'it cannot be run: install OpenSSH’s client';
  throw new SpotrigError('ssh_key', `ssh-keygen: ${why}`, { cause: ran.error ?? undefined });
}
