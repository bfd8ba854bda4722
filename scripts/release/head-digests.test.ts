import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fillHead, sha256Of } from './head.ts';
import { readHead } from './head-digests.ts';

const template = (name: string): string =>
  readFileSync(new URL(`../../entrypoint/bootstrap/${name}`, import.meta.url), 'utf8');
const templates = { partOne: template('part-one.sh'), partTwo: template('part-two.sh') };
const file = (letter: string, size_bytes: number) => ({ sha256: letter.repeat(64), size_bytes });
const facts = {
  ...{ mirrors: [], nodeFlags: [], payload: file('a', 1), node: file('b', 22) },
  ...{ xz: file('c', 333), gz: file('d', 4444) },
};

it('reads back what the head was filled with', () => {
  const { head, partTwo } = fillHead(templates, facts);
  const { payload, node, xz, gz } = facts;
  expect(readHead(head)).toEqual({ partTwo: sha256Of(partTwo), payload, node, xz, gz });
  expect(readHead(fillHead(templates, { ...facts, xz: null }).head).xz).toBeNull();
});

it('says what it misses', () => {
  const { head } = fillHead(templates, facts);
  expect(() => readHead(head.subarray(1))).toThrow('has 6143 bytes');
  expect(() => readHead(Buffer.from(head.toString().replace('\nmain=', '\nMAIN=')))).toThrow(
    'the digest of the payload',
  );
});
