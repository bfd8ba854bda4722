// A miner carries in its environment who started it and how, so that the next Node finds it in /proc and need not trust a file
// that a kill may have kept from being written.

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

/** 16 hex digits that stand for the home folder's path. */
export function homeMark(home: string): string {
  return digest(home).slice(0, 16);
}

/** Digest of everything that makes two miners the same one. */
export function specHash(argv: readonly string[], env: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest(JSON.stringify([argv, sorted]));
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

/** Four odd multipliers, each for 32 bits of the digest. */
const MULTIPLIERS = [0x01000193, 0x85ebca6b, 0xc2b2ae35, 0x9e3779b1] as const;

/**
 * 32 hex digits. Not cryptographic: it tells our own few specs apart, and node:crypto takes 6 ms to load, in which no hash is
 * made. Per multiplier FNV-1a over UTF-16 units, then MurmurHash3's finalizer.
 */
function digest(text: string): string {
  return MULTIPLIERS.map((multiplier, lane) => {
    let h = 0x811c9dc5 + lane;
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), multiplier);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0).toString(16).padStart(8, '0');
  }).join('');
}
