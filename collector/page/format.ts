// Figures as text for people: three significant digits, SI prefixes, plain English. Unknown is a dash, never 0.

export const UNKNOWN = '–';

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const GROUPED = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const;

/** Power of 1,000 that leaves 1 to 999 before the unit; rounding is done first, so 999.9 k becomes 1.00 M. */
function thousands(value: number): number {
  const rounded = Number(value.toPrecision(3));
  if (rounded < 1000) return 0;
  return Math.min(PREFIXES.length - 1, Math.floor(Math.log10(rounded) / 3 + 1e-9));
}

function threeDigits(value: number): string {
  if (value === 0) return '0';
  if (value >= 99.95) return GROUPED.format(value);
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

/** A value with an SI prefix: `12.3 kH/s`. */
function formatSi(value: number | null, unit: string): string {
  if (value === null) return UNKNOWN;
  const power = thousands(value);
  return `${threeDigits(value / 1000 ** power)} ${PREFIXES[power] ?? ''}${unit}`;
}

/** Hashes per second. */
export function formatHashrate(hs: number | null): string {
  return formatSi(hs, 'H/s');
}

/** The bounds of a hashrate in the unit that `formatHashrate(middle_hs)` shows: `131–167`; null when a bound is unknown. */
export function formatBounds(middle_hs: number | null, low_hs: number | null, high_hs: number | null): string | null {
  if (middle_hs === null || low_hs === null || high_hs === null) return null;
  // No share yet: the middle is a plain 0 without a unit to share, so the upper bound brings its own.
  if (middle_hs === 0) return `0–${formatHashrate(high_hs)}`;
  const unit = 1000 ** thousands(middle_hs);
  return `${threeDigits(low_hs / unit)}–${threeDigits(high_hs / unit)}`;
}

/** A whole number with groups of three digits. */
export function formatCount(count: number | null): string {
  return count === null ? UNKNOWN : GROUPED.format(count);
}

/** Watts; kilowatts from ten kilowatts up, so that one rig's figures line up in a column. */
export function formatPower(w: number | null): string {
  if (w === null) return UNKNOWN;
  return w < 9_999.5 ? `${GROUPED.format(w)} W` : formatSi(w, 'W');
}

/** A figure with its unit, rounded to a whole number: `67 °C`, `2,100 MHz`. */
export function formatWhole(value: number | null, unit: string): string {
  return value === null ? UNKNOWN : `${GROUPED.format(value)} ${unit}`;
}

/** A part of one as a percentage: `95 %`. */
export function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Milliseconds that a step took: `0.4 ms`, `42 ms`, `10.0 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms >= 9_999.5) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 0.95 && ms > 0 ? `${ms.toFixed(1)} ms` : `${GROUPED.format(ms)} ms`;
}

/** Bytes in binary units: `23.5 GiB`. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  let rest = bytes;
  while (rest >= 1023.5 && power < units.length - 1) {
    rest /= 1024;
    power += 1;
  }
  return `${power === 0 ? GROUPED.format(rest) : threeDigits(rest)} ${units[power] ?? ''}`;
}

/** A name of the wire as words: `miner_exited` is `miner exited`. */
export function formatName(name: string): string {
  return name.replaceAll('_', ' ');
}

/** How long ago, in one unit: `4 s`, `12 min`, `3 h`, `2 d`. A moment in the future (a worker's wrong clock) is `0 s`. */
export function formatAge(age_ms: number | null): string {
  if (age_ms === null || Number.isNaN(age_ms)) return UNKNOWN;
  const s = Math.max(0, Math.floor(age_ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** Age of an ISO 8601 moment. */
export function formatAgeOf(at: string | null, now_ms: number): string {
  return at === null ? UNKNOWN : formatAge(now_ms - Date.parse(at));
}

/** Time of day for the reader: `14:03:07`, in the browser's time zone unless one is given. */
export function formatClock(at_ms: number, timeZone?: string): string {
  if (Number.isNaN(at_ms)) return UNKNOWN;
  return new Date(at_ms).toLocaleTimeString('en-GB', timeZone === undefined ? CLOCK : { ...CLOCK, timeZone });
}
