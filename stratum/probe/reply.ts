// What a pool's answer to step 1 says about the path: any JSON line proves it, also an error.
import type { Failure } from '../../wire/failure.ts';
import type { StratumStep } from '../../wire/reachability.ts';
import { errorOf, parseMessage, type JsonObject } from '../dialects/message.ts';
import { hasWholeHead, parsePage, startsLikePage } from './page.ts';

/** More than any pool answers to its first line; pools themselves cut at 1 to 32 KB. */
export const REPLY_MAX_BYTES = 16_384;
const FIRST_BYTES = 64;
/** Bitcoin-like pools: unauthorized worker. EIP-1571 writes 403 and says why in words. */
const UNAUTHORIZED_CODES: readonly (number | null)[] = [24, 403];
const LOGIN_WORDS =
  /unauthori[sz]ed|unauthenticated|invalid (?:login|address|wallet|username|user|payment)|login|wallet|address/i;
const BAN_WORDS = /\bbann?ed\b|\bban\b|blacklist/i;

export interface Reply extends Pick<StratumStep, 'reply' | 'page' | 'first_bytes'> {
  /** null also for a JSON error or a ban in JSON: the path is fine then. */
  failure: Failure | null;
}

/** Whether there is enough to judge: a whole line, and of a page the whole head. */
export function isWholeReply(bytes: Buffer): boolean {
  if (bytes.length >= REPLY_MAX_BYTES) return true;
  const text = bytes.toString('latin1');
  return text.length >= 5 && startsLikePage(text) ? hasWholeHead(text) : bytes.includes(0x0a);
}

/** Names what came. `end` is how the wait ended where no whole reply came: the connection's end, or the timeout. */
export function classifyReply(bytes: Buffer, end: Failure | null, hasLogin: boolean): Reply {
  const first_bytes = firstBytes(bytes);
  if (bytes.length === 0) return { reply: null, page: null, first_bytes: null, failure: end };
  const text = bytes.toString('latin1');
  if (startsLikePage(text) || /^\s*<(?:!doctype|html|head|body)/i.test(text)) {
    const page = parsePage(text);
    const isRedirect = page !== null && page.status >= 300 && page.status < 400;
    const failure = isRedirect ? 'http_unexpected_redirect_url' : 'http_unexpected_status_code';
    return { reply: 'page', page, first_bytes, failure };
  }
  const lineEnd = bytes.indexOf(0x0a);
  const message = parseMessage(lineEnd === -1 ? bytes : bytes.subarray(0, lineEnd));
  if (message !== null) return { reply: wordsOf(message, hasLogin), page: null, first_bytes, failure: null };
  // A line that was cut off before its end is no bad JSON.
  const failure = lineEnd === -1 && end !== null ? end : 'json_parse_error';
  return { reply: 'other', page: null, first_bytes, failure };
}

function wordsOf(message: JsonObject, hasLogin: boolean): 'json' | 'auth_error' | 'ban' {
  const error = errorOf(message);
  if (error === null) return 'json';
  if (BAN_WORDS.test(error.text)) return 'ban';
  const isAboutLogin = UNAUTHORIZED_CODES.includes(error.code) || LOGIN_WORDS.test(error.text);
  // Without a login in the request such an error is what a healthy pool says.
  return hasLogin && isAboutLogin ? 'auth_error' : 'json';
}

/** For a reader's eyes: Latin-1 without the line end, control characters replaced. */
function firstBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1', 0, FIRST_BYTES)
    .trimEnd()
    .replaceAll(/\p{Cc}/gu, '.');
}
