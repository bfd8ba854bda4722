// One miner's connection to the CryptoNote practice pool: login, job, submit, keepalived.
import { randomBytes } from 'node:crypto';
import { hashValue, sha256d } from './bitcoin-header.ts';
import type { Message } from './json-line.ts';
import type { LinePeer } from './line-server.ts';
import type { PoolContext, PoolSession } from './practice-pool.ts';
import type { RejectReason } from './share-books.ts';
import { compactTarget, expectedHashes, targetOfCompact } from './share-target.ts';
import { freshWindow, isWindowFull, nextShareHashes, withShare } from './vardiff.ts';

/** `rx/0`: the claimed hash is compared with the target, but not recomputed. `practice-sha256d`: it is recomputed. */
export type CryptonoteAlgo = 'rx/0' | 'practice-sha256d';

/** What the jobs of one block have in common. */
export interface Block {
  height: number;
  prevId: string;
  seedHash: string;
}

/** What this dialect's sessions take from their pool besides the common context. */
export interface CryptonoteWork {
  algo: CryptonoteAlgo;
  startHashes: number;
  /** The present block. */
  block(): Block;
}

interface CryptonoteJob {
  blob: Buffer;
  target64: bigint;
  nonces: Set<string>;
}

const ERRORS: Record<RejectReason, string> = {
  invalid: 'Malformed share',
  stale: 'Block expired',
  duplicate: 'Duplicate share',
  low_difficulty: 'Low difficulty share',
  unauthorised: 'Unauthenticated',
  not_subscribed: 'Unauthenticated',
};
const JOBS_KEPT = 8;
const BLOB_NONCE_OFFSET = 39;

/** Hashing blob of a Monero-like block: versions, time (varint), previous id, nonce at byte 39, tree root, one transaction. */
export function makeBlob(prevId: string, nowMs: number): Buffer {
  let time_s = Math.floor(nowMs / 1000);
  const varint: number[] = [];
  for (; time_s >= 0x80; time_s = Math.floor(time_s / 0x80)) varint.push((time_s % 0x80) | 0x80);
  varint.push(time_s);
  return Buffer.concat([
    Buffer.from([16, 16, ...varint]),
    Buffer.from(prevId, 'hex'),
    Buffer.alloc(4),
    randomBytes(32),
    Buffer.from([1]),
  ]);
}

/** The state of one connection. */
export class CryptonoteSession implements PoolSession {
  readonly #peer: LinePeer;
  readonly #context: PoolContext;
  readonly #work: CryptonoteWork;
  readonly #jobs = new Map<string, CryptonoteJob>();
  readonly #id = randomBytes(8).toString('hex');
  #login: string | null = null;
  #jobCount = 0;
  #hashes: number;
  #window;

  constructor(peer: LinePeer, context: PoolContext, work: CryptonoteWork) {
    this.#peer = peer;
    this.#context = context;
    this.#work = work;
    this.#hashes = work.startHashes;
    this.#window = freshWindow(context.nowMs());
  }

  /** Pushes a job of the present block; `clean` voids all earlier jobs. */
  offer(clean: boolean): void {
    if (clean) this.#jobs.clear();
    if (this.#login !== null) this.#peer.send({ jsonrpc: '2.0', method: 'job', params: this.#makeJob() });
  }

  /** Lets vardiff judge the running window; a change goes out with a job at once. */
  tick(): void {
    const rules = this.#context.vardiff;
    const nowMs = this.#context.nowMs();
    if (rules === null || this.#login === null || !isWindowFull(this.#window, rules, nowMs)) return;
    const next = Math.round(nextShareHashes(this.#hashes, this.#window, rules, nowMs));
    this.#window = freshWindow(nowMs);
    if (next === this.#hashes) return;
    this.#hashes = next;
    this.offer(false);
  }

  message({ id = null, method, params }: Message): void {
    const fields = (typeof params === 'object' && params !== null ? params : {}) as Record<string, unknown>;
    if (method === 'login') this.#logIn(id, fields['login']);
    else if (method === 'submit') this.#submit(id, fields);
    else if (method === 'keepalived') this.#answer(id, { status: 'KEEPALIVED' });
    else this.#refuse(id, 'Unknown method');
  }

  #answer(id: unknown, result: object): void {
    this.#peer.send({ id, jsonrpc: '2.0', error: null, result });
  }

  #refuse(id: unknown, message: string): void {
    this.#peer.send({ id, jsonrpc: '2.0', error: { code: -1, message } });
  }

  #makeJob(): object {
    this.#jobCount += 1;
    const job_id = `${this.#id.slice(0, 6)}${this.#jobCount}`;
    const target = compactTarget(this.#hashes);
    const { height, prevId, seedHash } = this.#work.block();
    const blob = makeBlob(prevId, Date.now());
    // The root in the blob is random per job, so a nonce proves work for this job alone.
    this.#jobs.set(job_id, { blob, target64: targetOfCompact(target), nonces: new Set() });
    for (const old of [...this.#jobs.keys()].slice(0, -JOBS_KEPT)) this.#jobs.delete(old);
    return { blob: blob.toString('hex'), job_id, target, algo: this.#work.algo, height, seed_hash: seedHash };
  }

  #logIn(id: unknown, login: unknown): void {
    if (typeof login !== 'string' || login === '' || login.length > 200) {
      this.#refuse(id, 'Invalid login');
      return;
    }
    this.#login = login;
    this.#window = freshWindow(this.#context.nowMs());
    this.#answer(id, { id: this.#id, job: this.#makeJob(), extensions: ['algo', 'keepalive'], status: 'OK' });
  }

  #submit(id: unknown, fields: Record<string, unknown>): void {
    const worker = this.#login ?? '';
    const verdict = this.#judge(fields);
    const isAnswered = this.#context.isAnswering();
    this.#context.books.enter(worker, verdict, { nowMs: Date.now(), isAnswered });
    if (typeof verdict === 'number') this.#window = withShare(this.#window, verdict);
    if (!isAnswered) return;
    if (typeof verdict === 'string') this.#refuse(id, ERRORS[verdict]);
    else this.#answer(id, { status: 'OK' });
    this.tick();
  }

  #judge({ id, job_id, nonce, result }: Record<string, unknown>): number | RejectReason {
    if (this.#login === null || id !== this.#id) return 'unauthorised';
    const job = typeof job_id === 'string' ? this.#jobs.get(job_id) : undefined;
    if (job === undefined) return 'stale';
    if (typeof nonce !== 'string' || !/^[0-9a-f]{8}$/i.test(nonce)) return 'invalid';
    if (typeof result !== 'string' || !/^[0-9a-f]{64}$/i.test(result)) return 'invalid';
    const key = nonce.toLowerCase();
    if (job.nonces.has(key)) return 'duplicate';
    const claimed = Buffer.from(result, 'hex');
    if (this.#work.algo === 'practice-sha256d') {
      const bytes = Buffer.from(job.blob);
      bytes.write(key, BLOB_NONCE_OFFSET, 'hex');
      if (!sha256d(bytes).equals(claimed)) return 'invalid';
    }
    if (hashValue(claimed) >> 192n >= job.target64) return 'low_difficulty';
    job.nonces.add(key);
    return expectedHashes(job.target64 << 192n);
  }
}
