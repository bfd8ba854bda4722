// The canary: random bytes through the tunnel and back, the only proof that a way carries data. A status of "running" proves nothing:
// a frozen connection keeps it.
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Clock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';

/** Connections that the echo holds at once; a worker runs one canary at a time. */
const ECHO_CONNECTIONS_MAX = 8;
/** A connection that frpc forgot must not hold its place for ever. */
const ECHO_IDLE_MS = 60_000;
const LOOPBACK = '127.0.0.1';

/** A canary's bytes are made in memory at once. */
const CANARY_BYTES_MAX = 1024 * 1024;
/** Written at a time; more only when the socket asks for it. */
const CHUNK_BYTES = 16 * 1024;
/** Less than this, once bytes flow, is a throttled line. */
export const CANARY_SLOW_BYTES_PER_S = 8 * 1024;
/** This share of the limit without a byte, at its end, is silence. */
const SILENCE_SHARE = 0.3;

/** `bytes` came back, in `ms` since the connection was asked for. */
export type CanaryResult =
  | { kind: 'ok'; bytes: number; ms: number }
  /** Silence until the limit; some bytes may have come back before it. */
  | { kind: 'frozen'; bytes: number; ms: number }
  /** All came back, or bytes still came at the limit, but at less than 8 KB/s. */
  | { kind: 'slow'; bytes: number; ms: number }
  /** Closed or refused before all was back, a wrong byte, or stopped by the signal. */
  | { kind: 'closed'; bytes: number; ms: number; detail: string };

/** The echo on a loopback port of its own, where the stcp proxy `canary` leads. Rejects where this machine has no free port. */
export function startEcho(): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Whoever breaks off hears of it; the echo has nobody to tell.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(ECHO_IDLE_MS, () => socket.destroy());
    socket.pipe(socket);
  });
  server.maxConnections = ECHO_CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, () => {
      server.off('error', reject);
      // An accept that failed (no file descriptors) costs that canary, not the worker.
      server.on('error', () => undefined);
      const close = (): void => {
        server.close();
        for (const socket of sockets) socket.destroy();
      };
      resolve({ port: (server.address() as AddressInfo).port, close });
    });
  });
}

export interface CanaryOptions {
  /** The visitor's loopback port. It accepts whether or not the other side is there: only data proves anything. */
  port: number;
  /** Each way; from 1 to 1 MiB. */
  bytes: number;
  limitMs: number;
  clock: Clock;
  signal?: AbortSignal | undefined;
}

/** Sends `bytes` and waits for the same ones. Never rejects. */
export function runCanary(o: CanaryOptions): Promise<CanaryResult> {
  const { port, limitMs, clock, signal } = o;
  const payload = randomBytes(Math.min(Math.max(1, Math.trunc(o.bytes)), CANARY_BYTES_MAX));
  const beginMs = clock.monoMs();
  if (signal?.aborted === true) return Promise.resolve({ kind: 'closed', bytes: 0, ms: 0, detail: 'stopped' });
  return new Promise((resolve) => {
    let socket: Socket;
    try {
      socket = connect({ port, host: LOOPBACK });
    } catch (error) {
      // A number that is no port.
      resolve({ kind: 'closed', bytes: 0, ms: 0, detail: messageOf(error) });
      return;
    }
    const flow = new Flow();
    let sent = 0;

    const end = (kind: CanaryResult['kind'], detail = ''): void => {
      cancelLimit();
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      const found = { bytes: flow.bytes, ms: Math.round(clock.monoMs() - beginMs) };
      resolve(kind === 'closed' ? { kind, ...found, detail } : { kind, ...found });
    };
    const onAbort = (): void => end('closed', 'stopped');
    const cancelLimit = clock.setTimer(limitMs, () => {
      const isMoving = flow.bytes > 0 && clock.monoMs() - flow.lastMs < limitMs * SILENCE_SHARE;
      end(isMoving ? 'slow' : 'frozen');
    });
    signal?.addEventListener('abort', onAbort, { once: true });

    const send = (): void => {
      while (sent < payload.length) {
        const chunk = payload.subarray(sent, sent + CHUNK_BYTES);
        sent += chunk.length;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('connect', send);
    socket.on('drain', send);
    socket.on('data', (data) => {
      const isSame = data.equals(payload.subarray(flow.bytes, flow.bytes + data.length));
      if (!isSame) {
        end('closed', `a wrong byte came back after ${String(flow.bytes)} bytes`);
        return;
      }
      flow.add(data.length, clock.monoMs());
      if (flow.bytes === payload.length) end(flow.isSlow() ? 'slow' : 'ok');
    });
    // Our side never ends first, so an end is the tunnel's.
    socket.on('end', () => end('closed', 'closed before all came back'));
    socket.on('error', (error) => end('closed', messageOf(error)));
    socket.on('close', () => end('closed', 'closed before all came back'));
  });
}

/** What came back so far, and how fast. */
class Flow {
  bytes = 0;
  lastMs = 0;
  #first: { bytes: number; ms: number } | null = null;

  add(bytes: number, nowMs: number): void {
    this.#first ??= { bytes, ms: nowMs };
    this.bytes += bytes;
    this.lastMs = nowMs;
  }

  /** Counted from the first bytes on: a long round trip, of which a small canary's time is made, is no throttle. */
  isSlow(): boolean {
    if (this.#first === null) return false;
    const seconds = (this.lastMs - this.#first.ms) / 1000;
    return this.bytes - this.#first.bytes < CANARY_SLOW_BYTES_PER_S * seconds;
  }
}
