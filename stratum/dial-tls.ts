// TLS on a connection to a pool. Loaded when the first such pool is dialled: others need none of it.
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { judgeKey, type KeyMemory } from './pool-key.ts';
import type { TlsOptions } from './pool-url.ts';

/** Begins the handshake; `secureConnect` follows, whatever the certificate: `checkKey` judges it. */
export function startTls(socket: Socket, host: string, { sni, minVersion, maxVersion }: TlsOptions): TLSSocket {
  return connect({
    socket,
    servername: sni ?? '',
    minVersion,
    maxVersion,
    rejectUnauthorized: false,
    // Whatever name was sent in the hello: the certificate is for the pool's own.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

/** Compares the pool's key with its pins, or with the remembered one. Null = good; else what is wrong with it. */
export async function checkKey(
  socket: TLSSocket,
  pool: { host: string; port: number },
  pins: readonly string[],
  keys: KeyMemory,
): Promise<string | null> {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'the pool showed no certificate';
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const spki_sha256 = createHash('sha256').update(spki).digest('base64');
  const endpoint = `${pool.host}:${String(pool.port)}`;
  const known = pins.length > 0 ? null : await keys.get(endpoint);
  const judged = judgeKey({ spki_sha256, isCertified: socket.authorized, pins, known });
  if (judged === 'good_new') await keys.set(endpoint, spki_sha256);
  if (judged !== 'wrong') return null;
  const wanted = known === null ? 'none of its pins' : `the one before was ${known}`;
  return `its key is ${spki_sha256}, ${wanted}`;
}
