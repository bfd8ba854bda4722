import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { DIALECTS, type Dialect } from '../../wire/dialect.ts';
import { StratumStep } from '../../wire/reachability.ts';
import { firstRequest } from './first-request.ts';
import { classifyReply, isWholeReply, REPLY_MAX_BYTES } from './reply.ts';

const options = { host: 'pool.example', port: 3333, agent: 'spotrig-probe/1.0' };
const without = (dialect: Dialect) => firstRequest({ ...options, dialect, login: null });
const judged = (text: string, hasLogin = false) => classifyReply(Buffer.from(text), null, hasLogin);

describe('firstRequest', () => {
  it.each([
    ['bitcoin', '{"id":1,"method":"mining.subscribe","params":["spotrig-probe/1.0"]}'],
    ['ethereumstratum1', '{"id":1,"method":"mining.subscribe","params":["spotrig-probe/1.0","EthereumStratum/1.0.0"]}'],
    [
      'ethereumstratum2',
      '{"id":0,"method":"mining.hello","params":{"agent":"spotrig-probe/1.0","host":"pool.example","port":"d05","proto":"EthereumStratum/2.0.0"}}',
    ],
    ['ethproxy', '{"id":5,"jsonrpc":"2.0","method":"eth_getWork","params":[]}'],
    ['equihash', '{"id":1,"method":"mining.subscribe","params":["spotrig-probe/1.0",null,"pool.example",3333]}'],
    ['kaspa', '{"id":1,"method":"mining.subscribe","params":["spotrig-probe/1.0","EthereumStratum/1.0.0"]}'],
    ['cryptonote', '{"id":1,"jsonrpc":"2.0","method":"keepalived","params":{"id":""}}'],
  ] as const)('of %s needs no account', (dialect, line) => {
    expect(without(dialect)?.line).toBe(`${line}\n`);
  });

  it('is a short line that neither authorizes nor submits, and nothing for an unknown dialect', () => {
    for (const dialect of DIALECTS) {
      const request = without(dialect);
      expect(request?.line.length ?? 0).toBeLessThan(1024);
      expect(request?.line ?? '').not.toMatch(/authorize|submit|"login"/i);
    }
    expect(without('unknown')).toBeNull();
  });

  it('logs in by the owner’s own name where he gives one', () => {
    expect(firstRequest({ ...options, dialect: 'cryptonote', login: 'w' })).toMatchObject({
      method: 'login',
      hasLogin: true,
    });
    expect(firstRequest({ ...options, dialect: 'bitcoin', login: 'w' })).toMatchObject({ hasLogin: false });
  });
});

describe('classifyReply', () => {
  it.each([
    ['bitcoin', '{"id":1,"result":[[["mining.set_difficulty","s"],["mining.notify","s"]],"08000002",4],"error":null}'],
    ['kawpow', '{"id":1,"result":[null,"64290b"],"error":null}'],
    ['ethereumstratum1', '{"id":1,"result":[["mining.notify","s","EthereumStratum/1.0.0"],"08"],"error":null}'],
    [
      'ethereumstratum2',
      '{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"b4"}}',
    ],
    ['ethproxy', '{"id":5,"jsonrpc":"2.0","result":["0x01","0x02","0x03"]}'],
    ['ethproxy without work', '{"id":5,"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}'],
    ['equihash', '{"id":1,"result":[null,"0a0b"],"error":null}'],
    ['kaspa', '{"id":1,"result":[true,"EthereumStratum/1.0.0"],"error":null}'],
    ['kaspa of NiceHash', '{"id":1,"method":"set_extranonce","params":["0a0b",4]}'],
    ['cryptonote', '{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"Unauthenticated"}}'],
    ['not subscribed', '{"id":1,"result":null,"error":[25,"Not subscribed",null]}'],
    ['unknown method', '{"id":1,"result":null,"error":{"code":-3,"message":"Method not found"}}'],
  ])('takes the answer of a healthy pool (%s) as a proven path', (_, line) => {
    expect(judged(`${line}\n`)).toMatchObject({ reply: 'json', failure: null, first_bytes: line.slice(0, 64) });
  });

  it('sees a refused login, and only where one was tried', () => {
    for (const line of [
      '{"id":1,"error":[24,"Unauthorized worker",null]}',
      '{"id":1,"error":{"code":-1,"message":"Invalid address"}}',
    ]) {
      expect(judged(line, true)).toMatchObject({ reply: 'auth_error', failure: null });
      expect(judged(line, false)).toMatchObject({ reply: 'json', failure: null });
    }
  });

  it.each([
    '{"id":1,"jsonrpc":"2.0","error":{"code":-1,"message":"IP Address currently banned"}}',
    '{"id":1,"result":null,"error":{"code":403,"message":"Forbidden - Your IP address was banned (127.0.0.1)"}}',
  ])('sees a ban in %s', (line) => {
    expect(judged(`${line}\n`)).toMatchObject({ reply: 'ban', failure: null });
  });

  it('reads a page and where it leads', () => {
    const page = 'HTTP/1.1 302 Found\r\nLocation: http://Warn.example/x?y\r\nContent-Length: 0\r\n\r\n';
    expect(judged(page)).toMatchObject({
      reply: 'page',
      page: { status: 302, location_host: 'warn.example' },
      failure: 'http_unexpected_redirect_url',
    });
    expect(judged('HTTP/1.0 451 No\r\n\r\n')).toMatchObject({
      page: { status: 451, location_host: null },
      failure: 'http_unexpected_status_code',
    });
    expect(judged('<html><body>blocked</body></html>')).toMatchObject({ reply: 'page', page: null });
  });

  it('tells silence, a cut line and strange bytes apart', () => {
    expect(classifyReply(Buffer.alloc(0), 'eof_error', false)).toMatchObject({ reply: null, failure: 'eof_error' });
    expect(classifyReply(Buffer.from('{"id":1,"res'), 'connection_reset', false)).toMatchObject({
      reply: 'other',
      failure: 'connection_reset',
    });
    expect(classifyReply(Buffer.from('{"id":1,"result":true}'), 'eof_error', false)).toMatchObject({
      reply: 'json',
      failure: null,
    });
    expect(judged('220 mail.example ESMTP\r\n')).toMatchObject({ reply: 'other', failure: 'json_parse_error' });
    expect(judged('\u0000\u001b[2J\n').first_bytes).toBe('..[2J');
  });

  it('waits for a whole line, of a page for its head, and never for more than its limit', () => {
    expect(isWholeReply(Buffer.from('{"id":1'))).toBe(false);
    expect(isWholeReply(Buffer.from('{"id":1}\n'))).toBe(true);
    expect(isWholeReply(Buffer.from('HTTP/1.1 302 Found\r\nLocation: x\r\n'))).toBe(false);
    expect(isWholeReply(Buffer.from('HTTP/1.1 302 Found\r\n\r\n'))).toBe(true);
    expect(isWholeReply(Buffer.alloc(REPLY_MAX_BYTES, 0x20))).toBe(true);
  });

  it('makes a valid step of any bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.json().map((t) => Buffer.from(t)),
        ),
        (bytes) => {
          const reply = classifyReply(Buffer.from(bytes), 'generic_timeout_error', true);
          isWholeReply(Buffer.from(bytes));
          const step = { ms: 1, step: 'x', rx_raw_bytes: 0, tx_unacked_bytes: null, retransmits: null, ...reply };
          expect(z.safeParse(StratumStep, step).success).toBe(true);
        },
      ),
    );
  });
});
