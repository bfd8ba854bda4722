// Workers' tokens: made and checked here only (the form is wire/token.ts). A mac is compared as text and in constant time:
// base64url has several spellings of the same bytes, and a second spelling would slip past a revocation by token.
import { type KeyObject, createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { KeyRing } from './keys.ts';
import type { TokenIdentity } from './store/store.ts';
import { parseToken, tokenSubject } from '../wire/token.ts';

/** A token lives for the order's longest time. Revoking a worker relies on no token being older. */
export const TOKEN_DAYS_MAX = 21;

/** Why a token is not good. The network is told less: `token_invalid`, `token_expired` or `token_revoked`. */
export type TokenFault = 'malformed' | 'unknown_kid' | 'bad_mac' | 'expired';

export type TokenCheck = { ok: true; identity: TokenIdentity & { kid: string } } | { ok: false; fault: TokenFault };

/** Makes a token with the newest key. `expires_s`: unix seconds, no more than TOKEN_DAYS_MAX from now. */
export function mintToken(keys: Pick<KeyRing, 'newest'>, o: { worker: string; expires_s: number }): string {
  const { kid, secret } = keys.newest;
  return `sr1.${kid}.${o.worker}.${o.expires_s}.${macOf(secret, kid, o.worker, o.expires_s)}`;
}

/** Checks form, key, mac and end, in this order; revocation is the store's. */
export function verifyToken(token: string, keys: Pick<KeyRing, 'secretOf'>, now_ms: number): TokenCheck {
  const fields = parseToken(token);
  if (fields === null) return { ok: false, fault: 'malformed' };
  const secret = keys.secretOf(fields.kid);
  if (secret === null) return { ok: false, fault: 'unknown_kid' };
  const mac = Buffer.from(macOf(secret, fields.kid, fields.worker, fields.expires_s), 'latin1');
  if (!timingSafeEqual(mac, Buffer.from(fields.mac, 'latin1'))) return { ok: false, fault: 'bad_mac' };
  if (fields.expires_s * 1000 <= now_ms) return { ok: false, fault: 'expired' };
  return {
    ok: true,
    identity: { kid: fields.kid, worker: fields.worker, digest: tokenDigest(fields.mac), expires_s: fields.expires_s },
  };
}

/** What the revocations know a token by: SHA-256 of its mac, hex. */
export function tokenDigest(mac: string): string {
  return hash('sha256', mac);
}

/** The mac of a token. The worker's secrets of frp are derived from it. */
export function macOf(secret: KeyObject, kid: string, worker: string, expires_s: number): string {
  return createHmac('sha256', secret)
    .update(tokenSubject(kid, worker, expires_s))
    .digest('base64url');
}
