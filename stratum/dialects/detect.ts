import type { Dialect } from '../../wire/dialect.ts';
import { BITCOIN_DIFFICULTY_ONE } from '../target.ts';
import { BitcoinReader } from './bitcoin.ts';
import { CryptonoteReader } from './cryptonote.ts';
import type { DialectReader } from './dialect.ts';
import type { JsonObject } from './message.ts';

/** Requests that a miner of the mining.* dialect may begin with. `mining.hello` (EthereumStratum/2.0.0) is another dialect. */
const BITCOIN_OPENINGS = new Set<unknown>([
  'mining.subscribe',
  'mining.configure',
  'mining.authorize',
  'mining.extranonce.subscribe',
]);

/** What is known before the miner says a word: an AlgoProfile is one. */
export interface DialectHint {
  /** Which of the dialects that begin alike; null where that is not known. */
  dialect: Dialect | null;
  /** The target that mining.set_difficulty's 1 stands for; null where it proves no work. */
  difficultyOne: bigint | null;
}

/** A Bitcoin pool, as the practice pools are. */
const BITCOIN: DialectHint = { dialect: 'bitcoin', difficultyOne: BITCOIN_DIFFICULTY_ONE };

/** The reader for a connection whose miner begins with this message; null for a dialect that is not read. */
export function detectDialect(first: JsonObject | null, hint: DialectHint = BITCOIN): DialectReader | null {
  const method = first?.['method'];
  if (BITCOIN_OPENINGS.has(method)) return hint.dialect === 'unknown' ? null : new BitcoinReader(hint.difficultyOne);
  return method === 'login' ? new CryptonoteReader() : null;
}
