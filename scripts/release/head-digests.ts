// What a finished head bakes in, read back from its bytes: the other direction of fillHead.
import { SpotrigError } from '../../platform/errors.ts';
import { type BakedFile, HEAD_BYTES, PART_ONE_BYTES } from './head.ts';

export interface HeadDigests {
  /** Of part two, by part one. */
  partTwo: string;
  payload: BakedFile;
  /** The unpacked Node. */
  node: BakedFile;
  /** null: the head asks for gzip only. */
  xz: BakedFile | null;
  gz: BakedFile;
}

/** Reads a head (loader.sh, or the first bytes of entrypoint.sh). Throws `head_unreadable`, which says what is not found. */
export function readHead(head: Buffer): HeadDigests {
  if (head.length !== HEAD_BYTES) throw unreadable(`it has ${head.length} bytes, not ${HEAD_BYTES}`);
  const one = head.subarray(0, PART_ONE_BYTES).toString('latin1');
  const two = head.subarray(PART_ONE_BYTES).toString('latin1');
  const find = (what: string, text: string, pattern: RegExp): string[] => {
    const match = pattern.exec(text);
    if (match === null) throw unreadable(`it does not say ${what}`);
    return match.slice(1);
  };
  const file = ([sha256 = '', bytes = '']: string[]): BakedFile => ({ sha256, size_bytes: Number(bytes) });

  const [partTwo = ''] = find('the digest of part two', one, /\nd=([0-9a-f]{64})\n/);
  const [main = ''] = find('the digest of the payload', two, /\nmain=([0-9a-f]{64})\n/);
  const [start, size = ''] = find(
    'where the payload lies',
    two,
    /\ntail -c\+(\d+) "\$f"\|head -c(\d+)>\$new\/main\.cjs\n/,
  );
  if (Number(start) !== HEAD_BYTES + 1) throw unreadable(`it looks for the payload at byte ${start}`);
  const [node = ''] = find('the digest of Node', two, /\nnode=([0-9a-f]{64})\n/);
  const [nodeBytes = ''] = find('the size of Node', two, /\$new\/node \$node (\d+)\n/);
  const xz = /\nxz\*\|\*lzma\)set -- ([0-9a-f]{64}) (\d+);;\n/.exec(two);
  return {
    partTwo,
    payload: file([main, size]),
    node: file([node, nodeBytes]),
    xz: xz === null ? null : file(xz.slice(1)),
    gz: file(find('the digest of the gzip runtime', two, /\n\*\)set -- ([0-9a-f]{64}) (\d+)\nesac\n/)),
  };
}

function unreadable(why: string): SpotrigError {
  return new SpotrigError('head_unreadable', why);
}
