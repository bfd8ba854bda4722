import { describe, expect, it } from 'vitest';
import { COMMIT, EXPIRES, newKey } from '../../test/fakes/release.ts';
import { isSigned, readManifest, signManifest } from './manifest.ts';

const { key, publicText } = newKey();
const sha256 = 'ab'.repeat(32);
const file = { name: `artifacts/${sha256}`, sha256, size_bytes: 3, what: 'thing' };
const facts = { serial: 3, expires: EXPIRES, version: '1.0.0', node: '24.0.0', commit: COMMIT, files: [file] };
const text = signManifest(facts, key).toString();

describe('a manifest', () => {
  it('is JSON whose second line signs all the rest', () => {
    const value = JSON.parse(text) as Record<string, unknown>;
    expect(value).toMatchObject({ ...facts, key: publicText });
    expect(text.split('\n')[1]).toBe(`  "signature": "${String(value['signature'])}",`);
    const read = readManifest(Buffer.from(text));
    expect(read.manifest).toMatchObject(facts);
    expect(read.signed.toString()).toBe(text.replace(/^ {2}"signature".*\n/m, ''));
    expect(isSigned(read)).toBe(true);
  });

  it('is the same bytes each time', () => {
    expect(signManifest(facts, key).toString()).toBe(text);
  });

  it('has one form only for its signature', () => {
    const [, signature = ''] = /"signature": "(.{86})"/.exec(text) ?? [];
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const same = letters[(letters.indexOf(signature.at(-1) ?? '') & 0x30) | 1] ?? '';
    const respelt = signature.slice(0, -1) + same;
    expect(Buffer.from(respelt, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    expect(() => readManifest(Buffer.from(text.replace(signature, respelt)))).toThrow('not written as one is');
  });

  it.each([
    ['nothing', ''],
    ['a page', '<html>'],
    ['another order of lines', text.replace(/^( {2}"signature".*\n)( {2}"format".*\n)/m, '$2$1')],
    ['a second signature', text.replace('"serial"', '"signature": "x", "serial"')],
    ['an unknown field', text.replace('"serial"', '"more": 1, "serial"')],
    ['another format', text.replace('spotrig release 1', 'spotrig release 2')],
    ['a name that leads elsewhere', text.replace(`"artifacts/${sha256}"`, '"../../etc/passwd"')],
    ['an artefact under a wrong name', text.replace(`"artifacts/${sha256}"`, `"artifacts/${'cd'.repeat(32)}"`)],
    ['a size that is none', text.replace('"size_bytes": 3', '"size_bytes": -3')],
    ['text that moves a cursor', text.replace('"thing"', '"\\u001b[2J"')],
    ['a control character', text.replace('"thing"', '"\u0000\u0001"')],
    ['too much', text + ' '.repeat(300_000)],
  ])('is not %s', (_what, other) => {
    expect(() => readManifest(Buffer.from(other))).toThrow(/no release's/);
  });

  it('is not made of what it must not say', () => {
    expect(() => signManifest({ ...facts, serial: 0 }, key)).toThrow('serial');
    expect(() => signManifest({ ...facts, files: [file, file] }, key)).toThrow('named twice');
  });

  it('tells a build, which is not signed', () => {
    expect(() => readManifest(Buffer.from('{"version":"1","node":"24","files":[]}'))).toThrow('not signed');
  });
});
