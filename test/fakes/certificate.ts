// Self-signed identities for servers in tests.
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runForOutput } from '../../platform/process.ts';

export interface Certificate {
  key: Buffer;
  cert: Buffer;
  /** Base64 SHA-256 of the public key. */
  spki_sha256: string;
}

/** A fresh key with a certificate for `commonName`, made by openssl. */
export async function makeCertificate(commonName = 'localhost'): Promise<Certificate> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-cert-'));
  const [keyFile, certFile] = [join(dir, 'key'), join(dir, 'cert')];
  const form = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const made = await runForOutput({
    argv: ['openssl', ...form, '-subj', `/CN=${commonName}`, '-keyout', keyFile, '-out', certFile],
    env: { PATH: process.env['PATH'] ?? '' },
    timeoutMs: 10_000,
    maxBytes: 10_000,
  });
  if (made.code !== 0) throw new Error(`openssl: ${made.stderr}`);
  const [key, cert] = await Promise.all([readFile(keyFile), readFile(certFile)]);
  await rm(dir, { recursive: true });
  const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
  return { key, cert, spki_sha256: createHash('sha256').update(spki).digest('base64') };
}
