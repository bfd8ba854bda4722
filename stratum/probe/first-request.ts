// Stratum step 1: the first request of each dialect, which shows the path and needs no account (facts/censorship.md section 4).
// Nothing here authorizes with a foreign wallet and nothing submits.
import type { Dialect } from '../../wire/dialect.ts';

export interface FirstRequest {
  method: string;
  /** With its line end. */
  line: string;
  /** A login of the owner's is in it, so that an error about the login says something. */
  hasLogin: boolean;
}

export interface FirstRequestOptions {
  dialect: Dialect;
  /** The pool's name and port, which some dialects repeat. */
  host: string;
  port: number;
  /** `spotrig-probe/<version>`: an honest name. */
  agent: string;
  /** The owner's own login where he wants it tried; null leaves every login out. */
  login: string | null;
}

/** The request; null for a dialect that nobody knows: nothing is said to such a pool. */
export function firstRequest(o: FirstRequestOptions): FirstRequest | null {
  const { agent, host, port, login } = o;
  switch (o.dialect) {
    case 'bitcoin':
      return request({ id: 1, method: 'mining.subscribe', params: [agent] });
    case 'ethereumstratum1':
    case 'kaspa':
      return request({ id: 1, method: 'mining.subscribe', params: [agent, 'EthereumStratum/1.0.0'] });
    case 'ethereumstratum2':
      return request({
        id: 0,
        method: 'mining.hello',
        params: { agent, host, port: port.toString(16), proto: 'EthereumStratum/2.0.0' },
      });
    case 'equihash':
      return request({ id: 1, method: 'mining.subscribe', params: [agent, null, host, port] });
    case 'ethproxy':
      // Pools answer it without a login; an error proves the path as well.
      return login === null
        ? request({ id: 5, jsonrpc: '2.0', method: 'eth_getWork', params: [] })
        : request({ id: 1, jsonrpc: '2.0', method: 'eth_submitLogin', worker: 'probe', params: [login] }, true);
    case 'cryptonote':
      // Before a login it is answered with an error, which is a free proof of the path.
      return login === null
        ? request({ id: 1, jsonrpc: '2.0', method: 'keepalived', params: { id: '' } })
        : request({ id: 1, jsonrpc: '2.0', method: 'login', params: { login, pass: 'x', agent } }, true);
    case 'unknown':
      return null;
  }
}

function request(message: { method: string } & Record<string, unknown>, hasLogin = false): FirstRequest {
  return { method: message.method, line: `${JSON.stringify(message)}\n`, hasLogin };
}
