import type { Logger as PinoLogger } from 'pino';
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
type Level = Exclude<(typeof LOG_LEVELS)[number], 'silent'>;

interface Line {
  level: Level;
  at: Date;
  fields: object;
  msg: string;
}

/** Loading pino takes as long as starting a miner: lines of the first moments wait for it. */
const LOAD_AFTER_MS = 200;

/**
 * A pino logger that writes JSON lines through `write` (default: standard output), every line scrubbed of registered secrets.
 * pino is loaded a moment after the first line; lines keep their order and time. `flush` writes what waits: call it before the
 * process ends. No transports: a worker thread cannot be had from a single-file bundle.
 */
export function createLogger(o: { name: string; level: string; write?: (line: string) => void }): Logger & {
  flush(): Promise<void>;
} {
  const write = o.write ?? ((line: string) => process.stdout.write(line));
  const least = LOG_LEVELS.findIndex((level) => level === o.level);
  let waiting: Line[] = [];
  let sink: PinoLogger | null = null;
  let loading: Promise<void> | null = null;
  let at = new Date();

  async function load(): Promise<void> {
    const { default: pino } = await import('pino');
    const timestamp = (): string => `,"time":"${at.toISOString()}"`;
    sink = pino({ level: o.level, base: { name: o.name }, timestamp }, { write: (line: string) => write(scrub(line)) });
    drain();
  }

  function drain(): void {
    if (sink === null) return;
    const lines = waiting;
    waiting = [];
    for (const line of lines) {
      at = line.at;
      sink[line.level](line.fields, line.msg);
    }
  }

  function say(line: Line): void {
    waiting.push(line);
    if (sink !== null) drain();
    else if (waiting.length === 1) setTimeout(() => void flush(), LOAD_AFTER_MS).unref();
  }

  function flush(): Promise<void> {
    loading ??= load();
    return loading;
  }

  function bound(bindings: object): Logger {
    const of =
      (level: Level) =>
      (fields: object, msg: string): void => {
        if (LOG_LEVELS.indexOf(level) >= least) say({ level, at: new Date(), fields: { ...bindings, ...fields }, msg });
      };
    return {
      debug: of('debug'),
      info: of('info'),
      warn: of('warn'),
      error: of('error'),
      child: (more) => bound({ ...bindings, ...more }),
    };
  }
  return { ...bound({}), flush };
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
