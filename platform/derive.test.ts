import { createHmac, createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveSecret, egressKeyId } from './derive.ts';

describe('a derived secret', () => {
  it('is HKDF of RFC 5869, by its own definition with one block', () => {
    const prk = createHmac('sha256', Buffer.alloc(32)).update('the mac').digest();
    const okm = createHmac('sha256', prk).update('spotrig v1 frp ticket\u0001').digest('base64url');
    expect(deriveSecret('the mac', 'frp ticket')).toBe(okm);
  });

  it('is the same of text and of a key, and another for another label', () => {
    expect(deriveSecret(createSecretKey(Buffer.from('k')), 'a')).toBe(deriveSecret('k', 'a'));
    expect(deriveSecret('k', 'b')).not.toBe(deriveSecret('k', 'a'));
  });
});

describe('the id of an egress key', () => {
  it('is the beginning of its SHA-256', () => expect(egressKeyId('abc')).toBe('ba7816bf'));
});
