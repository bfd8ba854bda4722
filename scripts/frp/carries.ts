// Whether a port of loopback leads to a living service: frpc takes a visitor's connection whatever is behind it, and closes it again
// when nothing is (facts/frp.md section 2.3).
import { connect } from 'node:net';

/**
 * `data`: the service spoke. `open`: it says nothing first, and the connection stayed. `closed`: taken and closed again. `refused`:
 * nobody listens.
 */
export type Carried = 'data' | 'open' | 'closed' | 'refused';

/** One connection that sends nothing. It lasts at most `limit_ms`. */
export function carries(o: { host: string; port: number; limit_ms: number }): Promise<Carried> {
  return new Promise((resolve) => {
    const socket = connect({ host: o.host, port: o.port });
    let connected = false;
    const done = (result: Carried): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => done(connected ? 'open' : 'refused'), o.limit_ms);
    socket.on('connect', () => (connected = true));
    socket.on('data', () => done('data'));
    socket.on('error', () => done(connected ? 'closed' : 'refused'));
    socket.on('close', () => done(connected ? 'closed' : 'refused'));
  });
}
