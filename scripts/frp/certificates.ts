// frps's certificate and the authority that workers check it with, made by openssl and kept. Each key is written before its
// certificate, and what is good stays: a run that was cut short is finished by the next one.
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { runForOutput } from '../../platform/process.ts';

const CA_DAYS = 3650;
const SERVER_DAYS = 730;
/** With less left than this it is made anew: longer than an order may run. */
const RENEW_DAYS = 90;
const DAY_MS = 86_400_000;
const FILE_MAX_BYTES = 262_144;
const OPENSSL_MS = 30_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface Authority {
  /** PEM of the one certificate. */
  pem: string;
  keyPath: string;
  isNew: boolean;
}

/**
 * The authority of these two files; made where there is none. Throws `frp_ca_mismatch` when the certificate file holds none of
 * the key: orders that are out trust what it holds, so nothing is replaced.
 */
export async function ensureAuthority(o: { certPath: string; keyPath: string }): Promise<Authority> {
  const { certPath, keyPath } = o;
  const found = await readTextIfPresent(certPath, FILE_MAX_BYTES);
  const key = await readTextIfPresent(keyPath, FILE_MAX_BYTES);
  if (found !== null) {
    const pem = key === null ? undefined : certificatesOf(found, certPath).find((one) => isOfKey(one, key, keyPath));
    if (pem !== undefined) return { pem: `${pem}\n`, keyPath, isNew: false };
    const what =
      key === null ? `its key ${keyPath} is not there` : `${keyPath} is not the key of any certificate in it`;
    throw new SpotrigError(
      'frp_ca_mismatch',
      `${certPath} exists, but ${what}: put that key back, or move ${certPath} away for a new authority ` +
        '(orders that run with the old one then no longer reach frps)',
    );
  }
  if (key === null) await writeFileDurable(keyPath, newKey(), 0o600);
  const config = `[req]
distinguished_name=name
prompt=no
x509_extensions=ext
[name]
CN=tunnel authority
[ext]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
`;
  const pem = await withTemp(config, (dir) =>
    openssl(['req', '-x509', '-new', '-sha256', '-key', keyPath, '-days', String(CA_DAYS), '-config', `${dir}/c.cnf`]),
  );
  await writeFileDurable(certPath, pem, 0o644);
  return { pem, keyPath, isNew: true };
}

/**
 * frps's certificate for these names and addresses. `made` says why it was made anew; null: the one that was there is good. The
 * key stays the same through renewals.
 */
export async function ensureServerCertificate(o: {
  authority: Authority;
  certPath: string;
  keyPath: string;
  names: readonly string[];
  nowMs: number;
}): Promise<{ made: string | null; expires: Date }> {
  const { authority, certPath, keyPath, names } = o;
  let key = await readTextIfPresent(keyPath, FILE_MAX_BYTES);
  if (key === null) {
    key = newKey();
    await writeFileDurable(keyPath, key, 0o600);
  }
  const found = await readTextIfPresent(certPath, FILE_MAX_BYTES);
  const made = found === null ? 'there was none' : fault(found, { ...o, key });
  if (made === null && found !== null) return { made, expires: new X509Certificate(found).validToDate };
  const ext = `[req]
distinguished_name=name
prompt=no
[name]
CN=${names.find((name) => isIP(name) === 0 && name.length <= 64) ?? 'tunnel'}
[ext]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=${names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',')}
`;
  const pem = await withTemp(ext, async (dir) => {
    await writeFile(`${dir}/ca.pem`, authority.pem);
    await openssl(['req', '-new', '-key', keyPath, '-config', `${dir}/c.cnf`, '-out', `${dir}/r.csr`]);
    return openssl([
      ...['x509', '-req', '-sha256', '-in', `${dir}/r.csr`, '-CA', `${dir}/ca.pem`, '-CAkey', authority.keyPath],
      ...['-CAserial', `${dir}/serial`, '-CAcreateserial'],
      ...['-days', String(SERVER_DAYS), '-extfile', `${dir}/c.cnf`, '-extensions', 'ext'],
    ]);
  });
  const certificate = pem.match(BLOCK)?.[0];
  if (certificate === undefined) throw new SpotrigError('frp_openssl', 'openssl printed no certificate');
  await writeFileDurable(certPath, `${certificate}\n`, 0o644);
  return { made, expires: new X509Certificate(certificate).validToDate };
}

/** Why a server certificate will not do, or null. */
function fault(
  pem: string,
  o: { authority: Authority; names: readonly string[]; nowMs: number; key: string; keyPath: string },
): string | null {
  let certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return 'the old one is damaged';
  }
  if (!certificate.verify(new X509Certificate(o.authority.pem).publicKey)) return 'the old one is of another authority';
  if (!isOfKey(pem, o.key, o.keyPath)) return 'the old one is of another key';
  const has = (certificate.subjectAltName ?? '').split(', ').map((part) => part.replace(/^(?:DNS|IP Address):/, ''));
  if (has.map(canonical).toSorted().join() !== o.names.map(canonical).toSorted().join()) return 'the names changed';
  if (certificate.validToDate.getTime() - o.nowMs < RENEW_DAYS * DAY_MS) return 'the old one is near its end';
  return null;
}

/** An IPv6 address in one of its spellings. */
function canonical(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname : name.toLowerCase();
}

function certificatesOf(text: string, path: string): string[] {
  const found = text.match(BLOCK) ?? [];
  if (found.length === 0)
    throw new SpotrigError('frp_ca_mismatch', `${path} holds no PEM certificate: restore it, or move it away`);
  return found;
}

function isOfKey(certificate: string, key: string, keyPath: string): boolean {
  let pub;
  try {
    pub = createPublicKey(createPrivateKey(key));
  } catch {
    throw new SpotrigError('frp_key_unreadable', `${keyPath} is no PEM private key: restore it, or move it away`);
  }
  return new X509Certificate(certificate).publicKey.equals(pub);
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A private folder with the configuration as c.cnf, for as long as `use` runs. */
async function withTemp(config: string, use: (dir: string) => Promise<string>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-cert-'));
  try {
    await writeFile(join(dir, 'c.cnf'), config);
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What it prints. */
async function openssl(args: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const ran = await runForOutput({ argv: ['openssl', ...args], env, timeoutMs: OPENSSL_MS, maxBytes: FILE_MAX_BYTES });
  if (ran.error !== null)
    throw new SpotrigError('frp_openssl', 'openssl cannot be started: install it', { cause: ran.error });
  if (ran.code === 0) return ran.stdout;
  throw new SpotrigError('frp_openssl', `openssl ${args[0] ?? ''} failed: ${ran.stderr.trim().slice(-300)}`);
}

/** PEM of a file of certificates, as it goes into SPOTRIG_FRP_CA. Throws `frp_ca_mismatch` when there is none in it. */
export async function readAuthorities(path: string): Promise<string> {
  return certificatesOf(await readFile(path, 'utf8'), path)
    .map((pem) => `${pem}\n`)
    .join('');
}
