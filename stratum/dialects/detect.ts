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

/** The reader for a connection whose miner begins with this message; null for a dialect that is not read. */
export function detectDialect(first: JsonObject | null, o: { difficultyOne?: bigint } = {}): DialectReader | null {
  const method = first?.['method'];
  if (BITCOIN_OPENINGS.has(method)) return new BitcoinReader(o.difficultyOne);
  return method === 'login' ? new CryptonoteReader() : null;
}
