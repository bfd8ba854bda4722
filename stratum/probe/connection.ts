// One TCP connection of a probe: it counts the raw bytes, under TLS too, and tells a FIN from a RST (facts/censorship.md section 2).
import { isIP, connect as netConnect, type NetConnectOpts, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../../platform/clock.ts';
import type { Failure } from '../../wire/failure.ts';
import { failureOf } from '../failure-of.ts';
import { readAck, type AckReading, type ReadAck } from './ack.ts';

/** What a step of a probe took and how it failed. */
export interface StepResult {
  failure: Failure | null;
  ms: number | null;
}

/** What the probe gets from outside; all of it can be a fake. */
export interface ProbeDeps {
  clock: Clock;
  readAck: ReadAck;
  /** Opens the socket; another one in tests and where connections are counted. */
  connect: (options: NetConnectOpts) => Socket;
}

/** The real thing, by this clock. */
export function probeDeps(clock: Clock): ProbeDeps {
  return { clock, readAck, connect: netConnect };
}

/** When the kernel is asked about an answer that is due, and when it is given up. */
export interface WaitLimits {
  ack_ms: number;
  timeout_ms: number;
}

/** What a wait came to; `value` null = the time is over. */
export interface Waited<T> {
  value: T | null;
  ms: number;
  ack: AckReading;
}

const NO_ACK: AckReading = { tx_unacked_bytes: null, retransmits: null };

/** An open connection. Whoever opened it closes it. */
export class ProbeConnection {
  readonly address: string;
  readonly port: number;
  /** Resolves with how it ended, once it did: `eof_error` for the peer's FIN, else the error's name. */
  readonly ended: Promise<Failure>;
  readonly #socket: Socket;
  readonly #deps: ProbeDeps;
  /** Whoever counts connections must not see this one beside the next. */
  readonly #closed: Promise<void>;
  /** Kept, because a closed socket has none any more. */
  readonly #localPort: number | undefined;

  constructor(socket: Socket, peer: { address: string; port: number }, deps: ProbeDeps) {
    this.#socket = socket;
    this.#deps = deps;
    this.address = peer.address;
    this.port = peer.port;
    this.#localPort = socket.localPort;
    this.#closed = new Promise((resolve) => {
      if (socket.closed) resolve();
      else socket.once('close', () => resolve());
    });
    this.ended = new Promise((resolve) => {
      socket.once('error', (error) => resolve(failureOf(error)));
      socket.once('end', () => resolve('eof_error'));
      socket.once('close', () => resolve('connection_already_closed'));
    });
  }

  /** Bytes that came so far, before any decryption. */
  get rx_bytes(): number {
    return this.#socket.bytesRead;
  }

  /** Bytes that were sent so far, encryption included. */
  get tx_bytes(): number {
    return this.#socket.bytesWritten;
  }

  /** The connection as a stream, to be read by one reader. `splitFirstAt` sends the first write in two segments, cut there. */
  stream(splitFirstAt: ((first: Buffer) => number) | null = null): Duplex {
    return new Wire(this.#socket, splitFirstAt);
  }

  /** What the kernel knows of our bytes now. */
  async ack(): Promise<AckReading> {
    if (this.#localPort === undefined) return NO_ACK;
    return this.#deps.readAck({ localPort: this.#localPort, address: this.address, port: this.port });
  }

  /**
   * Waits for an answer. The kernel is asked when it is due and once more when it is given up: the later reading counts, because
   * one lost segment is sent again meanwhile and a swallowed one stays.
   */
  async wait<T>(answer: Promise<T>, limits: WaitLimits): Promise<Waited<T>> {
    const { clock } = this.#deps;
    const begun = clock.monoMs();
    const over = new AbortController();
    const sleep = (ms: number): Promise<null> => clock.sleep(ms, over.signal).then(() => null);
    let ack = NO_ACK;
    const look = async (): Promise<void> => {
      const reading = await this.ack();
      if (reading.tx_unacked_bytes !== null) ack = reading;
    };
    const patience = async (): Promise<null> => {
      const due = Math.min(limits.ack_ms, limits.timeout_ms);
      await sleep(due);
      await look();
      await sleep(limits.timeout_ms - due);
      await look();
      return null;
    };
    const late = patience().catch(() => null);
    const value = await Promise.race([answer, late]);
    over.abort();
    return { value, ms: clock.monoMs() - begun, ack };
  }

  /** Sends our FIN; what the peer still says is read and thrown away. */
  finish(): void {
    this.#socket.resume(); // a socket that is closed with bytes unread sends a RST
    this.#socket.end();
  }

  /** Says goodbye with a FIN and waits a moment for the peer's, so that it sees an orderly end; never rejects. */
  async close(patienceMs: number): Promise<void> {
    const socket = this.#socket;
    if (!socket.destroyed && socket.writable) {
      this.finish();
      const over = new AbortController();
      await Promise.race([this.ended, this.#deps.clock.sleep(patienceMs, over.signal).catch(() => undefined)]);
      over.abort();
    }
    socket.destroy();
    await this.#closed;
  }
}

export type Connected = { step: StepResult; connection: ProbeConnection | null };

/**
 * Connects to one literal address (never to a name: one look-up must not hide behind another). Never rejects for the network.
 * Throws TypeError for what is no address.
 */
export function connectTo(
  peer: { address: string; port: number },
  timeoutMs: number,
  deps: ProbeDeps,
): Promise<Connected> {
  if (isIP(peer.address) === 0) throw new TypeError(`not a literal address: ${peer.address}`);
  const { clock } = deps;
  return new Promise((resolve) => {
    const begun = clock.monoMs();
    const socket = deps.connect({
      host: peer.address,
      port: peer.port,
      autoSelectFamily: false,
      noDelay: true,
      allowHalfOpen: true,
    });
    const done = (failure: Failure | null): void => {
      cancel();
      const step = { failure, ms: clock.monoMs() - begun };
      if (failure === null) resolve({ step, connection: new ProbeConnection(socket, peer, deps) });
      else {
        socket.once('close', () => resolve({ step, connection: null }));
        socket.destroy();
      }
    };
    const cancel = clock.setTimer(timeoutMs, () => done('generic_timeout_error'));
    socket.on('error', (error) => done(failureOf(error)));
    socket.once('connect', () => done(null));
  });
}

/** The socket's bytes as they are. Node's TLS over a stream of ours leaves the socket's own events to us. */
class Wire extends Duplex {
  readonly #socket: Socket;
  #splitAt: ((first: Buffer) => number) | null;

  constructor(socket: Socket, splitAt: ((first: Buffer) => number) | null) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#splitAt = splitAt;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('end', () => this.push(null));
    socket.once('error', () => this.push(null)); // the connection's `ended` names it
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const at = this.#splitAt?.(chunk) ?? 0;
    this.#splitAt = null;
    if (at <= 0 || at >= chunk.length) {
      this.#socket.write(chunk, done);
      return;
    }
    this.#socket.write(chunk.subarray(0, at), (error) => {
      if (error) done(error);
      else this.#socket.write(chunk.subarray(at), done);
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }
}
