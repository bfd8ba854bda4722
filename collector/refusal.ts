import type { ErrorBody } from '../wire/envelope.ts';

/** Every code a refusal can carry, with its HTTP status. The codes are part of the wire: one is never given a new meaning. */
export const REFUSALS = {
  bad_request: 400,
  bad_json: 400,
  token_invalid: 401,
  token_expired: 401,
  token_revoked: 401,
  admin_token_needed: 401,
  worker_mismatch: 403,
  host_refused: 403,
  cross_site_refused: 403,
  https_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  unsupported_version: 422,
  invalid_field: 422,
  rate_limited: 429,
  internal_error: 500,
  store_unavailable: 503,
} as const;
export type RefusalCode = keyof typeof REFUSALS;

/** An answer other than success. Thrown by a route or a hook; the app's error handler sends it. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly field: string | undefined;
  readonly headers: Record<string, string>;

  /** `message` says what is wrong and how to mend it; `field` names where in the body. */
  constructor(code: RefusalCode, message: string, o: { field?: string; headers?: Record<string, string> } = {}) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.field = o.field;
    this.headers = o.headers ?? {};
  }

  get status(): number {
    return REFUSALS[this.code];
  }

  body(): ErrorBody {
    const message = this.message.slice(0, 1000);
    return this.field === undefined
      ? { error: this.code, message }
      : { error: this.code, message, field: this.field.slice(0, 200) };
  }
}
