// What the practice miner hashes, in either dialect: bytes with a nonce in them, and a limit that a good hash stays below.
import { buildHeader, HEADER_NONCE_OFFSET, type HeaderParts } from './bitcoin-header.ts';
import type { Message } from './json-line.ts';
import { expectedHashes, targetOfCompact, targetOfDifficulty } from './share-target.ts';

export interface Work {
  bytes: Buffer;
  nonceOffset: number;
  /** A share's hash, as a little-endian number, is below this. */
  limit: bigint;
  /** Expected hashes per share. */
  shareHashes: number;
  /** The submit message, without its id, for a nonce of this work. */
  submit(nonce: number, digest: Buffer): object;
}

/** What a message of the pool means to the miner. */
export type PoolEvent =
  | { kind: 'work'; work: Work }
  | { kind: 'login'; ok: boolean; reason: string; work?: Work }
  | { kind: 'answer'; id: number; ok: boolean; reason: string };

/** One connection's side of a dialect. */
export interface Dialect {
  /** First messages, in order. */
  hello(): object[];
  read(message: Message): PoolEvent | null;
}

/** Ids below this are the dialect's own; submits count up from it. */
export const FIRST_SUBMIT_ID = 10;
const LOGIN_ID = 2;
const AGENT = 'practice-miner/1.0.0';

function reasonOf(error: unknown): string {
  if (Array.isArray(error)) return String(error[1] ?? 'refused');
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return 'refused';
}

function texts(values: unknown): string[] {
  return Array.isArray(values) ? values.map(String) : [];
}

/** Stratum V1 as Bitcoin-style pools speak it. The difficulty in force when a job arrives is the job's own. */
export function bitcoinDialect(login: string, pass: string): Dialect {
  let extranonce1 = '';
  let extranonce2Bytes = 4;
  let difficulty = 1;
  let rolled = 0;

  function makeWork(params: unknown[]): Work {
    const [jobId, prevhash, coinb1, coinb2, branches, version, nbits, ntime] = params;
    const parts: HeaderParts = {
      prevhash: String(prevhash),
      coinb1: String(coinb1),
      coinb2: String(coinb2),
      branches: texts(branches),
      version: String(version),
      nbits: String(nbits),
    };
    const target = targetOfDifficulty(difficulty);
    // A fresh extranonce2 for every job: two jobs of one template then never give the same share.
    rolled += 1;
    const extranonce2 = rolled.toString(16).padStart(extranonce2Bytes * 2, '0');
    return {
      bytes: buildHeader(parts, extranonce1, extranonce2, String(ntime), '0'),
      nonceOffset: HEADER_NONCE_OFFSET,
      limit: target + 1n,
      shareHashes: expectedHashes(target),
      submit: (nonce) => ({
        method: 'mining.submit',
        params: [login, jobId, extranonce2, String(ntime), nonce.toString(16).padStart(8, '0')],
      }),
    };
  }

  return {
    hello: () => [
      { id: 1, method: 'mining.subscribe', params: [AGENT] },
      { id: LOGIN_ID, method: 'mining.authorize', params: [login, pass] },
    ],
    read({ id, method, params, result, error }) {
      if (method === 'mining.set_difficulty') {
        difficulty = Number(Array.isArray(params) ? params[0] : undefined);
        return null;
      }
      if (method === 'mining.notify') return { kind: 'work', work: makeWork(Array.isArray(params) ? params : []) };
      if (id === 1 && Array.isArray(result)) {
        extranonce1 = String(result[1]);
        extranonce2Bytes = Number(result[2]);
        return null;
      }
      if (id === LOGIN_ID) return { kind: 'login', ok: result === true, reason: reasonOf(error) };
      if (typeof id === 'number' && id >= FIRST_SUBMIT_ID) {
        return { kind: 'answer', id, ok: result === true, reason: reasonOf(error) };
      }
      return null;
    },
  };
}

/** CryptoNote's login/job dialect with the rig's own algorithm `practice-sha256d`: sha256d of the blob, so the pool can check it. */
export function cryptonoteDialect(login: string, pass: string): Dialect {
  let session = '';

  function makeWork(job: unknown): Work {
    const { blob, job_id, target } = (job ?? {}) as { blob?: unknown; job_id?: unknown; target?: unknown };
    const target64 = targetOfCompact(String(target));
    return {
      bytes: Buffer.from(String(blob), 'hex'),
      nonceOffset: 39,
      limit: target64 << 192n,
      shareHashes: expectedHashes(target64 << 192n),
      submit: (nonce, digest) => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(nonce);
        const params = { id: session, job_id, nonce: bytes.toString('hex'), result: digest.toString('hex') };
        return { jsonrpc: '2.0', method: 'submit', params };
      },
    };
  }

  return {
    hello: () => [
      {
        id: LOGIN_ID,
        jsonrpc: '2.0',
        method: 'login',
        params: { login, pass, agent: AGENT, algo: ['practice-sha256d'] },
      },
    ],
    read({ id, method, params, result, error }) {
      if (method === 'job') return { kind: 'work', work: makeWork(params) };
      const { id: sessionId, job, status } = (result ?? {}) as { id?: unknown; job?: unknown; status?: unknown };
      if (id === LOGIN_ID) {
        session = String(sessionId);
        const ok = status === 'OK';
        return { kind: 'login', ok, reason: reasonOf(error), ...(ok ? { work: makeWork(job) } : {}) };
      }
      if (typeof id === 'number' && id >= FIRST_SUBMIT_ID) {
        return { kind: 'answer', id, ok: status === 'OK', reason: reasonOf(error) };
      }
      return null;
    },
  };
}
