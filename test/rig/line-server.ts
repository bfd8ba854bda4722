// A TCP server of JSON lines with caps: line length, connections, and what a slow reader may leave unread.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { once } from 'node:events';
import { lineCutter, parseMessage, type Message } from './json-line.ts';

/** One side of a conversation, as a pool sees it. */
export interface LinePeer {
  /** Counts up from 1 over the life of the server. */
  readonly id: number;
  /** Where it comes from. */
  readonly address: string;
  /** Writes one JSON line. */
  send(message: object): void;
  /** Ends the connection at once. */
  drop(): void;
}

/** What a pool does with one connection. */
export interface LineHandler {
  message(message: Message): void;
  closed(): void;
}

export interface LineServerOptions {
  host: string;
  port: number;
  maxConnections: number;
  maxLineBytes: number;
  /** Speaks TLS. */
  tls?: TlsOptions;
  /** What becomes of a new connection, before its first byte; without it all are served. */
  admit?(address: string): 'serve' | 'close' | 'reset';
  accept(peer: LinePeer): LineHandler;
}

export interface LineServer {
  readonly port: number;
  dropConnections(): void;
  close(): Promise<void>;
}

const UNREAD_MAX_BYTES = 1_048_576;
const IDLE_MAX_MS = 600_000;

function serve(socket: Socket, id: number, options: LineServerOptions): void {
  const handler = options.accept({
    id,
    address: socket.remoteAddress ?? '',
    send(message) {
      if (socket.destroyed) return;
      socket.write(`${JSON.stringify(message)}\n`);
      if (socket.writableLength > UNREAD_MAX_BYTES) socket.destroy();
    },
    drop: () => socket.destroy(),
  });
  const feed = lineCutter(options.maxLineBytes, (line) => {
    if (socket.destroyed) return;
    const message = parseMessage(line);
    if (message === null) socket.destroy();
    else handler.message(message);
  });
  socket.setNoDelay(true);
  socket.setTimeout(IDLE_MAX_MS, () => socket.destroy());
  socket.on('data', (chunk) => {
    if (!feed(chunk)) socket.destroy();
  });
  // A reset is an ordinary end of a connection here; 'close' follows and does the work.
  socket.on('error', () => socket.destroy());
  socket.on('close', () => handler.closed());
}

/** Listens; rejects with the system's error when the address is taken. A line that is no JSON or too long ends its connection. */
export async function startLineServer(options: LineServerOptions): Promise<LineServer> {
  const sockets = new Set<Socket>();
  let count = 0;
  const onSocket = (socket: Socket): void => {
    count += 1;
    serve(socket, count, options);
  };
  const server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket);
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const admitted = options.admit?.(socket.remoteAddress ?? '') ?? 'serve';
    if (admitted === 'close') socket.destroy();
    if (admitted === 'reset') socket.resetAndDestroy();
  });
  server.maxConnections = options.maxConnections;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    dropConnections,
    async close() {
      const closed = once(server, 'close');
      server.close();
      dropConnections();
      await closed;
    },
  };
}
