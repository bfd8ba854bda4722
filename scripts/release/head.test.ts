import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { HEAD_BYTES, PART_ONE_BYTES, fillHead, sha256Of, type HeadFacts, type Templates } from './head.ts';

const template = (name: string): string =>
  readFileSync(new URL(`../../entrypoint/bootstrap/${name}`, import.meta.url), 'utf8');
const templates: Templates = { partOne: template('part-one.sh'), partTwo: template('part-two.sh') };
const file = (letter: string) => ({ sha256: letter.repeat(64), size_bytes: 108_508_384 });
const facts: HeadFacts = {
  mirrors: [],
  nodeFlags: ['--max-semi-space-size=1', '--max-old-space-size=48', '--v8-pool-size=0'],
  payload: file('a'),
  node: file('b'),
  xz: file('c'),
  gz: file('d'),
};

describe('fillHead', () => {
  it('has the fixed lengths, and part one knows part two', () => {
    const { head, partTwo } = fillHead(templates, facts);
    expect(head).toHaveLength(HEAD_BYTES);
    expect(PART_ONE_BYTES).toBeLessThanOrEqual(700);
    expect(head.subarray(PART_ONE_BYTES)).toEqual(partTwo);
    expect(head.subarray(0, PART_ONE_BYTES).toString()).toContain(`d=${sha256Of(partTwo)}\n`);
    expect(head.toString()).not.toMatch(/@[A-Z0-9_]+@/);
    expect(head.toString()).toMatch(/^#!\/bin\/bash\n\{\n[^]*\n\} *\n$/);
    expect(partTwo.toString()).toMatch(/^\{\n[^]*\nexit\n\} *\n$/);
  });

  it('is bash, and part one is one group: whatever is cut from it parses as nothing', async () => {
    const { head } = fillHead(templates, facts);
    expect((await execa('bash', ['-n'], { input: head })).exitCode).toBe(0);
    const closed = head.subarray(0, PART_ONE_BYTES).lastIndexOf('}');
    for (const at of [14, 60, 200, 400, closed]) {
      const cut = await execa('bash', ['-n'], { input: head.subarray(0, at), reject: false });
      expect(cut.exitCode).not.toBe(0);
    }
  });

  it('is clean for shellcheck', async ({ skip }) => {
    const found = await execa('shellcheck', ['--version'], { reject: false });
    if (found.failed) skip('shellcheck is not installed here');
    for (const xz of [facts.xz, null]) {
      const { commented } = fillHead(templates, { ...facts, xz, mirrors: ['http://192.0.2.1:8480'] });
      const checked = await execa('shellcheck', ['--shell=bash', '-'], { input: commented, reject: false });
      expect(checked.stdout).toBe('');
    }
  });

  it('drops comments and blanks only', () => {
    const { head, commented } = fillHead(templates, facts);
    const code = (text: string): string[] =>
      text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !/^#(?!!)/.test(line)); // prettier-ignore
    expect(code(head.toString())).toEqual(code(commented));
  });

  it('puts the mirrors that fit into part one and the others into part two', () => {
    const mirrors = ['https://files.example.ru', 'http://192.0.2.1:8480', 'https://third.example.org'];
    const { head, partTwo } = fillHead(templates, { ...facts, mirrors });
    const early = mirrors.filter((mirror) => head.subarray(0, PART_ONE_BYTES).includes(mirror));
    const late = mirrors.filter((mirror) => partTwo.includes(mirror));
    expect(early.length).toBeGreaterThan(0);
    expect(late.length).toBeGreaterThan(0);
    expect([...early, ...late]).toEqual(mirrors);
  });

  it('offers no xz unpacker when there is no xz runtime', () => {
    const { partTwo } = fillHead(templates, { ...facts, xz: null });
    expect(partTwo.toString()).toContain("K=('gzip -dc' 'py gzip')");
  });

  it('refuses what does not fit, unknown names and characters that are not ASCII', () => {
    const mirrors = Array.from({ length: 16 }, (_, i) => `https://files-${i}.example.org`);
    expect(() => fillHead(templates, { ...facts, mirrors })).toThrow(/part two needs \d+ bytes/);
    expect(() => fillHead({ ...templates, partTwo: '@WHAT@' }, facts)).toThrow('@WHAT@');
    expect(() => fillHead({ ...templates, partTwo: 'é' }, facts)).toThrow('ASCII');
  });
});
