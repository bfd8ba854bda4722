// The memory of which way worked in which network, on disk: the next start begins with it.
import { join } from 'node:path';
import { readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import {
  readLadderMemory,
  serialiseLadderMemory,
  winnerIn,
  withWinner,
  type LadderMemory,
  type Way,
  type Winner,
} from './ladder.ts';
import { frpDir } from './session.ts';

/** Network of the memory before a collector has told which it is. */
const UNKNOWN_NETWORK = 'unknown';

export class Winners {
  readonly #path: string;
  readonly #logger: Logger;
  #memory: LadderMemory;

  private constructor(path: string, memory: LadderMemory, logger: Logger) {
    this.#path = path;
    this.#memory = memory;
    this.#logger = logger;
  }

  /** Those of a home; none where the file is not there or damaged. */
  static async read(home: string, logger: Logger): Promise<Winners> {
    const path = join(frpDir(home), 'winners.json');
    return new Winners(path, (await readJsonTolerant(path, readLadderMemory)) ?? new Map(), logger);
  }

  /** The way that worked last in this network, or where the network is not known yet, in any. */
  of(network: string | null, addresses: readonly FrpAddress[]): Way | null {
    const networks = [network, UNKNOWN_NETWORK, ...[...this.#memory.keys()].toReversed()];
    for (const key of networks) {
      const way = key === null ? null : winnerIn(this.#memory, key, addresses);
      if (way !== null) return way;
    }
    return null;
  }

  /** Keeps it. A disk that takes nothing costs the memory after the next start. */
  async remember(network: string | null, winner: Winner): Promise<void> {
    const before = serialiseLadderMemory(this.#memory);
    this.#memory = withWinner(this.#memory, network ?? UNKNOWN_NETWORK, winner);
    const text = serialiseLadderMemory(this.#memory);
    if (text === before) return;
    try {
      await writeFileDurable(this.#path, text);
    } catch (error) {
      this.#logger.warn({ error: messageOf(error) }, 'the way that worked could not be kept');
    }
  }
}
