import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './lines.ts';

/** Cuts bytes into chunks at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((p) => p % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end));
}

describe('LineSplitter', () => {
  it('gives the same lines however the bytes were cut, and loses none', () => {
    const text = fc.array(fc.constantFrom('{"id":1}', 'é', '漢', '\n', '\r\n', '\0', ' ', 'x'.repeat(700)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 60 }), (parts, places) => {
        const bytes = Buffer.from(parts.join(''));
        const splitter = new LineSplitter();
        const lines: Buffer[] = [];
        for (const chunk of cut(bytes, places)) expect(splitter.push(chunk, (line) => lines.push(line))).toBe(true);
        const rest = splitter.rest();
        expect(Buffer.concat([...lines, rest]).equals(bytes)).toBe(true);
        for (const line of lines) expect(line.indexOf(10)).toBe(line.length - 1);
        expect(rest.includes(10)).toBe(false);
      }),
    );
  });

  it('hands out lines that later chunks do not change', () => {
    const splitter = new LineSplitter();
    const lines: Buffer[] = [];
    for (const piece of ['ab', 'c\n', 'de', 'f\n']) splitter.push(Buffer.from(piece), (line) => lines.push(line));
    expect(lines.map(String)).toEqual(['abc\n', 'def\n']);
  });

  it('takes a line of the full length, ending included, and refuses one byte more', () => {
    for (const size of [1, 3, 16]) {
      const feed = (length: number): boolean => {
        const splitter = new LineSplitter(16);
        const bytes = Buffer.from(`${'x'.repeat(length - 1)}\n`);
        for (let at = 0; at < bytes.length; at += size) {
          if (!splitter.push(bytes.subarray(at, at + size), () => undefined)) return false;
        }
        return true;
      };
      expect(feed(16)).toBe(true);
      expect(feed(17)).toBe(false);
    }
  });
});
