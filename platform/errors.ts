import { scrub } from './secrets.ts';

/**
 * The one error class of spotrig's own. `code` is stable and lower case with underscores: callers and tests test it, never
 * the text. `retryable` says whether the same call may go well later. The cause is kept.
 */
export class SpotrigError extends Error {
  readonly code: string;
  readonly context: Record<string, unknown>;
  readonly retryable: boolean;

  constructor(
    code: string,
    message: string,
    o: { cause?: unknown; context?: Record<string, unknown>; retryable?: boolean } = {},
  ) {
    super(message, o.cause === undefined ? undefined : { cause: o.cause });
    this.name = 'SpotrigError';
    this.code = code;
    this.context = o.context ?? {};
    this.retryable = o.retryable ?? false;
  }
}

/** True when the error is a system error with one of these codes (`ENOENT`, `EEXIST`, …). */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  const code = codeOf(error);
  return code !== null && codes.includes(code);
}

/** The `code` of a Node or spotrig error, or null. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** One line for a log, an event or a user: message and the causes' messages, secrets removed, at most 500 characters. */
export function messageOf(error: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = error, depth = 0; e !== undefined && depth < 4; depth++) {
    const text = e instanceof Error ? e.message : typeof e === 'string' ? e : JSON.stringify(e);
    if (!parts.includes(text)) parts.push(text);
    e = e instanceof Error ? e.cause : undefined;
  }
  return scrub(parts.join(': ').replaceAll(/\s+/g, ' ')).slice(0, 500);
}
