// A SOCKS5 client: CONNECT with or without a login (RFC 1928, RFC 1929). Every answer has a known length, so nothing is read that
// belongs to the pool, and no answer can be long.
import { isIP, isIPv4, type Socket } from 'node:net';
import type { Failure } from '../wire/failure.ts';
import { FailureError } from './failure-of.ts';
import type { ProxyOptions } from './pool-url.ts';
import { addressBytes } from './probe/ack.ts';

const VERSION = 5;
const NO_LOGIN = 0;
const BY_LOGIN = 2;
/** Of the login's own little protocol. */
const LOGIN_VERSION = 1;
const CONNECT = 1;
const ADDRESS_LENGTHS: ReadonlyMap<number, number> = new Map([
  [1, 4],
  [4, 16],
]);
const NAME = 3;

/** What the proxy's reply codes mean. */
const REPLIES: readonly Failure[] = [
  'unknown_failure: no SOCKS5 error', // 0 is success
  'unknown_failure: the proxy failed',
  'permission_denied',
  'network_unreachable',
  'host_unreachable',
  'connection_refused',
  'host_unreachable', // the packets' time to live is over
  'unknown_failure: the proxy does not know CONNECT',
  'unknown_failure: the proxy does not know this kind of address',
];

/**
 * Asks the proxy for a connection to `target`; afterwards the socket is the pool's. A name is resolved by the proxy. Rejects with
 * the socket's error or a FailureError.
 */
export async function throughSocks5(
  socket: Socket,
  { login, password }: Pick<ProxyOptions, 'login' | 'password'>,
  target: { host: string; port: number },
): Promise<void> {
  const isLogin = login !== null && password !== null;
  socket.write(Buffer.from(isLogin ? [VERSION, 2, NO_LOGIN, BY_LOGIN] : [VERSION, 1, NO_LOGIN]));
  const [version, method] = await read(socket, 2);
  if (version !== VERSION) throw notSocks();
  if (method === BY_LOGIN && isLogin) await logIn(socket, login, password);
  else if (method !== NO_LOGIN) throw new FailureError('permission_denied');

  const port = Buffer.alloc(2);
  port.writeUInt16BE(target.port);
  socket.write(Buffer.concat([Buffer.from([VERSION, CONNECT, 0]), addressOf(target.host), port]));
  const [answerVersion, reply = 0, , kind = 0] = await read(socket, 4);
  if (answerVersion !== VERSION) throw notSocks();
  if (reply !== 0) {
    throw new FailureError(REPLIES[reply] ?? `unknown_failure: the proxy answers ${String(reply)}`);
  }
  // The address that the proxy connects from: read and forgotten.
  const length = kind === NAME ? (await read(socket, 1))[0] : ADDRESS_LENGTHS.get(kind);
  if (length === undefined) throw notSocks();
  await read(socket, length + 2);
}

async function logIn(socket: Socket, login: string, password: string): Promise<void> {
  const words = [login, password].map((word) => Buffer.from(word));
  const counted = words.flatMap((word) => [Buffer.of(word.length), word]);
  socket.write(Buffer.concat([Buffer.of(LOGIN_VERSION), ...counted]));
  const [, status] = await read(socket, 2);
  if (status !== 0) throw new FailureError('permission_denied');
}

function addressOf(host: string): Buffer {
  if (isIP(host) === 0) return Buffer.concat([Buffer.from([NAME, host.length]), Buffer.from(host, 'latin1')]);
  return Buffer.concat([Buffer.of(isIPv4(host) ? 1 : 4), addressBytes(host)]);
}

function notSocks(): FailureError {
  return new FailureError('unknown_failure: the proxy does not speak SOCKS5');
}

/** Reads exactly so many bytes and leaves the rest in the socket. */
function read(socket: Socket, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (result: Buffer | Error): void => {
      socket.off('readable', look);
      socket.off('error', settle);
      socket.off('end', onEnd);
      socket.off('close', onEnd);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const look = (): void => {
      const chunk = socket.read(bytes) as Buffer | null;
      if (chunk === null) return;
      settle(chunk.length === bytes ? chunk : new FailureError('eof_error'));
    };
    const onEnd = (): void => settle(new FailureError('eof_error'));
    socket.on('readable', look);
    socket.on('error', settle);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    look();
  });
}
