/** Time as a parameter: real in the product, fake in tests. */
export interface Clock {
  /** Wall clock, Unix milliseconds. May jump. */
  nowMs(): number;
  /** Monotonic milliseconds from an arbitrary start. For every duration. */
  monoMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms`; returns its cancellation. */
  setTimer(ms: number, fn: () => void): () => void;
}

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monoMs: () => performance.now(),
  sleep: (ms, signal) => sleepWith(realClock, ms, signal),
  setTimer: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** `sleep` by a clock's own timers, so that a fake clock needs only those. */
export function sleepWith(clock: Pick<Clock, 'setTimer'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(asError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(asError(signal?.reason));
    };
    const cancel = clock.setTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
