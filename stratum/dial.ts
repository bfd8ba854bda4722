import { connect, type Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import type { Failure } from '../wire/failure.ts';
import { failureOf } from './failure-of.ts';

/** OONI's and undici's limit for a TCP connection; a pool that needs longer is of no use for mining. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Idle connections are cut by NATs after a minute and more; a quiet pool sends a job only now and then. */
const KEEPALIVE_MS = 30_000;

/** Options of both sockets of a link: small lines at once, dead peers noticed, either side may end first. */
export const LINK_SOCKET = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEPALIVE_MS,
  allowHalfOpen: true,
} as const;

/** A connection that nobody reads yet, and how long it took; or the failure's name. */
export type Dialled = { socket: Socket; connect_ms: number } | { failure: Failure };

/**
 * Connects to a pool. Never rejects: that a pool is not reached is a result. Family auto-selection is off, because it gives
 * each address 250 ms only, and far pools then fail falsely (nodejs/node issue 54359).
 */
export function dialPool(pool: { host: string; port: number }, clock: Clock): Promise<Dialled> {
  return new Promise((resolve) => {
    const startMs = clock.monoMs();
    const socket = connect({ host: pool.host, port: pool.port, autoSelectFamily: false, ...LINK_SOCKET });
    const cancel = clock.setTimer(CONNECT_TIMEOUT_MS, () => {
      socket.destroy();
      resolve({ failure: 'generic_timeout_error' });
    });
    const onError = (error: Error): void => {
      cancel();
      resolve({ failure: failureOf(error) });
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      cancel();
      socket.off('error', onError);
      resolve({ socket, connect_ms: clock.monoMs() - startMs });
    });
  });
}
