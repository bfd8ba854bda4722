// Fills the head: entrypoint/bootstrap/part-one.sh and part-two.sh become the first bytes of the single file.
import { createHash } from 'node:crypto';
import { SpotrigError } from '../../platform/errors.ts';

/** Length of part one. A cut below it cannot be healed, so it is as short as its work allows. */
export const PART_ONE_BYTES = 700;
/** Length of the whole head; the payload begins behind it. */
export const HEAD_BYTES = 6144;
const PART_TWO_BYTES = HEAD_BYTES - PART_ONE_BYTES;

/** An artefact as the head knows it. */
export interface BakedFile {
  sha256: string;
  size_bytes: number;
}

export interface HeadFacts {
  /** Base URLs without a trailing slash. */
  mirrors: readonly string[];
  nodeFlags: readonly string[];
  payload: BakedFile;
  /** The unpacked Node binary. */
  node: BakedFile;
  /** The same, compressed; null when the release carries no xz variant. */
  xz: BakedFile | null;
  gz: BakedFile;
}

export interface Templates {
  partOne: string;
  partTwo: string;
}

export interface Head {
  head: Buffer;
  partTwo: Buffer;
  /** The filled head with its comments, unpadded: what a shell linter reads. */
  commented: string;
}

/**
 * Fills both templates, strips comments and leading blanks, and pads to the fixed lengths. Part one carries the mirrors
 * that fit it, part two the rest. Throws `head_too_long`, `head_placeholder` or `head_not_ascii`.
 */
export function fillHead(templates: Templates, facts: HeadFacts): Head {
  const xzWords = ["'xz -dc'", "'py lzma'"];
  const gzWords = ["'gzip -dc'", "'py gzip'"];
  const two = (mirrors: readonly string[]): string =>
    fill(templates.partTwo, {
      MIRRORS: mirrors.join(' '),
      PAYLOAD_SHA256: facts.payload.sha256,
      PAYLOAD_BYTES: String(facts.payload.size_bytes),
      PAYLOAD_START: String(HEAD_BYTES + 1),
      NODE_SHA256: facts.node.sha256,
      NODE_BYTES: String(facts.node.size_bytes),
      NODE_FLAGS: facts.nodeFlags.join(' '),
      UNPACKERS: (facts.xz === null ? gzWords : [...xzWords, ...gzWords]).join(' '),
      XZ_SHA256: facts.xz?.sha256 ?? "''",
      XZ_BYTES: String(facts.xz?.size_bytes ?? 0),
      GZ_SHA256: facts.gz.sha256,
      GZ_BYTES: String(facts.gz.size_bytes),
    });
  const one = (mirrors: readonly string[], partTwoSha256: string): string =>
    fill(templates.partOne, {
      MIRRORS: mirrors.join(' '),
      PART_TWO_SHA256: partTwoSha256,
      PART_TWO_START: String(PART_ONE_BYTES + 1),
      PART_TWO_BYTES: String(PART_TWO_BYTES),
      PART_ONE_TEXT: String(PART_ONE_BYTES - 1),
      HEAD_BYTES: String(HEAD_BYTES),
    });

  let early = facts.mirrors.length;
  while (early > 0 && denseLength(one(facts.mirrors.slice(0, early), '0'.repeat(64))) > PART_ONE_BYTES) early -= 1;
  const partTwoText = two(facts.mirrors.slice(early));
  const partTwo = pad(dense(partTwoText), PART_TWO_BYTES, 'part two');
  const partOneText = one(facts.mirrors.slice(0, early), sha256Of(partTwo));
  const partOne = pad(dense(partOneText), PART_ONE_BYTES, 'part one');
  return { head: Buffer.concat([partOne, partTwo]), partTwo, commented: partOneText + partTwoText };
}

/** Lower-case hex SHA-256. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function fill(template: string, values: Record<string, string>): string {
  return template.replaceAll(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new SpotrigError('head_placeholder', `the template asks for @${name}@`);
    return value;
  });
}

function dense(text: string): string {
  const [first = '', ...rest] = text.split('\n').map((line) => line.trim());
  const kept = rest.filter((line) => line !== '' && !line.startsWith('#'));
  return [...(first.startsWith('#!') ? [first] : first.startsWith('#') ? [] : [first]), ...kept].join('\n');
}

function denseLength(text: string): number {
  return dense(text).length + 1;
}

// Spaces behind the last brace, then one newline: part one can then be padded again by the head itself (printf %-Ns).
function pad(text: string, bytes: number, what: string): Buffer {
  if (/[^\n\x20-\x7e]/.test(text))
    throw new SpotrigError('head_not_ascii', `${what} has a character that is not ASCII`);
  if (text.length + 1 > bytes) {
    throw new SpotrigError('head_too_long', `${what} needs ${text.length + 1} bytes, there are ${bytes}`);
  }
  return Buffer.from(`${text.padEnd(bytes - 1)}\n`, 'ascii');
}
