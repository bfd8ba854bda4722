// The way to a pool: TCP to it or to its proxy, the proxy's handshake, TLS. One limit for all of it.
import { connect, type Socket } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import type { Failure } from '../wire/failure.ts';
import { FailureError, failureOf } from './failure-of.ts';
import type { PoolUrl } from './pool-url.ts';
import type { KeyMemory } from './pool-key.ts';

/** OONI's and undici's limit for a TCP connection; a pool that needs longer is of no use for mining. */
export const DIAL_LIMIT_MS = 10_000;
/**
 * Idle connections are cut by NATs after a minute and more; a quiet pool sends a job only now and then. On Linux Node probes ten
 * times, a second apart: a path that swallows everything is noticed half a minute after its last byte.
 */
const KEEPALIVE_MS = 20_000;

/** Options of both sockets of a link: small lines at once, dead peers noticed, either side may end first. */
export const LINK_SOCKET = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEPALIVE_MS,
  allowHalfOpen: true,
} as const;

/**
 * A connection that nobody reads yet, the one under TLS (or the same), and how long TCP (and the proxy) took; or why there is none,
 * `detail` in words.
 */
export type Dialled = { socket: Socket; raw: Socket; connect_ms: number } | { failure: Failure; detail: string | null };

/**
 * frpc takes every connection to a visitor, and closes it at once where nothing is behind it: the server has to be asked first.
 * One that is still there after this leads somewhere, or to an exporting side that still dials; then its silence tells.
 */
const VISITOR_SETTLE_MS = 1_000;

export interface DialOptions {
  clock: Clock;
  /** What is known of keys of pools: read and written for TLS without pins. */
  keys: KeyMemory;
  /** For all steps together, all addresses too; 10 s by default. */
  limitMs?: number;
  /** Literal addresses to connect to in place of what the name resolves to, in this order. The name stays for TLS. */
  addresses?: readonly string[];
  /** Ends a dial that nobody waits for any more. */
  signal?: AbortSignal;
}

/**
 * Connects to a pool. Never rejects: that a pool is not reached is a result. Family auto-selection is off, because it gives
 * each address 250 ms only, and far pools then fail falsely (nodejs/node issue 54359).
 */
export async function dialPool(pool: PoolUrl, options: DialOptions): Promise<Dialled> {
  const { clock, limitMs = DIAL_LIMIT_MS, addresses = [], signal } = options;
  const endMs = clock.monoMs() + limitMs;
  const hosts = addresses.length > 0 ? addresses : [pool.host];
  let dialled: Dialled = { failure: 'interrupted', detail: null };
  for (const [tried, host] of hosts.entries()) {
    if (signal?.aborted === true) return { failure: 'interrupted', detail: null };
    // What is left is shared by the addresses that are left.
    const shareMs = (endMs - clock.monoMs()) / (hosts.length - tried);
    dialled = await dialAddress(pool, host, shareMs, options);
    if ('socket' in dialled) return dialled;
  }
  return dialled;
}

async function dialAddress(pool: PoolUrl, host: string, limitMs: number, options: DialOptions): Promise<Dialled> {
  const { clock, signal } = options;
  const startMs = clock.monoMs();
  const first = pool.proxy ?? { host, port: pool.port };
  let socket = connect({ host: first.host, port: first.port, autoSelectFamily: false, ...LINK_SOCKET });
  // The step that waits now is told by its socket's error.
  const give = (failure: Failure) => () => socket.destroy(new FailureError(failure));
  const cancel = clock.setTimer(limitMs, give('generic_timeout_error'));
  const onAbort = give('interrupted');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await eventOf(socket, 'connect');
    if (pool.proxy !== null) {
      const { throughSocks5 } = await import('./socks5.ts');
      await throughSocks5(socket, pool.proxy, { host, port: pool.port });
    }
    const connect_ms = clock.monoMs() - startMs;
    if (pool.frp !== null) await settled(socket, clock);
    const raw = socket;
    if (pool.tls === null) return { socket, raw, connect_ms };
    const { startTls, checkKey } = await import('./dial-tls.ts');
    const secure = startTls(socket, pool.host, pool.tls);
    socket = secure;
    await eventOf(socket, 'secureConnect');
    const detail = await checkKey(secure, pool, pool.tls.pins, options.keys);
    if (detail === null) return { socket, raw, connect_ms };
    socket.destroy();
    return { failure: 'ssl_unknown_authority', detail };
  } catch (error) {
    socket.destroy();
    return { failure: failureOf(error), detail: null };
  } finally {
    cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Rejects when a connection to a visitor ends before it can lead anywhere. Nothing is read of one that stays. */
function settled(socket: Socket, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      cancel();
      socket.off('readable', onReadable);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onClose = (): void => settle(new FailureError('eof_error'));
    // Either bytes, which a pool does not send before it is asked, or the end.
    const onReadable = (): void => (socket.readableLength === 0 ? onClose() : settle());
    const cancel = clock.setTimer(VISITOR_SETTLE_MS, () => settle());
    socket.once('error', settle);
    socket.once('close', onClose);
    socket.on('readable', onReadable);
  });
}

/** Resolves at the event, rejects with the socket's error, or when it closes without one. */
function eventOf(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new FailureError('eof_error'));
    const settle = (error?: Error): void => {
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.once('error', settle);
    socket.once('close', onClose);
    socket.once(event, () => settle());
  });
}
