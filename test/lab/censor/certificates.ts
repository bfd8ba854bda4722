// The lab's certificates: an authority that the lab's programs trust, and what pools and men in the middle sign themselves.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { COLLECTOR, DOH, POOL, POOL_EU, WEB_HOSTS } from './places.ts';

export interface KeyPair {
  key: string;
  cert: string;
}

export interface Certificates {
  /** Path of the authority's certificate, for NODE_EXTRA_CA_CERTS. */
  authority: string;
  /** Sites, DoH and the collector, signed by it. */
  sites: KeyPair;
  /** The pool's, signed by itself, as pools do. */
  pool: KeyPair;
  /** The same names, another key. */
  mitm: KeyPair;
}

const DAYS = ['-days', '2'];
/** Makes the pool's answer to a hello longer than one packet: a hole for large packets then swallows it. */
const PADDING_NAMES = 40;

function alternativeNames(names: readonly string[]): string {
  return `subjectAltName=${names.map((n) => `DNS:${n}`).join(',')}`;
}

async function selfSigned(dir: string, name: string, names: readonly string[]): Promise<KeyPair> {
  const pair = { key: join(dir, `${name}.key`), cert: join(dir, `${name}.pem`) };
  const files = ['-keyout', pair.key, '-out', pair.cert, '-subj', `/CN=${names[0]}`, ...DAYS];
  await execa('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes'],
    ...['-addext', alternativeNames(names), ...files],
  ]);
  return pair;
}

/** Makes them in this folder. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  const poolNames = [POOL.host, POOL_EU.host];
  const padding = Array.from({ length: PADDING_NAMES }, (_, i) => `pool-server-${i}.${POOL.host}`);
  const siteNames = [...WEB_HOSTS, ...DOH, COLLECTOR].map((p) => p.host);
  const [authority, pool, mitm] = await Promise.all([
    selfSigned(dir, 'authority', ['lab authority']),
    selfSigned(dir, 'pool', [...poolNames, ...padding]),
    selfSigned(dir, 'mitm', poolNames),
  ]);
  const sites = { key: join(dir, 'sites.key'), cert: join(dir, 'sites.pem') };
  const request = join(dir, 'sites.csr');
  const extensions = join(dir, 'sites.ext');
  await writeFile(extensions, `${alternativeNames(siteNames)}\n`);
  await execa('openssl', [
    ...['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=lab sites'],
    ...['-keyout', sites.key, '-out', request],
  ]);
  await execa('openssl', [
    ...['x509', '-req', '-in', request, '-CA', authority.cert, '-CAkey', authority.key, '-CAcreateserial'],
    ...['-extfile', extensions, '-out', sites.cert, ...DAYS],
  ]);
  return { authority: authority.cert, sites, pool, mitm };
}

/** Reads a pair for `tls.createServer`. */
export async function readPair(pair: KeyPair): Promise<{ key: Buffer; cert: Buffer }> {
  return { key: await readFile(pair.key), cert: await readFile(pair.cert) };
}
