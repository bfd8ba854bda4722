// A bare client for the tests of the pools: sends what it is told, and finds shares by trying nonces.
import { connect } from 'node:net';
import { once } from 'node:events';
import { hashValue, sha256d } from './bitcoin-header.ts';
import { lineCutter, parseMessage, type Message } from './json-line.ts';
import type { Work } from './miner-work.ts';

export interface PoolClient {
  send(message: object | string): void;
  /** The first message, past or to come, that fits. */
  next(fits: (message: Message) => boolean): Promise<Message>;
  readonly closed: Promise<unknown>;
  end(): void;
}

/** Connects; rejects when nobody listens. */
export async function connectPool(port: number): Promise<PoolClient> {
  const socket = connect({ port, host: '127.0.0.1' });
  const seen: Message[] = [];
  const waiting = new Set<() => void>();
  const feed = lineCutter(65_536, (line) => {
    seen.push(parseMessage(line) ?? {});
    for (const wake of waiting) wake();
  });
  socket.on('data', feed);
  await once(socket, 'connect');
  // The pool may cut a test's connection with a reset.
  socket.on('error', () => socket.destroy());
  return {
    closed: once(socket, 'close'),
    send: (message) => void socket.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`),
    next: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = seen.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    end: () => void socket.destroy(),
  };
}

/** Nonce and hash of the first share (`good`), or of the first hash that is none, from this nonce on. */
export function findHash(work: Work, good: boolean, from = 0): { nonce: number; digest: Buffer } {
  for (let nonce = from; ; nonce += 1) {
    work.bytes.writeUInt32LE(nonce, work.nonceOffset);
    const digest = sha256d(work.bytes);
    if (hashValue(digest) < work.limit === good) return { nonce, digest };
  }
}
