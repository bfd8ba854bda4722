// The dialect of Monero and its kin: login, job, submit, keepalived, by JSON-RPC 2.0. Every job carries its own target.
import { hashesOfTarget, targetOfCompact } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asObject, isAnswer, keyOf, type JsonObject } from './message.ts';
import { Requests } from './requests.ts';

export class CryptonoteReader implements DialectReader {
  readonly dialect = 'cryptonote';
  readonly #jobs = new JobWorks();
  readonly #requests = new Requests();

  fromMiner(message: JsonObject): StratumEvent[] {
    if (message['method'] !== 'submit') {
      this.#requests.sent(message, message['method'] === 'login' ? 'login' : 'other');
      return [];
    }
    const job = keyOf(asObject(message['params'])?.['job_id']);
    return [{ kind: 'submit', id: this.#requests.sent(message, 'submit'), work_hashes: this.#jobs.get(job) }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (message['method'] === 'job') return this.#job(message['params']);
    if (!isAnswer(message)) return [];
    const events = this.#requests.answered(message);
    // The first job comes with the answer to the login.
    return events[0]?.kind === 'login' ? [...events, ...this.#job(asObject(message['result'])?.['job'])] : events;
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
