// A SOCKS5 proxy for tests: every name is on loopback, and it fails as it is told.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface SocksRules {
  /** Wanted from clients; without it none is. */
  login?: string;
  password?: string;
  /** Answers every request with this code. */
  reply?: number;
  /** Answers the greeting with this and ends. */
  says?: string;
  /** Sends its answers byte by byte. */
  oneByteAtATime?: boolean;
}

export interface SocksProxy {
  server: Server;
  port: number;
  /** `host:port` of every request. */
  targets: string[];
}

/** Listens on loopback; whoever started it closes the server. */
export async function startSocksProxy(rules: SocksRules): Promise<SocksProxy> {
  const targets: string[] = [];
  const server = createServer((client) => {
    client.on('error', () => undefined);
    client.setNoDelay(true);
    void serve(client, rules, targets).catch(() => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, targets };
}

async function serve(client: Socket, rules: SocksRules, targets: string[]): Promise<void> {
  const say = async (bytes: number[]): Promise<void> => {
    if (rules.oneByteAtATime !== true) return void client.write(Buffer.from(bytes));
    for (const byte of bytes) {
      client.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const [, methods = 0] = await take(client, 2);
  const offered = [...(await take(client, methods))];
  if (rules.says !== undefined) return void client.end(rules.says, 'latin1');
  const wanted = rules.login === undefined ? 0 : 2;
  if (!offered.includes(wanted)) {
    await say([5, 255]);
    return void client.end();
  }
  await say([5, wanted]);
  if (wanted === 2) {
    const [, loginBytes = 0] = await take(client, 2);
    const login = (await take(client, loginBytes)).toString();
    const [passwordBytes = 0] = await take(client, 1);
    const password = (await take(client, passwordBytes)).toString();
    const isGood = login === rules.login && password === rules.password;
    await say([1, isGood ? 0 : 1]);
    if (!isGood) return void client.end();
  }
  const [, , , kind = 0] = await take(client, 4);
  const host = await hostOf(client, kind);
  const port = (await take(client, 2)).readUInt16BE();
  targets.push(`${host}:${String(port)}`);
  if (rules.reply !== undefined) return say([5, rules.reply, 0, 1, 0, 0, 0, 0, 0, 0]);
  const upstream = connect(port, '127.0.0.1');
  upstream.on('error', () => client.destroy());
  await once(upstream, 'connect');
  await say([5, 0, 0, 3, 4, 116, 101, 115, 116, 1, 187]);
  client.pipe(upstream).pipe(client);
}

async function hostOf(client: Socket, kind: number): Promise<string> {
  if (kind === 1) return [...(await take(client, 4))].join('.');
  if (kind === 3) return (await take(client, (await take(client, 1))[0] ?? 0)).toString();
  const bytes = await take(client, 16);
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':');
}

async function take(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = bytes === 0 ? Buffer.alloc(0) : (socket.read(bytes) as Buffer | null);
    if (chunk !== null) return chunk;
    await once(socket, 'readable');
  }
}
