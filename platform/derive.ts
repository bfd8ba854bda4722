// Secrets made of other secrets: whoever has the first can make the second, and nobody can go back.
import { hkdfSync, type KeyObject } from 'node:crypto';

/** 43 characters of base64url: HKDF-SHA256 (RFC 5869) of the secret, without salt, info `spotrig v1 <label>`, 32 bytes. */
export function deriveSecret(secret: string | KeyObject, label: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', `spotrig v1 ${label}`, 32)).toString('base64url');
}
