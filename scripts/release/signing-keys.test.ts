import { createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSigningKey, newKeyPair, parsePublicKey, publicTextOf, SIGNING_KEY_VARIABLE } from './signing-keys.ts';

const { privatePem, publicText } = newKeyPair();
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-keys-'));
});
afterAll(() => rm(dir, { recursive: true }));

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

describe('signing keys', () => {
  it('come as a pair whose public half is one word', () => {
    expect(publicText).toMatch(/^ed25519:[A-Za-z0-9_-]{43}$/);
    const text = Buffer.from('text');
    const signature = sign(null, text, createPrivateKey(privatePem));
    expect(verify(null, text, parsePublicKey(publicText), signature)).toBe(true);
    expect(publicTextOf(parsePublicKey(publicText))).toBe(publicText);
  });

  it.each([
    '',
    'ed25519:',
    publicText.slice(0, -1),
    `${publicText}A`,
    publicText.replace('ed25519', 'rsa'),
    `${publicText.slice(0, -1)}B`,
  ])('are not %j', (text) => {
    expect(() => parsePublicKey(text)).toThrow('a public key is ed25519:');
  });

  it('are read from a file, or from the variable', async () => {
    const path = await file('good', privatePem);
    expect(publicTextOf(await loadSigningKey(path, {}))).toBe(publicText);
    expect(publicTextOf(await loadSigningKey(undefined, { [SIGNING_KEY_VARIABLE]: privatePem }))).toBe(publicText);
  });

  it('are refused with a reason that shows nothing of them', async () => {
    const secret = privatePem.split('\n')[1] ?? '';
    const rsa = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    }) as string;
    const cases: [string | undefined, string | undefined, string][] = [
      [undefined, undefined, 'spotrig keygen makes one'],
      [undefined, secret, `${SIGNING_KEY_VARIABLE} holds no private key`],
      [join(dir, 'absent'), undefined, 'cannot read the key file'],
      [dir, undefined, 'can be read by others|cannot read|too large'],
      [privatePem, undefined, 'never the key itself'],
      [await file('open', privatePem, 0o640), undefined, 'chmod 600'],
      [await file('short', secret), undefined, 'holds no private key'],
      [await file('rsa', rsa), undefined, 'of type ec, not ed25519'],
      [await file('long', privatePem.repeat(200)), undefined, 'too large'],
    ];
    for (const [path, variable, complaint] of cases) {
      const error: unknown = await loadSigningKey(path, { [SIGNING_KEY_VARIABLE]: variable }).catch((e: unknown) => e);
      expect(String(error)).toMatch(new RegExp(complaint));
      expect(String(error)).not.toContain(secret);
    }
  });
});
