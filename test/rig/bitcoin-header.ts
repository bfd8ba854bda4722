// Bitcoin's header arithmetic as stratum V1 splits it: coinbase, merkle root, 80-byte header, double SHA-256.
// The rig has its own copy on purpose: it judges what the product says, so it shares no code with it.
import { hash } from 'node:crypto';

/** Bytes of a block header, and where its nonce stands (little-endian, four bytes). */
export const HEADER_BYTES = 80;
export const HEADER_NONCE_OFFSET = 76;

/** What `mining.notify` carries, as its hex texts. `prevhash` is in stratum's word-swapped form. */
export interface HeaderParts {
  prevhash: string;
  coinb1: string;
  coinb2: string;
  branches: readonly string[];
  version: string;
  nbits: string;
}

/** SHA-256 of the SHA-256. */
export function sha256d(bytes: Uint8Array): Buffer {
  return hash('sha256', hash('sha256', bytes, 'buffer'), 'buffer');
}

/** Turns every four-byte word round. Stratum sends the previous hash in this form; doing it twice gives the input again. */
export function swapWords(hex: string): string {
  return Buffer.from(hex, 'hex').swap32().toString('hex');
}

/** Merkle root (header byte order) of a coinbase transaction and the branches that stratum sends beside it. */
export function merkleRoot(coinbase: Uint8Array, branches: readonly string[]): Buffer {
  return branches.reduce(
    (left, branch) => sha256d(Buffer.concat([left, Buffer.from(branch, 'hex')])),
    sha256d(coinbase),
  );
}

/** The 80 header bytes of a job with the given extranonces, time and nonce (hex as in `mining.submit`, big-endian numbers). */
export function buildHeader(
  parts: HeaderParts,
  extranonce1: string,
  extranonce2: string,
  ntime: string,
  nonce: string,
): Buffer {
  const coinbase = Buffer.from(parts.coinb1 + extranonce1 + extranonce2 + parts.coinb2, 'hex');
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(Number.parseInt(parts.version, 16), 0);
  header.write(swapWords(parts.prevhash), 4, 'hex');
  merkleRoot(coinbase, parts.branches).copy(header, 36);
  header.writeUInt32LE(Number.parseInt(ntime, 16), 68);
  header.writeUInt32LE(Number.parseInt(parts.nbits, 16), 72);
  header.writeUInt32LE(Number.parseInt(nonce, 16), HEADER_NONCE_OFFSET);
  return header;
}

/** A hash as the number that is compared with a target: its bytes are little-endian. */
export function hashValue(digest: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(digest).reverse().toString('hex')}`);
}
