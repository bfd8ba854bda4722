// One header block of a tar archive: v7, ustar, GNU and star (tar(5), POSIX pax). Read as Go's archive/tar does, since that is what
// the engines read layers with.
import { ImageFault } from './fault.ts';

export const BLOCK_BYTES = 512;

export interface TarHeader {
  /** Type flag: a character. */
  flag: string;
  /** As in the archive, with the prefix. Bytes: a name need not be UTF-8. */
  name: Buffer;
  link: Buffer;
  size_bytes: number;
  /** Of GNU's sparse entries: the file's real size, and whether more blocks of its map follow. */
  sparse: { real_bytes: number; isExtended: boolean } | null;
}

const CHECKSUM_AT = 148;
const SPACE = 0x20;
const EIGHT_SPACES = 8 * SPACE;
const BASE_256 = 0x80;
const NEGATIVE = 0x40;

/** The header at an offset; null for a block of zeros. `where` is its place in the archive, for messages. Throws tar_header. */
export function parseHeader(bytes: Buffer, at: number, where: number): TarHeader | null {
  let sum = 0;
  for (let i = at; i < at + BLOCK_BYTES; i++) sum += bytes[i] ?? 0;
  if (sum === 0) return null;
  checkSum(bytes, at, where, sum);
  const flag = String.fromCharCode(bytes[at + 156] ?? 0);
  const magic = bytes.toString('latin1', at + 257, at + 265);
  let name = cString(bytes, at, 100);
  if (magic.startsWith('ustar\0')) {
    // star keeps two times in the last bytes of ustar's prefix.
    const isStar = bytes.toString('latin1', at + 508, at + 512) === 'tar\0';
    const prefix = cString(bytes, at + 345, isStar ? 131 : 155);
    if (prefix.length > 0) name = Buffer.concat([prefix, SLASH, name]);
  } else name = Buffer.from(name);
  const isSparse = flag === 'S' && magic === 'ustar  \0';
  return {
    ...{ flag, name, link: Buffer.from(cString(bytes, at + 157, 100)) },
    size_bytes: numeric(bytes, at + 124, 12, where),
    sparse: isSparse ? { real_bytes: numeric(bytes, at + 483, 12, where), isExtended: bytes[at + 482] !== 0 } : null,
  };
}

const SLASH = Buffer.from('/');

/** The sum of all bytes with the field itself as blanks; old programs summed signed bytes. */
function checkSum(bytes: Buffer, at: number, where: number, sum: number): void {
  const told = numeric(bytes, at + CHECKSUM_AT, 8, where);
  let field = 0;
  for (let i = at + CHECKSUM_AT; i < at + CHECKSUM_AT + 8; i++) field += bytes[i] ?? 0;
  const unsigned = sum - field + EIGHT_SPACES;
  if (told === unsigned) return;
  let signed = EIGHT_SPACES;
  for (let i = at; i < at + BLOCK_BYTES; i++) {
    if (i < at + CHECKSUM_AT || i >= at + CHECKSUM_AT + 8) signed += ((bytes[i] ?? 0) << 24) >> 24;
  }
  if (told !== signed) throw new ImageFault('tar_header', `no tar header at byte ${where}: its checksum is wrong`);
}

/** Octal digits between blanks and NULs, or base 256 (star, GNU) for what is too large. */
function numeric(bytes: Buffer, at: number, length: number, where: number): number {
  const first = bytes[at] ?? 0;
  if ((first & BASE_256) !== 0) {
    let value = (first & NEGATIVE) === 0 ? first & 0x3f : NaN;
    for (let i = at + 1; i < at + length; i++) value = value * 256 + (bytes[i] ?? 0);
    if (Number.isSafeInteger(value)) return value;
  } else {
    const text = bytes.toString('latin1', at, at + length).replaceAll(/^[ \0]+|[ \0]+$/g, '');
    if (text === '') return 0;
    if (/^[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  }
  throw new ImageFault('tar_header', `no tar header at byte ${where}: a field is no number`);
}

function cString(bytes: Buffer, at: number, length: number): Buffer {
  const end = bytes.indexOf(0, at);
  return bytes.subarray(at, end < 0 || end > at + length ? at + length : end);
}
