// The reader's API of the collector that served this page.

const TIMEOUT_MS = 8_000;

/** No good answer. `status` is null when none came at all: no connection, or not within eight seconds. */
export class AnswerError extends Error {
  readonly status: number | null;
  constructor(status: number | null, cause?: unknown) {
    super(status === null ? 'no answer' : `status ${status}`, { cause });
    this.status = status;
  }
}

export interface Answer<T> {
  body: T;
  /** The collector's clock minus this browser's: ages are by the collector, whatever the reader's clock says. */
  skew_ms: number;
}

/** Path of one worker. */
export function workerPath(id: string): string {
  return `/api/v1/workers/${encodeURIComponent(id)}`;
}

/** Path of the newest samples of a worker, or of one cell of the matrix. */
export function samplesPath(of: { worker: string } | { target: string; network: string }): string {
  return `/api/v1/reachability?${new URLSearchParams(of).toString()}`;
}

async function receive(path: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, { signal, headers: { accept: 'application/json' }, cache: 'no-store' });
  } catch (cause) {
    throw new AnswerError(null, cause);
  }
}

function skewOf(response: Response): number {
  const theirs = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds: half a second is its mean loss.
  return Number.isNaN(theirs) ? 0 : theirs + 500 - Date.now();
}

/** Asks for JSON of a known shape; the collector is this page's own origin. Throws AnswerError, also when `signal` ends it. */
export async function getJson<T>(path: string, signal: AbortSignal): Promise<Answer<T>> {
  const response = await receive(path, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  if (!response.ok) throw new AnswerError(response.status);
  try {
    return { body: (await response.json()) as T, skew_ms: skewOf(response) };
  } catch (cause) {
    throw new AnswerError(null, cause);
  }
}
