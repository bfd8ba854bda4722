// A miner carries in its environment who started it and how, so that the next Node finds it in /proc and need not trust a file
// that a kill may have kept from being written.
import { createHash } from 'node:crypto';

/** Name of the variable. */
export const MARKER = 'SPOTRIG_MINER_MARK';

export interface Mark {
  /** Short digest of the home folder: two homes on one machine never touch each other's miners. */
  home: string;
  boot: string;
  /** Digest of command line, environment and program: see specHash. */
  spec: string;
  apiPort: number;
  relayPort: number;
}

/** The first 16 hex digits of the SHA-256 of the home folder's path. */
export function homeMark(home: string): string {
  return createHash('sha256').update(home).digest('hex').slice(0, 16);
}

/** Digest of everything that makes two miners the same one. */
export function specHash(argv: readonly string[], env: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([argv, sorted]))
    .digest('hex')
    .slice(0, 32);
}

export function formatMark(m: Mark): string {
  return `${m.home}:${m.boot}:${m.spec}:${m.apiPort}:${m.relayPort}`;
}

/** null for a text that is no mark. */
export function parseMark(text: string): Mark | null {
  const m = /^([0-9a-f]{16}):([0-9a-f]{32}):([0-9a-f]{32}):(\d{1,5}):(\d{1,5})$/.exec(text);
  const [, home, boot, spec, apiPort, relayPort] = m ?? [];
  if (home === undefined || boot === undefined || spec === undefined) return null;
  return { home, boot, spec, apiPort: Number(apiPort), relayPort: Number(relayPort) };
}
