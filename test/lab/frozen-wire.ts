// A wire between two network namespaces that freezes connections, and does nothing else to them.
import type { Readable } from 'node:stream';
import { makeWorld } from './box/world.ts';

/** What a connection may have before it freezes, both ways together. */
export interface Freeze {
  after: 'bytes' | 'packets';
  limit: number;
  /** Each way. */
  delayMs: number;
}

const WORKER_ADDRESS = '10.77.0.2';
export const SERVER_ADDRESS = '10.77.0.1';

export interface FrozenWire {
  /** Starts a program in the worker's or the server's namespace, and returns what it says. It ends with the wire. */
  start(side: 'worker' | 'server', argv: readonly string[], env: Record<string, string>): Readable;
  /** Connections that froze so far. */
  frozen(): number;
  close(): Promise<void>;
}

/** Makes it; needs root. */
export async function startFrozenWire({ after, limit, delayMs }: Freeze): Promise<FrozenWire> {
  const freeze = after === 'bytes' ? { bytes: limit } : { packets: limit };
  const world = await makeWorld({
    ...{ prefix: 'srf', worker: `${WORKER_ADDRESS}/24`, gateway: SERVER_ADDRESS, addresses: [] },
    box: { rules: [{ do: { freeze } }], delay_ms: delayMs, seed: 0 },
  });
  return {
    start: (side, argv, env) => world.start(side === 'worker' ? 'worker' : 'net', argv, env).all,
    frozen: () => world.strikes.length,
    close: () => world.close(),
  };
}
