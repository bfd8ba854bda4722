import type { Clock } from '../platform/clock.ts';

/**
 * Calls `action` every `periodMs`, first after one period. The calls keep to a grid that begins now: a late one does not
 * shift the rest, and after a pause of the machine the missed ones are left out. Each is up to `jitterMs` late at random, so
 * that a fleet that was ordered at one moment does not report at one moment. A call waits for the end of the one before.
 * Returns what stops it. `action` must not throw.
 */
export function every(o: {
  clock: Clock;
  random: () => number;
  periodMs: number;
  jitterMs: number;
  action: () => Promise<void>;
}): () => void {
  const begin = o.clock.monoMs();
  let slot = 0;
  let stopped = false;
  let cancel = (): void => undefined;
  const next = (): void => {
    if (stopped) return;
    const now = o.clock.monoMs();
    slot = Math.max(slot + 1, Math.ceil((now - begin) / o.periodMs));
    const due = begin + slot * o.periodMs + o.random() * o.jitterMs;
    cancel = o.clock.setTimer(due - now, () => void o.action().finally(next));
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
