import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReply, encodeQuery, replyFailure, type Family } from './dns-message.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const hostName = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const family = fc.constantFrom<Family>('A', 'AAAA');

interface Record {
  owner: Buffer;
  type: number;
  data: Buffer;
}

const POINTER_TO_QUESTION = Buffer.from([0xc0, 12]);

/** A reply to the query with these records. */
function replyTo(query: Buffer, records: readonly Record[], flags = 0x8180): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(records.length, 6);
  const answers = records.map(({ owner, type, data }) => {
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(type, 0);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt16BE(data.length, 8);
    return Buffer.concat([owner, fixed, data]);
  });
  return Buffer.concat([header, query.subarray(12), ...answers]);
}

const nameBytes = (name: string): Buffer => encodeQuery(0, name, 'A').subarray(12, -4);

describe('a DNS reply', () => {
  it('gives back the question and its addresses', () => {
    const quad = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(0xffff), hostName, fc.array(quad, { maxLength: 8 }), (id, name, quads) => {
        const records = quads.map((bytes) => ({ owner: POINTER_TO_QUESTION, type: 1, data: Buffer.from(bytes) }));
        const reply = decodeReply(replyTo(encodeQuery(id, name, 'A'), records));
        expect(reply).toMatchObject({ id, rcode: 0, question: { name, family: 'A' }, isTruncated: false });
        expect(reply?.addresses).toEqual([...new Set(quads.map((bytes) => bytes.join('.')))]);
      }),
    );
  });

  it('follows a chain of names, and takes no record of another one', () => {
    const query = encodeQuery(7, 'pool.example', 'A');
    const chain = [
      { owner: nameBytes('elsewhere.example'), type: 1, data: Buffer.from([192, 0, 2, 66]) },
      { owner: POINTER_TO_QUESTION, type: 5, data: nameBytes('eu.pool.example') },
      { owner: nameBytes('EU.pool.example'), type: 1, data: Buffer.from([192, 0, 2, 7]) },
    ];
    expect(decodeReply(replyTo(query, chain))?.addresses).toEqual(['192.0.2.7']);
  });

  it('spells IPv6 as RFC 5952 does', () => {
    const query = encodeQuery(7, 'pool.example', 'AAAA');
    const data = (hex: string) => [{ owner: POINTER_TO_QUESTION, type: 28, data: Buffer.from(hex, 'hex') }];
    const told = (hex: string) => decodeReply(replyTo(query, data(hex)))?.addresses;
    expect(told('20010db8000000000000000000000010')).toEqual(['2001:db8::10']);
    expect(told('00000000000000000000000000000001')).toEqual(['::1']);
    expect(told('20010db8000000010001000100010001')).toEqual(['2001:db8:0:1:1:1:1:1']);
  });

  it('is none where it is cut, loops, or is a query', () => {
    const query = encodeQuery(7, 'pool.example', 'A');
    const whole = replyTo(query, [{ owner: POINTER_TO_QUESTION, type: 1, data: Buffer.from([192, 0, 2, 7]) }]);
    for (let length = 0; length < whole.length; length++) expect(decodeReply(whole.subarray(0, length))).toBeNull();
    expect(decodeReply(query)).toBeNull();
    const loop = Buffer.from([0xc0, query.length]);
    expect(decodeReply(replyTo(query, [{ owner: loop, type: 1, data: Buffer.alloc(4) }]))).toBeNull();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeReply(Buffer.from(bytes))));
    fc.assert(
      fc.property(
        hostName,
        family,
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
        (name, type, damage) => {
          const data = Buffer.alloc(type === 'A' ? 4 : 16, 7);
          const reply = replyTo(encodeQuery(1, name, type), [
            { owner: POINTER_TO_QUESTION, type: type === 'A' ? 1 : 28, data },
          ]);
          for (const [at, byte] of damage) if (at < reply.length) reply[at] = byte;
          decodeReply(reply);
        },
      ),
    );
  });

  it('has a name for every way to say nothing', () => {
    const failure = (rcode: number) => replyFailure({ rcode, addresses: [] });
    expect([0, 1, 2, 3, 5].map(failure)).toEqual([
      ...['dns_no_answer', 'dns_server_misbehaving', 'dns_servfail_error', 'dns_nxdomain_error', 'dns_refused_error'],
    ]);
    expect(replyFailure({ rcode: 0, addresses: ['192.0.2.7'] })).toBeNull();
  });
});

it('refuses names that DNS cannot carry', () => {
  for (const name of ['', 'a..b', `${'x'.repeat(64)}.example`, 'пул.example', `${'x'.repeat(60)}.`.repeat(5)]) {
    expect(() => encodeQuery(1, name, 'A'), name).toThrow('not a host name');
  }
});
