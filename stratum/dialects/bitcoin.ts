// The mining.* dialect: Bitcoin and its kin with set_difficulty, KawPow and Equihash pools with set_target, and
// NiceHash's EthereumStratum/1.0.0, which reads the same for a meter.
import { BITCOIN_DIFFICULTY_ONE, hashesOfTarget, targetOfDifficulty, targetOfHex } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asList, errorOf, isAnswer, keyOf, outcomeOf, type JsonObject } from './message.ts';

/** One connection authorizes one worker, or a few. */
const LOGINS_MAX = 16;

export class BitcoinReader implements DialectReader {
  readonly dialect = 'bitcoin';
  readonly #difficultyOne: bigint | null;
  readonly #jobs = new JobWorks();
  /** Ids of logins that wait for their answer. */
  readonly #logins = new Set<string>();
  /** Users that the miner logged in with, where the relay replaced them: its submits carry them again. */
  readonly #replaced = new Set<string>();
  /** Work per share for jobs to come: a target takes effect with the next job. */
  #work: number | null = null;

  /** `difficultyOne`: the target that this coin's pools mean by difficulty 1; null where set_difficulty proves no work. */
  constructor(difficultyOne: bigint | null = BITCOIN_DIFFICULTY_ONE) {
    this.#difficultyOne = difficultyOne;
  }

  fromMiner(message: JsonObject): StratumEvent[] {
    const id = keyOf(message['id']);
    if (message['method'] === 'mining.authorize' && id !== null && this.#logins.size < LOGINS_MAX) this.#logins.add(id);
    if (message['method'] !== 'mining.submit') return [];
    const job = keyOf(asList(message['params'])[1]);
    return [{ kind: 'submit', id, work_hashes: this.#jobs.get(job) }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (isAnswer(message)) return this.#answer(message);
    const [first] = asList(message['params']);
    switch (message['method']) {
      case 'mining.set_difficulty':
        if (typeof first !== 'number' || this.#difficultyOne === null) return this.#setTarget(null);
        return this.#setTarget(targetOfDifficulty(first, this.#difficultyOne));
      case 'mining.set_target':
        return this.#setTarget(typeof first === 'string' ? targetOfHex(first) : null);
      case 'mining.notify': {
        const job = keyOf(first);
        if (job !== null) this.#jobs.set(job, this.#work);
        return [];
      }
      default:
        return [];
    }
  }

  /** Also in submits: they name the user, and a pool refuses one that it did not authorize. */
  withLogin(message: JsonObject, { login, password }: PoolLogin): JsonObject | null {
    const params = asList(message['params']);
    const [user, pass] = params;
    if (typeof user !== 'string') return null;
    if (message['method'] === 'mining.authorize') {
      if (login !== null && this.#replaced.size < LOGINS_MAX) this.#replaced.add(user);
      return { ...message, params: [login ?? user, password ?? pass ?? 'x', ...params.slice(2)] };
    }
    if (login !== null && message['method'] === 'mining.submit' && this.#replaced.has(user)) {
      return { ...message, params: [login, ...params.slice(1)] };
    }
    return null;
  }

  #answer(message: JsonObject): StratumEvent[] {
    const id = keyOf(message['id']);
    if (id === null) return [];
    if (!this.#logins.delete(id)) return [{ kind: 'answer', id, outcome: outcomeOf(message) }];
    const error = errorOf(message);
    const result = message['result'];
    const isAccepted = error === null && result !== false && result !== null && result !== undefined;
    return [{ kind: 'login', isAccepted, detail: error?.text ?? '' }];
  }

  #setTarget(target: bigint | null): StratumEvent[] {
    this.#work = target === null ? null : hashesOfTarget(target);
    return [{ kind: 'target', work_hashes: this.#work }];
  }
}
