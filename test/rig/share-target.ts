// Difficulty, target and expected hashes, for the two dialects of the rig.

/** 2^256: the number of values that a hash can have. */
export const HASH_SPACE = 1n << 256n;

/** Bitcoin's target of difficulty 1: 00000000ffff0000… (2^256 / it = 4,295,032,833 hashes). */
export const DIFFICULTY_ONE_TARGET = 0xffffn << 208n;

const FRACTION = 2 ** 60;

/** Target of a Bitcoin-style difficulty. Fractions down to 1e-9 keep six digits. Throws RangeError unless positive and finite. */
export function targetOfDifficulty(difficulty: number): bigint {
  if (!(difficulty > 0) || !Number.isFinite(difficulty))
    throw new RangeError(`difficulty ${difficulty} is not positive`);
  const scaled = BigInt(Math.max(1, Math.round(difficulty * FRACTION)));
  const target = (DIFFICULTY_ONE_TARGET * BigInt(FRACTION)) / scaled;
  return target < HASH_SPACE ? target : HASH_SPACE - 1n;
}

/** Bitcoin-style difficulty that asks for so many hashes per share on average, rounded to six digits as it goes on the wire. */
export function difficultyOfHashes(hashes: number): number {
  return Number((hashes / expectedHashes(DIFFICULTY_ONE_TARGET)).toPrecision(6));
}

/** Hashes that one share at this target takes on average: 2^256 / target. */
export function expectedHashes(target: bigint): number {
  return Number(HASH_SPACE) / Number(target);
}

/** CryptoNote's compact target (four bytes, little-endian hex) for so many hashes per share: 2^32 / hashes, at least 1. */
export function compactTarget(hashes: number): string {
  const value = Math.min(0xffff_ffff, Math.max(1, Math.floor(0xffff_ffff / hashes)));
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}

/** The 64-bit target that xmrig makes of a compact one: (2^64-1) / ((2^32-1) / compact), whole numbers all the way. */
export function targetOfCompact(hex: string): bigint {
  const compact = BigInt(Buffer.from(hex, 'hex').readUInt32LE());
  return 0xffff_ffff_ffff_ffffn / (0xffff_ffffn / compact);
}
