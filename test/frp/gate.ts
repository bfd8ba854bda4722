// A direct way on loopback that can be blocked and opened again: passes bytes to another port, or resets, or swallows them.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type GateState = 'open' | 'reset' | 'frozen';

export interface Gate {
  readonly port: number;
  /** Connections that were let through so far. */
  readonly passed: number;
  /** Connections that stand are treated so at once: reset, or nothing passes any more. */
  set(state: GateState): void;
  close(): void;
}

/** `host`: the address of loopback that the way has. */
export async function startGate(targetPort: number, host = '127.0.0.1'): Promise<Gate> {
  let state: GateState = 'open';
  let passed = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (state === 'reset') return void client.resetAndDestroy();
    passed += 1;
    const target = connect(targetPort, '127.0.0.1').on('error', () => client.destroy());
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        if (state !== 'frozen') to.write(chunk);
      });
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get passed() {
      return passed;
    },
    set(next) {
      state = next;
      if (state === 'reset') for (const socket of sockets) socket.resetAndDestroy();
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
