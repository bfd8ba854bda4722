import { afterEach, expect, it } from 'vitest';
import * as fc from 'fast-check';
import { forgetSecrets, maskWallet, registerSecret, registerWallet, scrub, scrubDeep } from './secrets.ts';

afterEach(forgetSecrets);

it('removes a secret in every form it takes on the way, wherever it stands', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 6, unit: 'binary-ascii' }),
      fc.string(),
      fc.string(),
      (secret, before, after) => {
        forgetSecrets();
        registerSecret(secret);
        const bytes = Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1);
        for (const text of [secret, encodeURIComponent(secret), Buffer.from(secret + after).toString('base64')]) {
          const clean = scrub(`${before}${text}${after}`);
          expect(clean.split('***').some((part) => part.includes(secret) || part.includes(bytes))).toBe(false);
        }
      },
    ),
  );
});

it('removes a secret from the middle of a longer base64 text', () => {
  registerSecret('pool-password');
  for (const before of ['u:', 'us:', 'use:']) {
    const text = Buffer.from(`${before}pool-password and more`).toString('base64');
    expect(scrub(text)).toMatch(/^[A-Za-z0-9]{2,6}\*\*\*/);
  }
});

it('leaves values alone that are too short to be secrets', () => {
  registerSecret('x');
  registerSecret('abc');
  expect(scrub('x abc')).toBe('x abc');
});

it('goes into arrays and objects', () => {
  registerSecret('hunter22');
  expect(scrubDeep({ a: ['-p hunter22', 1, null], b: { c: 'fine' } })).toEqual({
    a: ['-p ***', 1, null],
    b: { c: 'fine' },
  });
});

it('shows the ends of a wallet', () => {
  expect(maskWallet('RAbcdef123456789wxyz')).toBe('RAbcde…wxyz');
});

it('masks a registered wallet wherever it stands, and no word of a protocol', () => {
  registerWallet('RAbcdef123456789wxyz');
  registerWallet('me');
  registerSecret('info');
  const line = { level: 'info', detail: 'RAbcdef123456789wxyz.rig says info to me' };
  expect(scrubDeep(line, new Set(['level']))).toEqual({ level: 'info', detail: 'RAbcde…wxyz.rig says *** to me' });
});
