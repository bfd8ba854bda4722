import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToken } from '../wire/token.ts';
import { mintToken, tokenDigest, verifyToken } from './tokens.ts';

const NOW = 1_790_000_000_000;
const EXPIRES_S = NOW / 1000 + 1;
const secret = createSecretKey(Buffer.alloc(32, 7));
const keys = {
  newest: { kid: 'k1', secret, created: '' },
  secretOf: (kid: string) => (kid === 'k1' ? secret : null),
};
const token = mintToken(keys, { worker: 'rig-1', expires_s: EXPIRES_S });

describe('a token', () => {
  it('verifies until its end', () => {
    const identity = {
      kid: parseToken(token)?.kid,
      worker: 'rig-1',
      expires_s: EXPIRES_S,
      digest: tokenDigest(parseToken(token)?.mac ?? ''),
    };
    expect(verifyToken(token, keys, NOW)).toEqual({ ok: true, identity });
    expect(verifyToken(token, keys, NOW + 999).ok).toBe(true);
    expect(verifyToken(token, keys, NOW + 1000)).toEqual({ ok: false, fault: 'expired' });
  });

  it('has the mac that its form says', () => {
    // HMAC-SHA256 by openssl: printf 'spotrig token v1\nk1\nrig-1\n1790000001' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…
    expect(token).toBe('sr1.k1.rig-1.1790000001.ia43xB1BZt_Uzucypoo8kKItV-SuaoMhIvLcYB85-uI');
  });

  it('of an unknown key or with a foreign mac is told apart inside', () => {
    expect(verifyToken(token.replace('k1', 'k2'), keys, NOW)).toEqual({ ok: false, fault: 'unknown_kid' });
    const foreign = mintToken(
      { newest: { ...keys.newest, secret: createSecretKey(Buffer.alloc(32, 8)) } },
      { worker: 'rig-1', expires_s: EXPIRES_S },
    );
    expect(verifyToken(foreign, keys, NOW)).toEqual({ ok: false, fault: 'bad_mac' });
    // A wrong mac is not told to have expired.
    expect(verifyToken(foreign, keys, NOW + 10_000)).toEqual({ ok: false, fault: 'bad_mac' });
    expect(verifyToken('x', keys, NOW)).toEqual({ ok: false, fault: 'malformed' });
  });

  it('has one spelling: every other string is refused', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'ABCXYZabcxyz0189-_.='.split('')), (at, char) => {
        fc.pre(token[at] !== char);
        expect(verifyToken(token.slice(0, at) + char + token.slice(at + 1), keys, NOW).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
    expect(verifyToken(`${token} `, keys, NOW).ok).toBe(false);
    expect(verifyToken(`${token}\n`, keys, NOW).ok).toBe(false);
  });
});
