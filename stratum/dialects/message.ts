// JSON lines of the stratum dialects, as strangers write them. Nothing here throws, whatever the line holds.
import type { StratumEvent } from './dialect.ts';

export type JsonObject = Record<string, unknown>;

/** How a pool answered a submit. */
export type ShareOutcome = 'accepted' | 'rejected' | 'stale';

/** Longer job ids and message ids are not kept; real ones have a few characters. */
const KEY_MAX_CHARS = 128;
/** Bitcoin-style error "job not found". */
const JOB_NOT_FOUND = 21;
/** Words of pools for a share whose job is gone; "Block expired" is node-cryptonote-pool's. */
const STALE_WORDS = /stale|job not found|block expired/i;

/** The line as a JSON object; null when it is none. */
export function parseMessage(line: Buffer): JsonObject | null {
  try {
    return asObject(JSON.parse(line.toString('utf8')));
  } catch {
    return null;
  }
}

/** The value as an object with fields; null for anything else, arrays included. */
export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

/** The value as a list; empty for anything else. */
export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A message id or job id as a key that keeps 1 and "1" apart; null for what cannot be matched. */
export function keyOf(id: unknown): string | null {
  if (typeof id === 'number') return `n${String(id)}`;
  return typeof id === 'string' && id.length <= KEY_MAX_CHARS ? `s${id}` : null;
}

/** Whether the message answers a request, rather than being one. */
export function isAnswer(message: JsonObject): boolean {
  return typeof message['method'] !== 'string' && ('result' in message || 'error' in message);
}

/** The error of an answer: code and text in any of the shapes in use; null when it holds none. */
export function errorOf(message: JsonObject): { code: number | null; text: string } | null {
  // Old pools write the reason into a field of its own beside "result": false.
  const error = message['error'] ?? message['reject-reason'];
  if (error === undefined || error === null || error === false || error === '') return null;
  if (typeof error === 'string') return { code: null, text: error };
  const list = asList(error);
  const { code, message: text } = Array.isArray(error)
    ? { code: list[0], message: list[1] }
    : { code: asObject(error)?.['code'], message: asObject(error)?.['message'] };
  if (list.length === 0 && Array.isArray(error)) return null;
  return { code: typeof code === 'number' ? code : null, text: typeof text === 'string' ? text : '' };
}

/** What an answer to a submit says: true or a status of OK is accepted; a job that is gone is stale; all else rejected. */
export function outcomeOf(message: JsonObject): ShareOutcome {
  const result = message['result'];
  const status = asObject(result)?.['status'];
  if (result === true || (typeof status === 'string' && status.toUpperCase() === 'OK')) return 'accepted';
  const error = errorOf(message);
  return error !== null && (error.code === JOB_NOT_FOUND || STALE_WORDS.test(error.text)) ? 'stale' : 'rejected';
}

/** What an answer to a login says: a result that is no plain no, and no error, is a yes. */
export function loginEvent(message: JsonObject): Extract<StratumEvent, { kind: 'login' }> {
  const error = errorOf(message);
  const result = message['result'];
  const isAccepted = error === null && result !== false && result !== null && result !== undefined;
  return { kind: 'login', isAccepted, detail: error?.text ?? '' };
}
