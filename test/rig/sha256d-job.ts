// The work that the practice pool hands out: a plausible block on a made-up chain.
import { randomBytes } from 'node:crypto';
import type { HeaderParts } from './bitcoin-header.ts';

/** Bytes of the two extranonces in the coinbase. */
export const EXTRANONCE1_BYTES = 4;
export const EXTRANONCE2_BYTES = 4;

/** One block template; sessions cut their jobs from it. */
export interface Template extends HeaderParts {
  ntime: string;
  height: number;
}

function hexLE(value: number, bytes: number): string {
  const out = Buffer.alloc(bytes);
  out.writeUIntLE(value, 0, bytes);
  return out.toString('hex');
}

/** A new template at this height; `prevhash` null means a new block was found, so the work on the old one is void. */
export function makeTemplate(height: number, prevhash: string | null, nowMs: number): Template {
  const tag = Buffer.from('/spotrig practice/').toString('hex');
  const scriptBytes = 4 + EXTRANONCE1_BYTES + EXTRANONCE2_BYTES + tag.length / 2;
  return {
    height,
    // Four zero bytes at the end of the header's form: a previous hash that a real chain could have.
    prevhash: prevhash ?? `${randomBytes(28).toString('hex')}00000000`,
    coinb1: `0100000001${'00'.repeat(32)}ffffffff${hexLE(scriptBytes, 1)}03${hexLE(height, 3)}`,
    // Sequence, one output of 50 coins to a script of one byte (OP_TRUE), lock time.
    coinb2: `${tag}ffffffff01${hexLE(5_000_000_000, 6)}00000151${'00'.repeat(4)}`,
    branches: [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')],
    version: '20000000',
    nbits: '1a44b9f2',
    ntime: Math.floor(nowMs / 1000)
      .toString(16)
      .padStart(8, '0'),
  };
}
