// The form of a worker's token: sr1.<kid>.<worker>.<expires>.<mac>. The mac itself is made and checked by the collector only
// (collector/tokens.ts); the worker reads its own name from here.
import { WORKER_NAME } from './limits.ts';

export interface TokenFields {
  /** Key id of the collector's key that made the mac. */
  kid: string;
  worker: string;
  /** Unix seconds. */
  expires_s: number;
  /** base64url HMAC-SHA256. */
  mac: string;
}

const form = /^sr1\.([a-z0-9]{1,16})\.([a-z0-9][a-z0-9_-]{0,62})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})$/;

/** Takes a token apart; null when it does not have the form. Says nothing about whether its mac is good. */
export function parseToken(token: string): TokenFields | null {
  const m = form.exec(token);
  if (m === null) return null;
  const [, kid, worker, expires, mac] = m;
  if (kid === undefined || worker === undefined || expires === undefined || mac === undefined) return null;
  return { kid, worker, expires_s: Number(expires), mac };
}

/** The text that the mac covers. */
export function tokenSubject(kid: string, worker: string, expires_s: number): string {
  return `spotrig token v1\n${kid}\n${worker}\n${String(expires_s)}`;
}

export function isWorkerName(text: string): boolean {
  return WORKER_NAME.test(text);
}
