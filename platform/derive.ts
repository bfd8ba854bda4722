// Secrets made of other secrets: whoever has the first can make the second, and nobody can go back.
import { hash, hkdfSync, type KeyObject } from 'node:crypto';

/** 43 characters of base64url: HKDF-SHA256 (RFC 5869) of the secret, without salt, info `spotrig v1 <label>`, 32 bytes. */
export function deriveSecret(secret: string | KeyObject, label: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', `spotrig v1 ${label}`, 32)).toString('base64url');
}

/** What tells two egress keys apart without telling them: the first 8 hex digits of the key's SHA-256. */
export function egressKeyId(key: string): string {
  return hash('sha256', key).slice(0, 8);
}
