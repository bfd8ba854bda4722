import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { realClock } from '../platform/clock.ts';
import { dialPool } from './dial.ts';

describe('dialPool', () => {
  it('gives a connection and the time it took', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const dialled = await dialPool({ host: '127.0.0.1', port }, realClock);
    if ('failure' in dialled) throw new Error(dialled.failure);
    expect(dialled.connect_ms).toBeGreaterThan(0);
    dialled.socket.destroy();
    server.close();
    await once(server, 'close');
    await expect(dialPool({ host: '127.0.0.1', port }, realClock)).resolves.toEqual({ failure: 'connection_refused' });
  });

  it('gives up after 10 s', async () => {
    const asked: number[] = [];
    const hasty = {
      ...realClock,
      setTimer: (ms: number, fn: () => void) => {
        asked.push(ms);
        queueMicrotask(fn);
        return () => undefined;
      },
    };
    await expect(dialPool({ host: '127.0.0.1', port: 9 }, hasty)).resolves.toEqual({
      failure: 'generic_timeout_error',
    });
    expect(asked).toEqual([10_000]);
  });
});
