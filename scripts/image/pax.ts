// PAX records (POSIX pax, "pax Extended Header"): "<length> <key>=<value>\n", the length counting itself.
import { ImageFault } from './fault.ts';

/** What a PAX header changes in the entry behind it. */
export interface PaxChanges {
  path?: Buffer;
  link?: Buffer;
  size_bytes?: number;
  /** Real size of a sparse file in any of GNU's PAX formats (0.0, 0.1, 1.0). */
  sparse_bytes?: number;
}

const NEWLINE = 0x0a;
const LENGTH_DIGITS_MAX = 20;

/** Reads the records. Throws tar_pax, with `where` as the header's place in the archive. */
export function parsePax(bytes: Buffer, where: number): PaxChanges {
  const values = new Map<string, Buffer>();
  let isSparse = false;
  for (let at = 0; at < bytes.length;) {
    const blank = bytes.indexOf(' ', at);
    const digits = blank < 0 || blank - at > LENGTH_DIGITS_MAX ? '' : bytes.toString('latin1', at, blank);
    const end = at + (/^[0-9]+$/.test(digits) ? Number(digits) : NaN);
    const equals = bytes.indexOf('=', blank);
    const isWhole = end <= bytes.length && equals > blank && equals < end && bytes[end - 1] === NEWLINE;
    if (!isWhole) throw new ImageFault('tar_pax', `the PAX header at byte ${where} is broken`);
    const key = bytes.toString('latin1', blank + 1, equals);
    isSparse ||= SPARSE_SIGNS.has(key);
    if (WANTED.has(key)) values.set(key, bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return changes(values, isSparse, where);
}

const SPARSE_SIGNS = new Set(['GNU.sparse.major', 'GNU.sparse.map', 'GNU.sparse.offset']);
const WANTED = new Set(['path', 'linkpath', 'size', 'GNU.sparse.name', 'GNU.sparse.size', 'GNU.sparse.realsize']);

function changes(values: ReadonlyMap<string, Buffer>, isSparse: boolean, where: number): PaxChanges {
  // An empty value takes a record back.
  const text = (key: string): Buffer | undefined => {
    const value = values.get(key);
    if (value?.includes(0) === true) throw new ImageFault('tar_pax', `the PAX header at byte ${where} has a NUL`);
    return value === undefined || value.length === 0 ? undefined : Buffer.from(value);
  };
  const number = (key: string): number | undefined => {
    const value = text(key)?.toString('latin1');
    if (value === undefined) return undefined;
    const count = /^[0-9]{1,16}$/.test(value) ? Number(value) : NaN;
    if (Number.isSafeInteger(count)) return count;
    throw new ImageFault('tar_pax', `the PAX header at byte ${where} has a ${key} that is no size`);
  };
  const path = (isSparse ? text('GNU.sparse.name') : undefined) ?? text('path');
  const link = text('linkpath');
  const size_bytes = number('size');
  const sparse_bytes = isSparse ? (number('GNU.sparse.size') ?? number('GNU.sparse.realsize')) : undefined;
  return {
    ...(path === undefined ? {} : { path }),
    ...(link === undefined ? {} : { link }),
    ...(size_bytes === undefined ? {} : { size_bytes }),
    ...(sparse_bytes === undefined ? {} : { sparse_bytes }),
  };
}
