import type { StratumEvent } from './dialect.ts';
import { asList, asObject, type JsonObject } from './message.ts';

/** Names and addresses; a pool's words go into a log. */
const HOST = /^[a-z0-9._:-]{1,253}$/i;

function portOf(value: unknown, radix: 10 | 16): number | null {
  const port = typeof value === 'string' && /^[0-9a-f]{1,5}$/i.test(value) ? Number.parseInt(value, radix) : value;
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535 ? port : null;
}

/**
 * The pool's wish that the miner go to another host: client.reconnect [host, port, wait] (ZIP-301 and Bitcoin's pools), or
 * mining.reconnect {host, port in hex} (EIP-1571). No event for any other message.
 */
export function reconnectEvents({ method, params }: JsonObject): StratumEvent[] {
  if (method !== 'client.reconnect' && method !== 'mining.reconnect') return [];
  const named = asObject(params);
  const [first, second] = asList(params);
  const host = named === null ? first : named['host'];
  const port = named === null ? portOf(second, 10) : portOf(named['port'], 16);
  return [{ kind: 'reconnect', host: typeof host === 'string' && HOST.test(host) ? host : null, port }];
}
