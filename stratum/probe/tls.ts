// The TLS step of a probe. The certificate is recorded and never judged: pools sign their own (facts/censorship.md section 1, 14).
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { codeOf } from '../../platform/errors.ts';
import { NAME_MAX_CHARS } from '../../wire/limits.ts';
import type { Failure } from '../../wire/failure.ts';
import type { TlsStep } from '../../wire/reachability.ts';
import { failureOf } from '../failure-of.ts';
import type { ProbeConnection, WaitLimits } from './connection.ts';

/** How the hello looks. */
export interface TlsShape {
  /** The name in it; null sends none. */
  sni: string | null;
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Cuts it in two segments, inside the name where it has one: a filter that looks at single packets then sees no name. */
  splitHello?: boolean;
  /** Leaves out what makes a hello longer than a packet (a post-quantum key): for sites that are asked only whether they answer. */
  isSmall?: boolean;
}

export interface Secured {
  step: TlsStep;
  /** The public authorities vouch for the certificate and the name; no word for or against a pool. */
  isTrusted: boolean;
  /** What is spoken inside TLS; null where the handshake failed. */
  stream: Duplex | null;
}

type Outcome = { failure: Failure; alert: number | null } | 'secured';

/** Does the handshake on a fresh connection. Never rejects. */
export async function tlsStep(connection: ProbeConnection, shape: TlsShape, limits: WaitLimits): Promise<Secured> {
  const { sni, splitHello = false } = shape;
  const before = connection.rx_bytes;
  const socket = tlsConnect({
    socket: connection.stream(splitHello ? (hello) => splitPoint(hello, sni) : null),
    ...(sni === null ? {} : { servername: sni }),
    minVersion: shape.minVersion ?? 'TLSv1.2',
    maxVersion: shape.maxVersion ?? 'TLSv1.3',
    ...(shape.isSmall === true ? { ecdhCurve: 'X25519:P-256' } : {}),
    rejectUnauthorized: false,
  });
  // Always somebody listens: what breaks after the handshake is told by the connection.
  socket.on('error', () => undefined);
  const { value, ms, ack } = await connection.wait(outcomeOf(socket, connection), limits);
  const isSecured = value === 'secured';
  const ended = value === null ? { failure: 'generic_timeout_error' as const, alert: null } : value;
  const step: TlsStep = {
    failure: ended === 'secured' ? null : ended.failure,
    ms,
    alert: ended === 'secured' ? null : ended.alert,
    protocol: isSecured ? socket.getProtocol() : null,
    ...(isSecured ? certificateOf(socket) : { spki_sha256: null, issuer: null }),
    rx_raw_bytes: connection.rx_bytes - before,
    ...ack,
  };
  if (!isSecured) socket.destroy();
  return { step, isTrusted: isSecured && socket.authorized, stream: isSecured ? socket : null };
}

function outcomeOf(socket: TLSSocket, connection: ProbeConnection): Promise<Outcome> {
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve('secured'));
    socket.once('error', (error: Error) => {
      // An end of the connection below is told better by the connection itself.
      if (codeOf(error)?.startsWith('ERR_SSL_') === true) resolve({ failure: failureOf(error), alert: alertOf(error) });
    });
    void connection.ended.then((failure) => {
      // Bytes that came before the end are read first: an alert is more than the FIN behind it.
      setImmediate(() => setImmediate(() => resolve({ failure, alert: null })));
    });
  });
}

/** OpenSSL's text ends in the number that the peer sent. */
function alertOf(error: Error): number | null {
  const number = /SSL alert number (\d{1,3})/.exec(error.message)?.[1];
  return number === undefined ? null : Number(number);
}

function certificateOf(socket: TLSSocket): { spki_sha256: string | null; issuer: string | null } {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { spki_sha256: null, issuer: null };
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const issuer = (certificate.issuer ?? '').replaceAll(/\s*\n\s*/g, ', ').replaceAll(/\p{Cc}/gu, '');
  return {
    spki_sha256: createHash('sha256').update(key).digest('base64'),
    issuer: issuer === '' ? null : issuer.slice(0, NAME_MAX_CHARS).toWellFormed(),
  };
}

/** In the middle of the name; of a hello without one, in the middle of the whole. */
function splitPoint(hello: Buffer, sni: string | null): number {
  const at = sni === null ? -1 : hello.indexOf(sni, 0, 'latin1');
  return at === -1 || sni === null ? Math.floor(hello.length / 2) : at + Math.floor(sni.length / 2);
}
