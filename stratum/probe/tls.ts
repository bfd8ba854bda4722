// The TLS step of a probe. The certificate is recorded and not judged, since pools sign their own (facts/censorship.md section 1, 14),
// but where the caller names whom it trusts: frps's authority.
import { createHash, type X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, connect as tlsConnect, type TLSSocket } from 'node:tls';
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

/** Whose certificate it must be: of this authority (PEM), for this name or address. */
export interface Trust {
  ca: string;
  name: string;
}

export interface Secured {
  step: TlsStep;
  /** The public authorities vouch for the certificate and the name; no word for or against a pool. */
  isTrusted: boolean;
  /** What is spoken inside TLS; null where the handshake failed. */
  stream: Duplex | null;
}

type Outcome = { failure: Failure; alert: number | null } | 'secured';

/** Does the handshake on a fresh connection. With `trust`, another's certificate fails the step. Never rejects. */
export async function tlsStep(
  connection: ProbeConnection,
  shape: TlsShape,
  limits: WaitLimits,
  trust: Trust | null = null,
): Promise<Secured> {
  const { sni, splitHello = false } = shape;
  const before = connection.rx_bytes;
  const socket = tlsConnect({
    socket: connection.stream(splitHello ? (hello) => splitPoint(hello, sni) : null),
    ...(sni === null ? {} : { servername: sni }),
    minVersion: shape.minVersion ?? 'TLSv1.2',
    maxVersion: shape.maxVersion ?? 'TLSv1.3',
    ...(shape.isSmall === true ? { ecdhCurve: 'X25519:P-256' } : {}),
    rejectUnauthorized: false,
    // The name is checked below: it may be another than the one in the hello.
    ...(trust === null ? {} : { ca: trust.ca, checkServerIdentity: () => undefined }),
  });
  // Always somebody listens: what breaks after the handshake is told by the connection.
  socket.on('error', () => undefined);
  const { value, ms, ack } = await connection.wait(outcomeOf(socket, connection), limits);
  const isSecured = value === 'secured';
  const ended = value === null ? { failure: 'generic_timeout_error' as const, alert: null } : value;
  // Once: Node 24 has it no more when it is asked for again.
  const certificate = isSecured ? socket.getPeerX509Certificate() : undefined;
  const refused = isSecured && trust !== null ? refusalOf(socket, certificate, trust) : null;
  const step: TlsStep = {
    failure: ended === 'secured' ? refused : ended.failure,
    ms,
    alert: ended === 'secured' ? null : ended.alert,
    protocol: isSecured ? socket.getProtocol() : null,
    ...certificateOf(certificate),
    rx_raw_bytes: connection.rx_bytes - before,
    ...ack,
  };
  const isGood = isSecured && refused === null;
  if (!isGood) socket.destroy();
  return { step, isTrusted: isGood && socket.authorized, stream: isGood ? socket : null };
}

/** What is wrong with the certificate for who trusts so; null: nothing. */
function refusalOf(socket: TLSSocket, certificate: X509Certificate | undefined, { name }: Trust): Failure | null {
  // Node gives a code here, where its types say an Error.
  const told: unknown = socket.authorized ? null : socket.authorizationError;
  const code = typeof told === 'string' ? told : told === null ? null : (codeOf(told) ?? '');
  if (code !== null) return certificateFailure(code);
  const isNamed = certificate !== undefined && checkServerIdentity(name, certificate.toLegacyObject()) === undefined;
  return isNamed ? null : 'ssl_invalid_hostname';
}

function certificateFailure(code: string): Failure {
  const failure = failureOf(Object.assign(new Error(code), { code }));
  return failure.startsWith('ssl_') ? failure : 'ssl_invalid_certificate';
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

function certificateOf(certificate: X509Certificate | undefined): {
  spki_sha256: string | null;
  issuer: string | null;
} {
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
