// A link of a given rate and delay in front of a server on loopback, in user space: no netem is at hand everywhere. One direction
// is shaped, from the server, as for a worker that fetches; what goes up is small and only delayed.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { realClock } from '../../platform/clock.ts';

/** On their way and in the link's own buffer, for a connection: beyond it the server has to wait, as behind a router. */
const UNDER_WAY_MAX_BYTES = 1024 * 1024;

export interface ShapedLink {
  port: number;
  /** Bytes that came down so far. */
  bytes: () => number;
  close: () => Promise<void>;
}

/** Connections share the rate. A new one is through after a whole round trip, and each byte is half of one under way. */
export async function startShapedLink(o: {
  toPort: number;
  rate_bytes_s: number;
  rtt_ms: number;
}): Promise<ShapedLink> {
  const halfMs = o.rtt_ms / 2;
  const sockets = new Set<Socket>();
  let bytes = 0;
  /** When the link has sent all that it was given. */
  let freeAtMs = 0;

  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: o.toPort, noDelay: true });
    near.setNoDelay(true);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    const up = new Later();
    const down = new Later();
    const openMs = performance.now() + o.rtt_ms;
    near.on('data', (chunk: Buffer) => up.at(Math.max(performance.now() + halfMs, openMs), () => far.write(chunk)));
    let waiting = 0;
    far.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      waiting += chunk.length;
      freeAtMs = Math.max(freeAtMs, performance.now()) + (chunk.length / o.rate_bytes_s) * 1000;
      if (waiting > UNDER_WAY_MAX_BYTES) far.pause();
      down.at(freeAtMs + halfMs, () => {
        waiting -= chunk.length;
        near.write(chunk);
        if (waiting <= UNDER_WAY_MAX_BYTES) far.resume();
      });
    });
    near.once('close', () => far.destroy());
    far.once('close', () => down.at(Math.max(freeAtMs, performance.now()) + halfMs, () => near.end()));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => bytes,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Does things at their times and in the order in which they were given: timers of their own could overtake each other. */
class Later {
  readonly #things: { atMs: number; act: () => void }[] = [];

  at(atMs: number, act: () => void): void {
    this.#things.push({ atMs, act });
    if (this.#things.length === 1) this.#wait();
  }

  #wait(): void {
    const [next] = this.#things;
    if (next === undefined) return;
    realClock.setTimer(Math.max(0, next.atMs - performance.now()), () => {
      const nowMs = performance.now() + 1;
      while (this.#things[0] !== undefined && this.#things[0].atMs <= nowMs) this.#things.shift()?.act();
      this.#wait();
    });
  }
}
