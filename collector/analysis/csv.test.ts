import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvOf } from './csv.ts';

/** A reader by RFC 4180, letter by letter. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let value = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted) {
      if (char !== '"') value += char;
      else if (text[i + 1] === '"') value += text[++i];
      else quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === ',') {
      row.push(value);
      value = '';
    } else if (char === '\r' && text[i + 1] === '\n') {
      rows.push([...row, value]);
      [row, value] = [[], ''];
      i++;
    } else value += char;
  }
  expect([row, value, quoted]).toEqual([[], '', false]);
  return rows;
}

describe('csvOf', () => {
  it('writes unknown as nothing, lists with semicolons, numbers as they are', () => {
    expect(csvOf(['a', 'b', 'c', 'd'], [[null, ['x', 'y'], 0.85, 'plain']])).toBe('a,b,c,d\r\n,x; y,0.85,plain\r\n');
  });

  it('quotes commas, quotes and line ends', () => {
    expect(csvOf(['a'], [['x,y'], ['say "no"'], ['two\nlines']])).toBe(
      'a\r\n"x,y"\r\n"say ""no"""\r\n"two\nlines"\r\n',
    );
  });

  it.each(['=1+1', '+1', '-1', '@x', '\tx', '\rx'])('lets no spreadsheet run %j', (text) => {
    expect(readCsv(csvOf(['a'], [[text], [[text, 'more']]]))).toEqual([['a'], [`'${text}`], [`'${text}; more`]]);
  });

  it('gives back any text, behind an apostrophe where it could be a formula', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (texts) => {
        const header = texts.map((_, i) => `c${i}`);
        const shown = texts.map((text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text));
        expect(readCsv(csvOf(header, [texts]))).toEqual([header, shown]);
      }),
    );
  });
});
