// The dialect of Monero and its kin: login, job, submit, keepalived, by JSON-RPC 2.0. Every job carries its own target.
import { hashesOfTarget, targetOfCompact } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asObject, errorOf, isAnswer, keyOf, outcomeOf, type JsonObject } from './message.ts';

export class CryptonoteReader implements DialectReader {
  readonly dialect = 'cryptonote';
  readonly #jobs = new JobWorks();
  /** Id of the login that waits for its answer. */
  #login: string | null = null;

  fromMiner(message: JsonObject): StratumEvent[] {
    const id = keyOf(message['id']);
    if (message['method'] === 'login') this.#login = id;
    if (message['method'] !== 'submit') return [];
    const job = keyOf(asObject(message['params'])?.['job_id']);
    return [{ kind: 'submit', id, work_hashes: this.#jobs.get(job) }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (message['method'] === 'job') return this.#job(message['params']);
    const id = keyOf(message['id']);
    if (id === null || !isAnswer(message)) return [];
    if (id !== this.#login) return [{ kind: 'answer', id, outcome: outcomeOf(message) }];
    this.#login = null;
    const error = errorOf(message);
    const result = asObject(message['result']);
    const isAccepted = error === null && result !== null;
    return [{ kind: 'login', isAccepted, detail: error?.text ?? '' }, ...this.#job(result?.['job'])];
  }

  withLogin(message: JsonObject, { login, password }: PoolLogin): JsonObject | null {
    const params = asObject(message['params']);
    if (message['method'] !== 'login' || params === null) return null;
    return {
      ...message,
      params: { ...params, login: login ?? params['login'], pass: password ?? params['pass'] ?? 'x' },
    };
  }

  #job(value: unknown): StratumEvent[] {
    const job = asObject(value);
    const id = keyOf(job?.['job_id']);
    if (job === null || id === null) return [];
    const target = typeof job['target'] === 'string' ? targetOfCompact(job['target']) : null;
    const work_hashes = target === null ? null : hashesOfTarget(target);
    this.#jobs.set(id, work_hashes);
    return [{ kind: 'target', work_hashes }];
  }
}
