// What every dialect makes of the lines of one connection. A new dialect is one file that implements DialectReader, and one
// line in detect.ts.
import type { Dialect } from '../../wire/dialect.ts';
import type { JsonObject, ShareOutcome } from './message.ts';

/** What a line meant. `id` is the message id as a key, for matching answers to submits within the connection. */
export type StratumEvent =
  /** The pool answered the login; `detail` is its own reason for a refusal. */
  | { kind: 'login'; isAccepted: boolean; detail: string }
  /** Expected hashes per share that the pool asks for from the next job on; null when its target cannot be read. */
  | { kind: 'target'; work_hashes: number | null }
  /** The miner handed in a share; `work_hashes` by the target of its job, null when that is not known. */
  | { kind: 'submit'; id: string | null; work_hashes: number | null }
  /** The pool answered a submit. */
  | { kind: 'answer'; id: string; outcome: ShareOutcome }
  /** The pool sends the miner elsewhere; null is the present host or port. A miner that obeys leaves the relay. */
  | { kind: 'reconnect'; host: string | null; port: number | null };

/** A login that replaces the miner's own. */
export interface PoolLogin {
  /** null leaves the miner's login. */
  login: string | null;
  /** null leaves the miner's password. */
  password: string | null;
}

/** Reads one connection. It keeps what the dialect needs: the target in force, the work of each job, the requests that wait. */
export interface DialectReader {
  readonly dialect: Exclude<Dialect, 'unknown'>;
  fromMiner(message: JsonObject): StratumEvent[];
  fromPool(message: JsonObject): StratumEvent[];
  /** The miner's message with the pool's own login in place of the miner's; null when it carries no login. */
  withLogin(message: JsonObject, login: PoolLogin): JsonObject | null;
}
