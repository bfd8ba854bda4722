// What plain sockets see: short words for the techniques' proofs.
import { ISP_RESOLVER, POOL } from './places.ts';
import type { Asked, PlainOp, PlainResult, Talked } from './plain-client.ts';
import type { Proof } from './techniques.ts';

export const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["plain/1"]}\n';

export function asked(result: PlainResult | undefined): Asked {
  if (result === undefined || Array.isArray(result)) throw new Error('this was no question');
  return result;
}

export function talked(result: PlainResult | undefined): Talked {
  const first = Array.isArray(result) ? result[0] : undefined;
  if (first === undefined) throw new Error('this was no talk');
  return first;
}

/** The resolver of the line is asked for the pool. */
export function askedPool(struck: (answers: Asked['answers']) => boolean): Proof {
  return {
    ops: [{ op: 'ask', server: ISP_RESOLVER, name: POOL.host, for_ms: 600 }],
    struck: ([result]) => struck(asked(result).answers),
  };
}

/** A subscribe on the pool's plain port. */
export function subscribed(for_ms: number, struck: (t: Talked) => boolean): Proof {
  const op: PlainOp = { op: 'talk', host: POOL.address, port: POOL.port, send: SUBSCRIBE, for_ms };
  return { ops: [op], struck: ([result]) => struck(talked(result)) };
}

/** The same through TLS, with the pool's name and with none. */
export function securely(struck: (named: Talked, nameless: Talked) => boolean, max?: 'TLSv1.2'): Proof {
  const version = max === undefined ? {} : { max };
  const op = { op: 'talk', host: POOL.address, port: POOL.tlsPort, send: SUBSCRIBE, for_ms: 1500 } as const;
  return {
    ops: [
      { ...op, tls: { sni: POOL.host, ...version } },
      { ...op, tls: version },
    ],
    struck: ([named, nameless]) => struck(talked(named), talked(nameless)),
  };
}
