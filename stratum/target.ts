// Targets and what a share costs. A hash is a share when it is not above the target, read as a 256-bit number: so a share
// takes 2^256 / target hashes on average, whatever the pool calls "difficulty".

const TWO_256 = 1n << 256n;
const MAX_TARGET = TWO_256 - 1n;
const MAX_U32 = 0xffff_ffffn;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/** Target of difficulty 1 in Bitcoin's pools (and Firo's, and kawpowminer's reading of mining.set_difficulty). */
export const BITCOIN_DIFFICULTY_ONE = 0xffffn << 208n;

/** Expected hashes per share; null for a target outside 1 … 2^256-1. Exact to the last bits of a double. */
export function hashesOfTarget(target: bigint): number | null {
  if (target < 1n || target > MAX_TARGET) return null;
  // 64 more bits in the dividend keep the quotient precise where the target is large.
  return Number((TWO_256 << 64n) / target) / 2 ** 64;
}

/** Target of a difficulty, `difficultyOne / difficulty`, at most 2^256-1. Null for what is no positive finite number. */
export function targetOfDifficulty(difficulty: number, difficultyOne: bigint = BITCOIN_DIFFICULTY_ONE): bigint | null {
  if (!Number.isFinite(difficulty) || difficulty <= 0) return null;
  // A double is whole · 2^-scale exactly, so the division is one of integers and rounds once.
  let whole = difficulty;
  let scale = 0n;
  while (!Number.isInteger(whole)) {
    whole *= 2;
    scale += 1n;
  }
  const target = (difficultyOne << scale) / BigInt(whole);
  if (target === 0n) return null;
  return target > MAX_TARGET ? MAX_TARGET : target;
}

/** Difficulty of a target: the inverse of `targetOfDifficulty`, to the precision of a double. */
export function difficultyOfTarget(target: bigint, difficultyOne: bigint = BITCOIN_DIFFICULTY_ONE): number | null {
  const hashes = hashesOfTarget(target);
  const one = hashesOfTarget(difficultyOne);
  return hashes === null || one === null ? null : hashes / one;
}

/** Target of `mining.set_target`: 64 hex digits, most significant first (KawPow pools, ZIP-301). Null for anything else. */
export function targetOfHex(hex: string): bigint | null {
  const digits = /^(?:0x)?([0-9a-f]{64})$/i.exec(hex)?.[1];
  if (digits === undefined) return null;
  const target = BigInt(`0x${digits}`);
  return target === 0n ? null : target;
}

/**
 * Target of ethproxy and EIP-1571: a number in hex, most significant digit first; leading zeros may be missing
 * (open-ethereum-pool writes none). Null for anything else.
 */
export function targetOfNumber(hex: string): bigint | null {
  const digits = /^(?:0x)?([0-9a-f]{1,64})$/i.exec(hex)?.[1];
  return digits === undefined ? null : targetOfHex(digits.padStart(64, '0'));
}

/**
 * Target of a CryptoNote job: 4 or 8 bytes as hex, least significant byte first, compared with the top 64 bits of the
 * hash. The 4-byte form is widened as XMRig does (src/base/net/stratum/Job.cpp, setTarget). Null for anything else.
 */
export function targetOfCompact(hex: string): bigint | null {
  if (!/^(?:[0-9a-f]{8}|[0-9a-f]{16})$/i.test(hex)) return null;
  const bytes = Buffer.from(hex, 'hex');
  const value = bytes.length === 4 ? BigInt(bytes.readUInt32LE()) : bytes.readBigUInt64LE();
  if (value === 0n) return null;
  const target64 = bytes.length === 4 ? MAX_U64 / (MAX_U32 / value) : value;
  return target64 << 192n;
}
