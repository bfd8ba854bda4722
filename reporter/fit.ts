// Fits foreign values into the wire's limits: one bad field would make the collector refuse the whole report.
import { stripVTControlCharacters } from 'node:util';
import { scrub } from '../platform/secrets.ts';
import { DETAIL_MAX_CHARS, LOG_LINE_MAX_CHARS, LOG_LINES_MAX, NAME_MAX_CHARS } from '../wire/limits.ts';

/** A non-negative finite number, else null. */
export function amount(value: number | null): number | null {
  return value !== null && Number.isFinite(value) && value >= 0 ? value : null;
}

/** A non-negative whole number (fractions cut off), else null. */
export function count(value: number | null): number | null {
  const whole = value === null ? NaN : Math.trunc(value);
  return Number.isSafeInteger(whole) && whole >= 0 ? whole : null;
}

/** A short name; null when nothing is left of it. */
export function name(value: string | null): string | null {
  const text = value === null ? '' : line(value, NAME_MAX_CHARS).trim();
  return text === '' ? null : text;
}

/** One sentence. */
export function detail(value: string): string {
  return line(value, DETAIL_MAX_CHARS);
}

/** The newest log lines of a list, each fit to send. */
export function logLines(lines: readonly string[]): string[] {
  return lines.slice(-LOG_LINES_MAX).map((l) => logLine(l));
}

/** One line of a log: no escapes, no control or invisible formatting characters, no secrets, cut. */
export function logLine(text: string): string {
  return line(text, LOG_LINE_MAX_CHARS);
}

/** Scrubbed before it is cut: half a secret is no longer found. Cleaned before that: an escape inside would hide it. */
function line(text: string, maxChars: number): string {
  const clean = stripVTControlCharacters(text)
    .replaceAll(/[\t\r\n]+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '');
  return scrub(clean).slice(0, maxChars).toWellFormed();
}
