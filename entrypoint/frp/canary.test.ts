import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { runCanary, startEcho } from './canary.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function echoPort(): Promise<number> {
  const echo = await startEcho();
  closers.push(() => echo.close());
  return echo.port;
}

/** A tunnel's end that does with a connection what the test says. */
async function fakeTunnel(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const canary = (port: number, bytes: number, limitMs = 5000, signal?: AbortSignal) =>
  runCanary({ port, bytes, limitMs, clock: realClock, signal });

describe('the canary', () => {
  it.each([1, 1024, 65_536, 1_048_576])('comes back through the echo: %i bytes', async (bytes) => {
    expect(await canary(await echoPort(), bytes)).toMatchObject({ kind: 'ok', bytes });
  });

  it('is frozen where bytes stop coming and nothing closes', async () => {
    let passed = 0;
    const port = await fakeTunnel((socket) =>
      socket.on('data', (data) => {
        const part = data.subarray(0, Math.max(0, 16_000 - passed));
        passed += part.length;
        socket.write(part);
      }),
    );
    expect(await canary(port, 65_536, 300)).toMatchObject({ kind: 'frozen', bytes: 16_000 });
    const silent = await fakeTunnel((socket) => socket.resume());
    expect(await canary(silent, 1024, 100)).toMatchObject({ kind: 'frozen', bytes: 0 });
  });

  it('is frozen, not stuck, where nothing is even read', async () => {
    const port = await fakeTunnel((socket) => socket.pause());
    expect(await canary(port, 1_048_576, 200)).toMatchObject({ kind: 'frozen', bytes: 0 });
  });

  it('is slow where bytes still come at the limit, or all came at less than 8 KB/s', async () => {
    const drip = (step: number, ms: number) =>
      fakeTunnel((socket) => {
        let held = Buffer.alloc(0);
        socket.on('data', (data) => {
          held = Buffer.concat([held, data]);
        });
        const timer = setInterval(() => {
          socket.write(held.subarray(0, step));
          held = held.subarray(step);
        }, ms);
        socket.on('close', () => clearInterval(timer));
      });
    expect(await canary(await drip(100, 20), 65_536, 500)).toMatchObject({ kind: 'slow' });
    expect(await canary(await drip(250, 100), 1000, 3000)).toMatchObject({ kind: 'slow', bytes: 1000 });
  });

  it('is not slow for a long round trip', async () => {
    const port = await fakeTunnel((socket) => socket.on('data', (data) => setTimeout(() => socket.write(data), 300)));
    expect(await canary(port, 1024)).toMatchObject({ kind: 'ok', bytes: 1024 });
  });

  it('is closed where the visitor closes, resets or is not there', async () => {
    const ended = await fakeTunnel((socket) => socket.end());
    expect(await canary(ended, 1024)).toMatchObject({ kind: 'closed', bytes: 0 });
    const reset = await fakeTunnel((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await canary(reset, 65_536)).toMatchObject({ kind: 'closed' });
    expect(await canary(70_000, 1024)).toMatchObject({ kind: 'closed', bytes: 0 });
    const echo = await startEcho();
    echo.close();
    expect(await canary(echo.port, 1024)).toMatchObject({
      kind: 'closed',
      bytes: 0,
    });
  });

  it('is closed by a byte that is wrong or too many', async () => {
    const wrong = await fakeTunnel((socket) =>
      socket.on('data', (data) => {
        data.writeUInt8(data.readUInt8(700) ^ 1, 700);
        socket.write(data);
      }),
    );
    expect(await canary(wrong, 1024)).toMatchObject({ kind: 'closed', detail: 'a wrong byte came back after 0 bytes' });
    const more = await fakeTunnel((socket) => socket.on('data', (data) => socket.write(Buffer.concat([data, data]))));
    expect(await canary(more, 1024)).toMatchObject({ kind: 'closed' });
  });

  it('stops with its signal', async () => {
    const port = await fakeTunnel((socket) => socket.resume());
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    expect(await canary(port, 1024, 5000, stop.signal)).toMatchObject({ kind: 'closed', detail: 'stopped' });
    expect(await canary(port, 1024, 5000, stop.signal)).toMatchObject({ kind: 'closed', detail: 'stopped' });
  });
});

describe('the echo', () => {
  it('holds eight connections and no more, and lets go of all when closed', async () => {
    const echo = await startEcho();
    closers.push(() => echo.close());
    const held = Array.from({ length: 8 }, () => connect(echo.port, '127.0.0.1'));
    for (const socket of held) {
      socket.write('x');
      await once(socket, 'data');
    }
    expect(await canary(echo.port, 1024, 2000)).toMatchObject({ kind: 'closed' });
    const first = held[0];
    first?.destroy();
    while ((await canary(echo.port, 1024, 2000)).kind !== 'ok') await new Promise((resolve) => setTimeout(resolve, 5));
    const ended = held.slice(1).map((socket) => once(socket, 'close'));
    echo.close();
    await Promise.all(ended);
  });
});
