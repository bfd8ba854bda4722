// EthereumStratum/2.0.0 (EIP-1571): hello first; mining.set gives target and epoch for the next jobs; answers without an error are
// a yes, even {"id":1} alone; error codes follow HTTP's. Submits are [job, nonce, token]: no login to replace.
import { BITCOIN_DIFFICULTY_ONE, hashesOfTarget, targetOfNumber } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asList, asObject, errorOf, keyOf, type JsonObject, type ShareOutcome } from './message.ts';
import { authorizeAs } from './mining.ts';
import { reconnectEvents } from './reconnect.ts';
import { Requests } from './requests.ts';

/** 202: accepted, but booked as stale; 404: job not found. */
const STALE_CODES: readonly (number | null)[] = [202, 404];

const ANSWERS = {
  login(message: JsonObject): Extract<StratumEvent, { kind: 'login' }> {
    const error = errorOf(message);
    // Without a token no worker can hand in shares, so any error is a refusal.
    return { kind: 'login', isAccepted: error === null && message['result'] !== false, detail: error?.text ?? '' };
  },
  share(message: JsonObject): ShareOutcome {
    const error = errorOf(message);
    if (error === null) return message['result'] === false ? 'rejected' : 'accepted';
    if (STALE_CODES.includes(error.code)) return 'stale';
    // 2xx: accepted, with a hint.
    return error.code !== null && error.code >= 200 && error.code < 300 ? 'accepted' : 'rejected';
  },
};

export class EthereumStratum2Reader implements DialectReader {
  readonly dialect = 'ethereumstratum2';
  readonly #jobs = new JobWorks();
  readonly #requests = new Requests();
  /** The boundary that a miner must assume before the pool sets one is that of Bitcoin's difficulty 1. */
  #work = hashesOfTarget(BITCOIN_DIFFICULTY_ONE);

  fromMiner(message: JsonObject): StratumEvent[] {
    if (message['method'] !== 'mining.submit') {
      this.#requests.sent(message, message['method'] === 'mining.authorize' ? 'login' : 'other');
      return [];
    }
    const job = keyOf(asList(message['params'])[0]);
    return [{ kind: 'submit', id: this.#requests.sent(message, 'submit'), work_hashes: this.#jobs.get(job) }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (typeof message['method'] !== 'string') return this.#requests.answered(message, ANSWERS);
    switch (message['method']) {
      case 'mining.set': {
        const target = asObject(message['params'])?.['target'];
        if (target === undefined) return [];
        const value = typeof target === 'string' ? targetOfNumber(target) : null;
        this.#work = value === null ? null : hashesOfTarget(value);
        return [{ kind: 'target', work_hashes: this.#work }];
      }
      case 'mining.notify': {
        const job = keyOf(asList(message['params'])[0]);
        if (job !== null) this.#jobs.set(job, this.#work);
        return [];
      }
      default:
        return reconnectEvents(message);
    }
  }

  withLogin(message: JsonObject, login: PoolLogin): JsonObject | null {
    return authorizeAs(message, login);
  }
}
