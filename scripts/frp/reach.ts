// How far one connection to an frps comes, step by step: TCP, TLS, our authority, the name. frpc itself says only that it failed.
import { createHash } from 'node:crypto';
import { connect as dial, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as startTls, type TLSSocket } from 'node:tls';
import { codeOf, messageOf } from '../../platform/errors.ts';

export interface Reach {
  /** null: all went well. `ca` and `name` are faults of the certificate, `time` that it has ended or not begun. */
  fault: 'tcp' | 'tls' | 'ca' | 'name' | 'time' | 'ssh' | null;
  detail: string | null;
  /** Milliseconds from the start; null where it did not come so far. */
  connect_ms: number | null;
  tls_ms: number | null;
  /** ISO time of the certificate's end. */
  expires: string | null;
  /** Base64 SHA-256 of its public key. */
  spki_sha256: string | null;
  /** Names asked for that it has not. */
  missing_names: string[];
}

const STEP_MS = 10_000;
const TIME_CODES = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

/** One connection that ends after the handshake. `names`: what the certificate must have; the first is sent, unless it is an address. */
export async function reachTls(o: {
  host: string;
  port: number;
  names: readonly string[];
  ca_pem: string;
}): Promise<Reach> {
  const reach = nothing();
  const begun = performance.now();
  const socket = await reachTcp(o, reach, begun);
  if (socket === null) return reach;
  const [name = o.host] = o.names;
  const tls = startTls({
    ...{ socket, ca: o.ca_pem, rejectUnauthorized: false },
    // The names are checked below, all of them.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: () => undefined,
  });
  try {
    await within(tls, 'secureConnect');
  } catch (error) {
    return { ...reach, fault: 'tls', detail: messageOf(error) };
  } finally {
    socket.destroy();
  }
  return { ...reach, tls_ms: since(begun), ...certificateOf(tls, o.names) };
}

/** As far as an sshd's first line. */
export async function reachSsh(o: { host: string; port: number }): Promise<Reach> {
  const reach = nothing();
  const socket = await reachTcp(o, reach, performance.now());
  if (socket === null) return reach;
  try {
    const line = String(await within(socket, 'data'));
    return line.startsWith('SSH-2.0-') ? reach : { ...reach, fault: 'ssh', detail: 'another program answers there' };
  } catch (error) {
    return { ...reach, fault: 'ssh', detail: messageOf(error) };
  } finally {
    socket.destroy();
  }
}

function nothing(): Reach {
  const unknown = { connect_ms: null, tls_ms: null, expires: null, spki_sha256: null };
  return { fault: null, detail: null, ...unknown, missing_names: [] };
}

async function reachTcp(o: { host: string; port: number }, reach: Reach, begun: number): Promise<Socket | null> {
  const socket = dial({ host: o.host, port: o.port });
  try {
    await within(socket, 'connect');
    reach.connect_ms = since(begun);
    return socket;
  } catch (error) {
    socket.destroy();
    Object.assign(reach, { fault: 'tcp', detail: codeOf(error) ?? messageOf(error) });
    return null;
  }
}

function certificateOf(tls: TLSSocket, names: readonly string[]): Partial<Reach> {
  const certificate = tls.getPeerX509Certificate();
  if (certificate === undefined) return { fault: 'tls', detail: 'it showed no certificate' };
  const plain = certificate.toLegacyObject();
  const missing_names = names.filter((name) => checkServerIdentity(name, plain) !== undefined);
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const found = {
    ...{ expires: certificate.validToDate.toISOString(), missing_names },
    spki_sha256: createHash('sha256').update(key).digest('base64'),
  };
  // Node gives a code here, where its types say an Error.
  const refused: unknown = tls.authorized ? null : tls.authorizationError;
  const code = typeof refused === 'string' ? refused : codeOf(refused);
  if (code !== null) return { ...found, fault: TIME_CODES.includes(code) ? 'time' : 'ca', detail: code };
  if (missing_names.length === 0) return found;
  return { ...found, fault: 'name', detail: `it has not ${missing_names.join(', ')}` };
}

function since(begun: number): number {
  return Math.round(performance.now() - begun);
}

/** Rejects on an error, an early end, or after ten seconds. */
function within(socket: Socket, event: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing within ${STEP_MS / 1000} s`)), STEP_MS);
    const end = (use: () => void): void => {
      clearTimeout(timer);
      use();
    };
    socket.once(event, (value: unknown) => end(() => resolve(value)));
    // Stays: what breaks off later must not end the command.
    socket.on('error', (error) => end(() => reject(error)));
    socket.once('close', () => end(() => reject(new Error('closed by the other side'))));
  });
}
