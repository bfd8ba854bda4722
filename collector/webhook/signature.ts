import { createHmac, timingSafeEqual } from 'node:crypto';

/** Headers of a delivery. */
export const TIMESTAMP_HEADER = 'spotrig-timestamp';
export const SIGNATURE_HEADER = 'spotrig-signature';

/**
 * `v1=` and the hex HMAC-SHA256 of `<timestamp>.<body>`. The receiver makes the same from the header, the bytes of the body and the
 * secret, compares in constant time, and takes no timestamp (unix seconds) that is minutes old: else a delivery can be replayed.
 */
export function signatureOf(o: { secret: string; timestamp_s: number; body: string }): string {
  return `v1=${createHmac('sha256', o.secret).update(`${o.timestamp_s}.${o.body}`).digest('hex')}`;
}

/** What a receiver does. */
export function isSignedBy(o: { secret: string; timestamp_s: number; body: string; signature: string }): boolean {
  const right = Buffer.from(signatureOf(o));
  const given = Buffer.from(o.signature);
  return right.length === given.length && timingSafeEqual(right, given);
}
