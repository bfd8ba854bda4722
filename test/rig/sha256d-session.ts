// One miner's connection to the sha256d practice pool: stratum V1, every share rebuilt and hashed.
import { buildHeader, hashValue, sha256d } from './bitcoin-header.ts';
import type { Message } from './json-line.ts';
import type { LinePeer } from './line-server.ts';
import type { PoolContext, PoolSession } from './practice-pool.ts';
import type { RejectReason } from './share-books.ts';
import { difficultyOfHashes, expectedHashes, targetOfDifficulty } from './share-target.ts';
import { EXTRANONCE2_BYTES, type Template } from './sha256d-job.ts';
import { freshWindow, isWindowFull, nextShareHashes, withShare } from './vardiff.ts';

interface SessionJob {
  template: Template;
  target: bigint;
  /** Hashes already handed in; shared by the jobs of one template, so a share cannot be sold twice under two job ids. */
  seen: Set<string>;
}

/** Stratum's error codes by reason. */
const ERRORS: Record<RejectReason, [number, string]> = {
  invalid: [20, 'Malformed request'],
  stale: [21, 'Job not found'],
  duplicate: [22, 'Duplicate share'],
  low_difficulty: [23, 'Low difficulty share'],
  unauthorised: [24, 'Unauthorized worker'],
  not_subscribed: [25, 'Not subscribed'],
};
const JOBS_KEPT = 8;
const LOGINS_MAX = 16;
const NTIME_AHEAD_MAX_S = 7200;

function isHex(text: unknown, bytes: number): text is string {
  return typeof text === 'string' && text.length === bytes * 2 && /^[0-9a-f]*$/i.test(text);
}

/** The state of one connection. */
export class Sha256dSession implements PoolSession {
  readonly #peer: LinePeer;
  readonly #context: PoolContext;
  readonly #template: () => Template;
  readonly #extranonce1: string;
  readonly #jobs = new Map<string, SessionJob>();
  readonly #logins = new Set<string>();
  #subscribed = false;
  #jobCount = 0;
  #difficulty: number;
  #toldDifficulty: number | null = null;
  #window;

  constructor(peer: LinePeer, context: PoolContext, startDifficulty: number, template: () => Template) {
    this.#peer = peer;
    this.#context = context;
    this.#template = template;
    this.#extranonce1 = (peer.id >>> 0).toString(16).padStart(8, '0');
    this.#difficulty = startDifficulty;
    this.#window = freshWindow(context.nowMs());
  }

  /** Hands out a job of the present template; `clean` voids all earlier jobs. */
  offer(clean: boolean): void {
    if (!this.#subscribed || this.#logins.size === 0) return;
    if (this.#toldDifficulty !== this.#difficulty) {
      this.#toldDifficulty = this.#difficulty;
      this.#peer.send({ id: null, method: 'mining.set_difficulty', params: [this.#difficulty] });
    }
    const template = this.#template();
    const previous = [...this.#jobs.values()].at(-1);
    if (clean) this.#jobs.clear();
    this.#jobCount += 1;
    const id = this.#jobCount.toString(16);
    const seen = previous?.template === template ? previous.seen : new Set<string>();
    this.#jobs.set(id, { template, target: targetOfDifficulty(this.#difficulty), seen });
    for (const old of [...this.#jobs.keys()].slice(0, -JOBS_KEPT)) this.#jobs.delete(old);
    const { prevhash, coinb1, coinb2, branches, version, nbits, ntime } = template;
    const params = [id, prevhash, coinb1, coinb2, branches, version, nbits, ntime, clean];
    this.#peer.send({ id: null, method: 'mining.notify', params });
  }

  /** Lets vardiff judge the running window; a change is told at once, with a job that carries it. */
  tick(): void {
    const rules = this.#context.vardiff;
    const nowMs = this.#context.nowMs();
    if (rules === null || this.#jobs.size === 0 || !isWindowFull(this.#window, rules, nowMs)) return;
    const hashes = expectedHashes(targetOfDifficulty(this.#difficulty));
    const next = nextShareHashes(hashes, this.#window, rules, nowMs);
    this.#window = freshWindow(nowMs);
    if (next === hashes) return;
    this.#difficulty = difficultyOfHashes(next);
    this.offer(false);
  }

  message({ id = null, method, params }: Message): void {
    const list: unknown[] = Array.isArray(params) ? params : [];
    if (method === 'mining.subscribe') this.#subscribe(id);
    else if (method === 'mining.authorize') this.#authorize(id, list[0]);
    else if (method === 'mining.submit') this.#submit(id, list);
    else this.#peer.send({ id, result: null, error: [20, 'Unknown method', null] });
  }

  #subscribe(id: unknown): void {
    this.#subscribed = true;
    const names = ['mining.set_difficulty', 'mining.notify'].map((name) => [name, this.#extranonce1]);
    this.#peer.send({ id, result: [names, this.#extranonce1, EXTRANONCE2_BYTES], error: null });
    this.offer(true);
  }

  #authorize(id: unknown, login: unknown): void {
    const isGood = typeof login === 'string' && login !== '' && login.length <= 200 && this.#logins.size < LOGINS_MAX;
    this.#peer.send({ id, result: isGood, error: isGood ? null : [24, 'Unauthorized worker', null] });
    if (!isGood) return;
    this.#logins.add(login);
    this.#window = freshWindow(this.#context.nowMs());
    this.offer(true);
  }

  #submit(id: unknown, params: unknown[]): void {
    const worker = typeof params[0] === 'string' && this.#logins.has(params[0]) ? params[0] : '';
    const verdict = this.#judge(params);
    const isAnswered = this.#context.isAnswering();
    this.#context.books.enter(worker, verdict, { nowMs: Date.now(), isAnswered });
    if (typeof verdict === 'number') this.#window = withShare(this.#window, verdict);
    if (!isAnswered) return;
    const error = typeof verdict === 'string' ? [...ERRORS[verdict], null] : null;
    this.#peer.send({ id, result: error === null ? true : null, error });
    this.tick();
  }

  /** Expected hashes of a good share, or why it is refused. */
  #judge(params: unknown[]): number | RejectReason {
    if (!this.#subscribed) return 'not_subscribed';
    const [login, jobId, extranonce2, ntime, nonce] = params;
    if (typeof login !== 'string' || !this.#logins.has(login)) return 'unauthorised';
    const job = typeof jobId === 'string' ? this.#jobs.get(jobId) : undefined;
    if (job === undefined) return 'stale';
    if (!isHex(extranonce2, EXTRANONCE2_BYTES) || !isHex(ntime, 4) || !isHex(nonce, 4)) return 'invalid';
    const ahead_s = Number.parseInt(ntime, 16) - Number.parseInt(job.template.ntime, 16);
    if (ahead_s < 0 || ahead_s > NTIME_AHEAD_MAX_S) return 'invalid';
    const digest = sha256d(buildHeader(job.template, this.#extranonce1, extranonce2, ntime, nonce));
    const key = digest.toString('base64');
    if (job.seen.has(key)) return 'duplicate';
    if (hashValue(digest) > job.target) return 'low_difficulty';
    job.seen.add(key);
    return expectedHashes(job.target);
  }
}
