import { pino } from 'pino';
import { scrub } from './secrets.ts';

/** Structured log. The message is a fixed sentence; what varies goes into the object. */
export interface Logger {
  debug(o: object, msg: string): void;
  info(o: object, msg: string): void;
  warn(o: object, msg: string): void;
  error(o: object, msg: string): void;
  child(bindings: object): Logger;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/**
 * A pino logger that writes JSON lines through `write` (default: standard output), every line scrubbed of registered secrets.
 * No transports: a worker thread cannot be had from a single-file bundle.
 */
export function createLogger(o: { name: string; level: string; write?: (line: string) => void }): Logger {
  const write = o.write ?? ((line: string) => process.stdout.write(line));
  return pino(
    { name: o.name, level: o.level, base: { name: o.name }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => write(scrub(line)) },
  );
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
