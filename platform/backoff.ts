/**
 * Delay before the next try, in ms: base × 2^attempt, at most `maxMs`, of which the upper half is random, so that a fleet that
 * lost its collector at one moment does not come back at one moment. `attempt` counts from 0.
 */
export function backoffMs(attempt: number, o: { baseMs: number; maxMs: number; random: () => number }): number {
  const whole = Math.min(o.maxMs, o.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * o.random());
}

/** A Retry-After header (seconds or HTTP date, RFC 9110 10.2.3) as ms from now, capped; null when absent or senseless. */
export function parseRetryAfterMs(value: string | undefined, nowMs: number, maxMs: number): number | null {
  if (value === undefined) return null;
  const ms = /^\d{1,9}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  if (!Number.isFinite(ms)) return null;
  return Math.min(Math.max(ms, 0), maxMs);
}
