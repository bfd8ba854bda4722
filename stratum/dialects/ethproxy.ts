// The dialect of open-ethereum-pool and its heirs: eth_submitLogin [wallet], eth_getWork, eth_submitWork [nonce, header, mix]. A job
// is a result [header, seed, target]; the pool also pushes one as an answer with id 0 that nobody asked for.
import { hashesOfTarget, targetOfNumber } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asList, isAnswer, keyOf, type JsonObject } from './message.ts';
import { Requests } from './requests.ts';

const LOGINS = new Set<unknown>(['eth_submitLogin', 'eth_login']);

export class EthproxyReader implements DialectReader {
  readonly dialect = 'ethproxy';
  readonly #jobs = new JobWorks();
  readonly #requests = new Requests();

  fromMiner(message: JsonObject): StratumEvent[] {
    const { method } = message;
    if (method !== 'eth_submitWork') {
      this.#requests.sent(message, LOGINS.has(method) ? 'login' : 'other');
      return [];
    }
    const work_hashes = this.#jobs.get(jobKey(asList(message['params'])[1]));
    return [{ kind: 'submit', id: this.#requests.sent(message, 'submit'), work_hashes }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (!isAnswer(message)) return [];
    const [header, , target] = asList(message['result']);
    const job = jobKey(header);
    if (job === null) return this.#requests.answered(message);
    // Asked for or pushed: a pushed job must not take the place of an answer that is still to come.
    this.#requests.settleOther(message);
    const value = typeof target === 'string' ? targetOfNumber(target) : null;
    const work_hashes = value === null ? null : hashesOfTarget(value);
    this.#jobs.set(job, work_hashes);
    return [{ kind: 'target', work_hashes }];
  }

  /** The worker's name stays, in a field of its own. */
  withLogin(message: JsonObject, { login, password }: PoolLogin): JsonObject | null {
    const [user, pass, ...rest] = asList(message['params']);
    if (!LOGINS.has(message['method']) || typeof user !== 'string') return null;
    const secret = password ?? pass;
    return { ...message, params: [login ?? user, ...(secret === undefined ? [] : [secret]), ...rest] };
  }
}

/** A job has no id: its header hash is the key. Hex digits are the same in capitals. */
function jobKey(header: unknown): string | null {
  return typeof header === 'string' ? keyOf(header.toLowerCase()) : null;
}
