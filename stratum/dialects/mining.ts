// What the mining.* dialects have in common: subscribe, authorize [user, password], set_difficulty or set_target, notify
// [job, …], submit [user, job, …]. They differ in how a target comes; each has its rules in a file of its own.
import { hashesOfTarget, targetOfDifficulty, targetOfHex } from '../target.ts';
import type { DialectReader, PoolLogin, StratumEvent } from './dialect.ts';
import { JobWorks } from './job-works.ts';
import { asList, isAnswer, keyOf, type JsonObject } from './message.ts';
import { reconnectEvents } from './reconnect.ts';
import { Requests } from './requests.ts';

/** One connection authorizes one worker, or a few. */
const LOGINS_MAX = 16;

export interface MiningRules {
  dialect: 'bitcoin' | 'ethereumstratum1' | 'equihash' | 'kaspa';
  /** The target that set_difficulty's 1 stands for; null where set_difficulty proves no work. */
  difficultyOne: bigint | null;
  /** The target in force before the pool names one; null where a job then proves no work. */
  firstTarget: bigint | null;
  /** A job's own target, null when it cannot be read; undefined for a job that brings none. `difficulty` is the last set. */
  jobTarget?(job: unknown[], difficulty: unknown): bigint | null | undefined;
}

/** The message with another login in its authorize; null when it is none. */
export function authorizeAs(message: JsonObject, { login, password }: PoolLogin): JsonObject | null {
  const [user, pass, ...rest] = asList(message['params']);
  if (message['method'] !== 'mining.authorize' || typeof user !== 'string') return null;
  return { ...message, params: [login ?? user, password ?? pass ?? 'x', ...rest] };
}

export class MiningReader implements DialectReader {
  readonly #rules: MiningRules;
  readonly #jobs = new JobWorks();
  readonly #requests = new Requests();
  /** Users that the miner logged in with, where the relay replaced them: its submits carry them again. */
  readonly #replaced = new Set<string>();
  /** Work per share for jobs to come: a target takes effect with the next job. */
  #work: number | null;
  /** The work that was last told as an event; undefined before the first. */
  #told: number | null | undefined;
  #difficulty: unknown = null;

  constructor(rules: MiningRules) {
    this.#rules = rules;
    this.#work = workOf(rules.firstTarget);
  }

  get dialect(): MiningRules['dialect'] {
    return this.#rules.dialect;
  }

  fromMiner(message: JsonObject): StratumEvent[] {
    if (message['method'] !== 'mining.submit') {
      this.#requests.sent(message, message['method'] === 'mining.authorize' ? 'login' : 'other');
      return [];
    }
    const job = keyOf(asList(message['params'])[1]);
    return [{ kind: 'submit', id: this.#requests.sent(message, 'submit'), work_hashes: this.#jobs.get(job) }];
  }

  fromPool(message: JsonObject): StratumEvent[] {
    if (isAnswer(message)) return this.#requests.answered(message);
    const params = asList(message['params']);
    const [first] = params;
    switch (message['method']) {
      case 'mining.set_difficulty':
        this.#difficulty = first;
        return this.#target(this.#targetOf(first));
      case 'mining.set_target':
        return this.#target(typeof first === 'string' ? targetOfHex(first) : null);
      case 'mining.notify': {
        const own = this.#rules.jobTarget?.(params, this.#difficulty);
        const events = this.#told === undefined || own !== undefined ? this.#target(own) : [];
        const job = keyOf(first);
        if (job !== null) this.#jobs.set(job, this.#work);
        return events;
      }
      case 'set_extranonce':
        // So some Kaspa pools answer subscribe.
        this.#requests.settleOther(message);
        return [];
      default:
        return reconnectEvents(message);
    }
  }

  /** Also in submits: they name the user, and a pool refuses one that it did not authorize. */
  withLogin(message: JsonObject, own: PoolLogin): JsonObject | null {
    const [user, ...rest] = asList(message['params']);
    if (own.login === null || typeof user !== 'string') return authorizeAs(message, own);
    if (message['method'] === 'mining.submit' && this.#replaced.has(user)) {
      return { ...message, params: [own.login, ...rest] };
    }
    const changed = authorizeAs(message, own);
    if (changed !== null && this.#replaced.size < LOGINS_MAX) this.#replaced.add(user);
    return changed;
  }

  #targetOf(difficulty: unknown): bigint | null {
    const one = this.#rules.difficultyOne;
    return typeof difficulty === 'number' && one !== null ? targetOfDifficulty(difficulty, one) : null;
  }

  /** Takes a target for the jobs to come; undefined tells the one in force. */
  #target(target: bigint | null | undefined): StratumEvent[] {
    if (target !== undefined) this.#work = workOf(target);
    const isNews = this.#told !== this.#work;
    this.#told = this.#work;
    return isNews ? [{ kind: 'target', work_hashes: this.#work }] : [];
  }
}

function workOf(target: bigint | null): number | null {
  return target === null ? null : hashesOfTarget(target);
}
