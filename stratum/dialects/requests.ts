import type { StratumEvent } from './dialect.ts';
import { keyOf, loginEvent, outcomeOf, type JsonObject } from './message.ts';

/** What an answer will be about. */
export type RequestKind = 'login' | 'submit' | 'other';

/** More than the meter keeps submits waiting, so that no answer to one of them is lost here. */
const REQUESTS_MAX = 2048;
/** Pools may leave it without an answer (NiceHash's note on the extension); one that never comes must not be waited for. */
const NEVER_WAITED_FOR = 'mining.extranonce.subscribe';

/**
 * The miner's requests that wait for an answer. An answer belongs to the oldest request with its id: some miners give all
 * requests of a kind one id, and a hashrate report or a keepalive must not answer a share.
 */
export class Requests {
  readonly #waiting = new Map<string, RequestKind[]>();
  #count = 0;

  /** Takes a message of the miner; one that is no request changes nothing. Returns its id as a key. */
  sent({ id, method }: JsonObject, kind: RequestKind): string | null {
    const key = keyOf(id);
    if (key === null || typeof method !== 'string' || method === NEVER_WAITED_FOR) return key;
    const same = this.#waiting.get(key);
    if (same === undefined) this.#waiting.set(key, [kind]);
    else same.push(kind);
    this.#count += 1;
    const oldest = this.#waiting.keys().next();
    if (this.#count > REQUESTS_MAX && oldest.done !== true) this.#take(oldest.value);
    return key;
  }

  /** Takes what the pool sent under this id as the answer to a request that is neither login nor submit, if one is due. */
  settleOther({ id }: JsonObject): void {
    const key = keyOf(id);
    if (key !== null && this.#waiting.get(key)?.[0] === 'other') this.#take(key);
  }

  /** What the pool's answer means; no event where it is not about a login or a share. */
  answered(message: JsonObject, read = { login: loginEvent, share: outcomeOf }): StratumEvent[] {
    const id = keyOf(message['id']);
    const kind = id === null ? null : this.#take(id);
    if (kind === 'login') return [read.login(message)];
    return kind === 'submit' && id !== null ? [{ kind: 'answer', id, outcome: read.share(message) }] : [];
  }

  #take(key: string): RequestKind | null {
    const same = this.#waiting.get(key);
    const kind = same?.shift();
    if (same === undefined || kind === undefined) return null;
    this.#count -= 1;
    if (same.length === 0) this.#waiting.delete(key);
    return kind;
  }
}
