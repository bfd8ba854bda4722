import type { Dialect } from '../../wire/dialect.ts';
import { BITCOIN_DIFFICULTY_ONE } from '../target.ts';
import { bitcoinReader } from './bitcoin.ts';
import { CryptonoteReader } from './cryptonote.ts';
import type { DialectReader } from './dialect.ts';
import { equihashReader } from './equihash.ts';
import { ethereumStratum1Reader } from './ethereumstratum1.ts';
import { EthereumStratum2Reader } from './ethereumstratum2.ts';
import { EthproxyReader } from './ethproxy.ts';
import { kaspaReader } from './kaspa.ts';
import { asList, type JsonObject } from './message.ts';

/** What is known before the miner says a word: an AlgoProfile is one. */
export interface DialectHint {
  /** Which of the dialects that begin alike; null where that is not known. */
  dialect: Dialect | null;
  /** The target that mining.set_difficulty's 1 stands for; null where it proves no work. */
  difficultyOne: bigint | null;
}

/** A Bitcoin pool, as the practice pools are. */
const BITCOIN: DialectHint = { dialect: 'bitcoin', difficultyOne: BITCOIN_DIFFICULTY_ONE };

/** Requests that a miner of one of the mining.* dialects may begin with. */
const MINING_OPENINGS = new Set<unknown>([
  'mining.subscribe',
  'mining.configure',
  'mining.authorize',
  'mining.extranonce.subscribe',
]);

/**
 * The reader for a connection whose miner begins with this message; null for a dialect that is not read. What the miner says
 * goes before the hint, which only decides between dialects that begin alike.
 */
export function detectDialect(first: JsonObject | null, hint: DialectHint = BITCOIN): DialectReader | null {
  const method = first?.['method'];
  if (first === null || hint.dialect === 'unknown') return null;
  if (MINING_OPENINGS.has(method)) return miningReader(first, hint);
  switch (method) {
    case 'login':
      return new CryptonoteReader();
    case 'mining.hello':
      return new EthereumStratum2Reader();
    case 'eth_submitLogin':
    case 'eth_login':
    case 'eth_getWork':
      return new EthproxyReader();
    default:
      return null;
  }
}

function miningReader(first: JsonObject, { dialect, difficultyOne }: DialectHint): DialectReader {
  const [, protocol] = asList(first['params']);
  if (dialect === 'kaspa') return kaspaReader(difficultyOne);
  // Said by Kaspa's miners too.
  if (typeof protocol === 'string' && protocol.startsWith('EthereumStratum/1.'))
    return ethereumStratum1Reader(difficultyOne);
  if (dialect === 'ethereumstratum1') return ethereumStratum1Reader(difficultyOne);
  return dialect === 'equihash' ? equihashReader() : bitcoinReader(difficultyOne);
}
