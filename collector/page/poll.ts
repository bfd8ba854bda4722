// Asks again and again while somebody looks, and keeps the last good answer when an answer fails.
import { useEffect, useState } from 'preact/hooks';
import { AnswerError, getJson } from './api.ts';

export interface Polled<T> {
  /** The last good answer; null before the first. */
  data: T | null;
  /** When it came, by this browser's clock. */
  answered_at_ms: number | null;
  /** The moment of the last try by the collector's clock: what ages are counted from. */
  now_ms: number;
  skew_ms: number;
  /** Since when every try failed; null while answers come. */
  failing_since_ms: number | null;
  /** HTTP status of the failure; null = no answer at all. */
  failed_status: number | null;
}

function nothingYet<T>(): Polled<T> {
  return {
    data: null,
    answered_at_ms: null,
    now_ms: Date.now(),
    skew_ms: 0,
    failing_since_ms: null,
    failed_status: null,
  };
}

/** Polls `path` with a pause of `pause_ms` between an answer and the next request; not while the page is hidden. */
export function usePoll<T>(path: string, pause_ms: number): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>(nothingYet<T>);

  useEffect(() => {
    const life = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;

    async function askOnce() {
      try {
        const { body, skew_ms } = await getJson<T>(path, life.signal);
        const at = Date.now();
        setPolled({
          data: body,
          answered_at_ms: at,
          now_ms: at + skew_ms,
          skew_ms,
          failing_since_ms: null,
          failed_status: null,
        });
      } catch (error) {
        if (life.signal.aborted) return;
        const at = Date.now();
        const failed_status = error instanceof AnswerError ? error.status : null;
        setPolled((last) => ({
          ...last,
          now_ms: at + last.skew_ms,
          failing_since_ms: last.failing_since_ms ?? at,
          failed_status,
        }));
      }
    }

    async function ask() {
      clearTimeout(timer);
      if (asking) return;
      asking = true;
      await askOnce();
      asking = false;
      if (!life.signal.aborted && !document.hidden) timer = setTimeout(() => void ask(), pause_ms);
    }

    function onVisibility() {
      if (document.hidden) clearTimeout(timer);
      else void ask();
    }

    document.addEventListener('visibilitychange', onVisibility);
    void ask();
    return () => {
      life.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisibility);
    };
  }, [path, pause_ms]);

  return polled;
}
