// One question to one resolver by UDP. The socket outlives the first answer: an injected one races the true one and wins.
import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../platform/clock.ts';
import { failureOf } from '../../stratum/failure-of.ts';
import type { Failure } from '../../wire/failure.ts';
import { decodeReply, encodeQuery, replyFailure, type DnsReply, type Family } from './dns-message.ts';

/** What a resolver answered. */
export interface DnsResult {
  addresses: string[];
  /** Of later answers to the same query that differ. */
  late: string[];
  failure: Failure | null;
  ms: number;
}

export interface UdpDeps {
  clock: Clock;
  udp: (type: 'udp4' | 'udp6') => Socket;
}

/** Asks and waits at most `timeoutMs`, then `lateMs` more for a second answer. Rejects only for a name that DNS cannot carry. */
export function askUdp(
  resolver: { address: string; port: number },
  question: { name: string; family: Family },
  limits: { timeoutMs: number; lateMs: number },
  { clock, udp }: UdpDeps,
): Promise<DnsResult> {
  return new Promise((resolve) => {
    const begun = clock.monoMs();
    const id = randomInt(0x10000);
    const query = encodeQuery(id, question.name, question.family);
    const socket = udp(isIPv6(resolver.address) ? 'udp6' : 'udp4');
    let first: { reply: DnsReply; ms: number } | null = null;
    /** Why what came was no answer; told when nothing better comes. */
    let oddity: Failure | null = null;
    const late: string[] = [];

    let isDone = false;
    const finish = (failure: Failure | null): void => {
      if (isDone) return;
      isDone = true;
      cancel();
      socket.close();
      const addresses = first?.reply.addresses ?? [];
      const why = first === null ? (oddity ?? failure) : replyFailure(first.reply);
      resolve({ addresses, late: late.slice(0, 16), failure: why, ms: first?.ms ?? clock.monoMs() - begun });
    };
    let cancel = clock.setTimer(limits.timeoutMs, () => finish('generic_timeout_error'));

    socket.on('error', (error) => {
      // An ICMP error after an answer says nothing more.
      if (first === null) finish(failureOf(error));
    });
    socket.on('message', (message) => {
      const reply = decodeReply(message);
      if (reply === null) oddity ??= 'dns_server_misbehaving';
      else if (reply.id !== id) oddity ??= 'dns_reply_with_wrong_query_id';
      else if (!asks(reply, question)) oddity ??= 'dns_server_misbehaving';
      else if (first === null) {
        first = { reply, ms: clock.monoMs() - begun };
        cancel();
        cancel = clock.setTimer(limits.lateMs, () => finish(null));
      } else {
        const { addresses } = first.reply;
        late.push(...reply.addresses.filter((address) => !addresses.includes(address) && !late.includes(address)));
      }
    });
    // Connected: only this resolver's datagrams come in, and its port-unreachable comes as an error.
    socket.once('connect', () => {
      if (isDone) return;
      socket.send(query, (error) => {
        if (error !== null && first === null) finish(failureOf(error));
      });
    });
    socket.connect(resolver.port, resolver.address);
  });
}

/** Whether the reply is to this question. */
export function asks(reply: DnsReply, question: { name: string; family: Family }): boolean {
  return reply.question.name === question.name.toLowerCase() && reply.question.family === question.family;
}
