// A conversation between a miner and a pool, for the readers of the dialects.
import type { DialectReader, StratumEvent } from '../../stratum/dialects/dialect.ts';
import { parseMessage } from '../../stratum/dialects/message.ts';

/** Feeds a talk, `>` from the miner and `<` from the pool, and gives what the reader made of it. */
export function talk(reader: DialectReader, lines: readonly string[]): StratumEvent[] {
  return lines.flatMap((line) => {
    const message = parseMessage(Buffer.from(line.slice(1)));
    if (message === null) throw new TypeError(`not a message: ${line}`);
    return line.startsWith('>') ? reader.fromMiner(message) : reader.fromPool(message);
  });
}

/** The work of each submit of a talk, in order. */
export function sharesOf(events: readonly StratumEvent[]): (number | null)[] {
  return events.flatMap((e) => (e.kind === 'submit' ? [e.work_hashes] : []));
}

/** How the pool answered the submits, in the order of the answers. */
export function outcomesOf(events: readonly StratumEvent[]): string[] {
  return events.flatMap((e) => (e.kind === 'answer' ? [e.outcome] : []));
}
