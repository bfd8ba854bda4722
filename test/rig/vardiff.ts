// Variable difficulty: steers the hashes asked per share towards one share each `targetShareMs`. Pure; the pool keeps the state.

/** What was seen since the last change of difficulty. */
export interface VardiffWindow {
  startMs: number;
  shares: number;
  /** Σ expected hashes of those shares. */
  work: number;
}

/** Where vardiff aims and within which bounds (hashes per share). */
export interface VardiffRules {
  targetShareMs: number;
  minHashes: number;
  maxHashes: number;
}

const WINDOW_SHARES = 16;
const STEP_MAX = 4;
/** Sixteen shares tell a rate to about 25 %; a smaller change is noise, and following it would only cost new jobs. */
const DEAD_BAND = 1.6;

/** An empty window that begins now. */
export function freshWindow(nowMs: number): VardiffWindow {
  return { startMs: nowMs, shares: 0, work: 0 };
}

/** The window with one more share in it. */
export function withShare(window: VardiffWindow, work: number): VardiffWindow {
  return { startMs: window.startMs, shares: window.shares + 1, work: window.work + work };
}

/** True when a window says enough: sixteen shares, or the time that sixteen should have taken. */
export function isWindowFull(window: VardiffWindow, rules: VardiffRules, nowMs: number): boolean {
  return window.shares >= WINDOW_SHARES || nowMs - window.startMs >= WINDOW_SHARES * rules.targetShareMs;
}

/** Hashes per share to ask for after a full window: at most four times more or less than now, unchanged within the dead band. */
export function nextShareHashes(current: number, window: VardiffWindow, rules: VardiffRules, nowMs: number): number {
  const elapsedMs = Math.max(1, nowMs - window.startMs);
  const wanted = (window.work / elapsedMs) * rules.targetShareMs;
  if (wanted < current * DEAD_BAND && wanted > current / DEAD_BAND) return current;
  const stepped = Math.min(current * STEP_MAX, Math.max(current / STEP_MAX, wanted));
  return Math.min(rules.maxHashes, Math.max(rules.minHashes, stepped));
}
