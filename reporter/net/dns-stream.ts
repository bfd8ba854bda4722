// DNS over TCP/53, and over HTTPS (RFC 8484) on one connection per operator and run: a handshake for every name would be most of
// a run's bytes.
import { randomInt } from 'node:crypto';
import type * as https from 'node:https';
import { isIPv6, type LookupFunction, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { pinMatches } from '../../platform/http.ts';
import { connectTo, type ProbeDeps } from '../../stratum/probe/connection.ts';
import { failureOf } from '../../stratum/failure-of.ts';
import type { Failure } from '../../wire/failure.ts';
import { decodeReply, encodeQuery, replyFailure, type Family } from './dns-message.ts';
import { asks, type DnsResult } from './dns-udp.ts';
import type { DohResolver } from './profile.ts';

interface Question {
  name: string;
  family: Family;
}

/** DNS messages have a length of two bytes. */
const MESSAGE_MAX_BYTES = 65_535;

/** Asks by TCP, one question per connection. Never rejects. */
export async function askTcp(
  resolver: { address: string; port: number },
  question: Question,
  timeoutMs: number,
  deps: ProbeDeps,
): Promise<DnsResult> {
  const begun = deps.clock.monoMs();
  const result = (failure: Failure | null, addresses: string[] = []): DnsResult => {
    return { addresses, late: [], failure, ms: deps.clock.monoMs() - begun };
  };
  const { step, connection } = await connectTo(resolver, timeoutMs, deps);
  if (connection === null) return result(step.failure);
  const id = randomInt(0x10000);
  const query = encodeQuery(id, question.name, question.family);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  const stream = connection.stream();
  let bytes = Buffer.alloc(0);
  const message = new Promise<Buffer | Failure>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      if (bytes.length > MESSAGE_MAX_BYTES) return;
      bytes = Buffer.concat([bytes, chunk]);
      const wanted = bytes.length >= 2 ? bytes.readUInt16BE(0) : Infinity;
      if (bytes.length >= 2 + wanted) resolve(bytes.subarray(2, 2 + wanted));
    });
    void connection.ended.then((failure) => setImmediate(() => resolve(failure)));
  });
  stream.write(Buffer.concat([length, query]));
  const left = Math.max(0, timeoutMs - (deps.clock.monoMs() - begun));
  const { value } = await connection.wait(message, { ack_ms: left, timeout_ms: left });
  const answer = value ?? 'generic_timeout_error';
  const done = typeof answer === 'string' ? result(answer) : result(...judged(answer, id, question));
  await connection.close(Math.min(timeoutMs, 500));
  return done;
}

function judged(message: Buffer, id: number | null, question: Question): [Failure | null, string[]] {
  const reply = decodeReply(message);
  if (reply === null || !asks(reply, question)) return ['dns_server_misbehaving', []];
  if (id !== null && reply.id !== id) return ['dns_reply_with_wrong_query_id', []];
  return [replyFailure(reply), reply.addresses];
}

/** One operator's DoH, with one kept connection. */
export class DohClient {
  readonly resolver: DohResolver;
  readonly #agent: https.Agent;
  readonly #deps: Pick<ProbeDeps, 'clock'>;
  readonly #https: typeof https;
  /** Connections whose key is looked at when they are up. */
  readonly #checked = new WeakSet<Socket>();

  constructor(resolver: DohResolver, deps: Pick<ProbeDeps, 'clock'>) {
    this.resolver = resolver;
    this.#deps = deps;
    this.#https = process.getBuiltinModule('node:https');
    const { address } = resolver;
    const lookup: LookupFunction = (_host, options, done) => {
      const family = isIPv6(address ?? '') ? 6 : 4;
      // Not at once: a connection that fails before the agent has handed it out would have nobody who hears its error.
      setImmediate(() => {
        if (options.all === true) done(null, [{ address: address ?? '', family }]);
        else done(null, address ?? '', family);
      });
    };
    this.#agent = new this.#https.Agent({
      keepAlive: true,
      maxSockets: 1,
      autoSelectFamily: false,
      // Small enough for one packet, which a hello with a post-quantum key is not.
      ecdhCurve: 'X25519:P-256',
      ...(address === null ? {} : { lookup }),
      ...(resolver.pin === null ? {} : { rejectUnauthorized: false }),
    });
  }

  /** Never rejects. */
  async ask(question: Question, timeoutMs: number): Promise<DnsResult> {
    const { clock } = this.#deps;
    const begun = clock.monoMs();
    let outcome: [Failure | null, string[]];
    try {
      // RFC 8484 4.1: id 0, so that caches work.
      outcome = judged(await this.#post(encodeQuery(0, question.name, question.family), timeoutMs), null, question);
    } catch (error) {
      outcome = [error instanceof NamedFailure ? error.failure : failureOf(error), []];
    }
    return { addresses: outcome[1], late: [], failure: outcome[0], ms: clock.monoMs() - begun };
  }

  /** Ends the connection. */
  close(): void {
    this.#agent.destroy();
  }

  #post(query: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { pin, url } = this.resolver;
      const type = 'application/dns-message';
      const headers = { 'content-type': type, accept: type, 'content-length': String(query.length) };
      const request = this.#https.request(url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= MESSAGE_MAX_BYTES) chunks.push(chunk);
          else request.destroy(new Error('a DNS message has 64 KB at most'));
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks));
          else reject(new NamedFailure('http_unexpected_status_code'));
        });
      });
      const cancel = this.#deps.clock.setTimer(timeoutMs, () =>
        request.destroy(new DOMException('late', 'TimeoutError')),
      );
      request.once('error', reject);
      request.once('close', () => {
        cancel();
        reject(new NamedFailure('eof_error'));
      });
      request.once('socket', (socket: Socket) => {
        if (pin === null || this.#checked.has(socket)) return;
        this.#checked.add(socket);
        socket.once('secureConnect', () => {
          if (!pinMatches(socket as TLSSocket, [pin])) request.destroy(new NamedFailure('ssl_unknown_authority'));
        });
      });
      request.end(query);
    });
  }
}

/** A failure that already has its name. */
class NamedFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure);
    this.failure = failure;
  }
}
