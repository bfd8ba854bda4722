import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashesOfTarget } from '../target.ts';
import { BitcoinReader } from './bitcoin.ts';
import { CryptonoteReader } from './cryptonote.ts';
import { detectDialect } from './detect.ts';
import type { DialectReader, StratumEvent } from './dialect.ts';
import { errorOf, outcomeOf, parseMessage, type JsonObject } from './message.ts';

const DIFFICULTY_ONE_HASHES = hashesOfTarget(0xffffn << 208n) ?? 0;

/** Feeds a talk, `>` from the miner and `<` from the pool, and gives what the reader made of it. */
function talk(reader: DialectReader, lines: readonly string[]): StratumEvent[] {
  return lines.flatMap((line) => {
    const message = parseMessage(Buffer.from(line.slice(1)));
    if (message === null) return [];
    return line.startsWith('>') ? reader.fromMiner(message) : reader.fromPool(message);
  });
}

describe('detectDialect', () => {
  it.each([
    ['mining.subscribe', 'bitcoin'],
    ['mining.configure', 'bitcoin'],
    ['mining.authorize', 'bitcoin'],
    ['login', 'cryptonote'],
    ['mining.hello', undefined],
    ['eth_submitLogin', undefined],
    ['constructor', undefined],
    [7, undefined],
  ])('takes a first line with method %j as %s', (method, dialect) => {
    expect(detectDialect({ id: 1, method })?.dialect).toBe(dialect);
  });

  it('knows no dialect without JSON', () => {
    expect(detectDialect(null)).toBeNull();
  });
});

describe('BitcoinReader', () => {
  const opening = [
    '>{"id":1,"method":"mining.subscribe","params":["m/1"]}',
    '<{"id":1,"result":[[["mining.notify","a"]],"08000002",4],"error":null}',
    '>{"id":2,"method":"mining.authorize","params":["w.r","x"]}',
    '<{"id":2,"result":true,"error":null}',
  ];

  it('measures a share by the target that held when its job came', () => {
    const events = talk(new BitcoinReader(), [
      ...opening,
      '<{"id":null,"method":"mining.set_difficulty","params":[2]}',
      '<{"id":null,"method":"mining.notify","params":["a","00"]}',
      '<{"id":null,"method":"mining.set_difficulty","params":[8]}',
      '>{"id":3,"method":"mining.submit","params":["w.r","a","00","00","00"]}',
      '<{"id":null,"method":"mining.notify","params":["b","00"]}',
      '>{"id":4,"method":"mining.submit","params":["w.r","b","00","00","00"]}',
      '>{"id":5,"method":"mining.submit","params":["w.r","gone","00","00","00"]}',
    ]);
    expect(events.filter((e) => e.kind === 'submit')).toEqual([
      { kind: 'submit', id: 'n3', work_hashes: 2 * DIFFICULTY_ONE_HASHES },
      { kind: 'submit', id: 'n4', work_hashes: 8 * DIFFICULTY_ONE_HASHES },
      { kind: 'submit', id: 'n5', work_hashes: null },
    ]);
  });

  it('reads KawPow targets, and another difficulty 1 where the coin has one', () => {
    const target = `00000000ff${'0'.repeat(54)}`;
    const kawpow = talk(new BitcoinReader(), [`<{"id":null,"method":"mining.set_target","params":["${target}"]}`]);
    expect(kawpow).toEqual([{ kind: 'target', work_hashes: hashesOfTarget(0xffn << 216n) }]);
    const other = talk(new BitcoinReader(0xffn << 216n), ['<{"method":"mining.set_difficulty","params":[1]}']);
    expect(other).toEqual(kawpow);
  });

  it('never keeps an old target when the new one cannot be read', () => {
    const events = talk(new BitcoinReader(), [
      '<{"method":"mining.set_difficulty","params":[2]}',
      '<{"method":"mining.set_difficulty","params":["2"]}',
      '<{"method":"mining.notify","params":["a"]}',
      '>{"id":3,"method":"mining.submit","params":["w","a"]}',
    ]);
    expect(events.at(-1)).toEqual({ kind: 'submit', id: 'n3', work_hashes: null });
  });

  it('tells login, refusal and answers apart, and keeps ids 1 and "1" apart', () => {
    const login = talk(new BitcoinReader(), opening).filter((e) => e.kind === 'login');
    expect(login).toEqual([{ kind: 'login', isAccepted: true, detail: '' }]);
    const refused = talk(new BitcoinReader(), [
      '>{"id":2,"method":"mining.authorize","params":["w","x"]}',
      '<{"id":2,"result":null,"error":[24,"Unauthorized worker",null]}',
      '<{"id":"2","result":true,"error":null}',
    ]);
    expect(refused).toEqual([
      { kind: 'login', isAccepted: false, detail: 'Unauthorized worker' },
      { kind: 'answer', id: 's2', outcome: 'accepted' },
    ]);
  });

  it('puts the own login into authorize, and into submits of the user that it replaced', () => {
    const reader = new BitcoinReader();
    const own = { login: 'own', password: null };
    const before = { id: 3, method: 'mining.submit', params: ['w', 'job'] };
    expect(reader.withLogin(before, own)).toBeNull();
    const authorize = { id: 2, method: 'mining.authorize', params: ['w', 'p'], extra: 1 };
    expect(reader.withLogin(authorize, own)).toEqual({ ...authorize, params: ['own', 'p'] });
    expect(reader.withLogin(authorize, { login: 'own', password: 'q' })).toMatchObject({ params: ['own', 'q'] });
    expect(reader.withLogin(before, own)).toEqual({ ...before, params: ['own', 'job'] });
    expect(reader.withLogin({ id: 1, method: 'mining.subscribe', params: ['w'] }, own)).toBeNull();
    const fresh = new BitcoinReader();
    expect(fresh.withLogin(authorize, { login: null, password: 'q' })).toMatchObject({
      params: [authorize.params[0], 'q'],
    });
    expect(fresh.withLogin(before, { login: null, password: 'q' })).toBeNull();
  });
});

describe('CryptonoteReader', () => {
  const talkOfMonero = [
    '>{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"w","pass":"x","agent":"a"}}',
    '<{"id":1,"jsonrpc":"2.0","error":null,"result":{"id":"s","job":{"blob":"00","job_id":"j1","target":"ffffff00"},"status":"OK"}}',
    '>{"id":2,"jsonrpc":"2.0","method":"submit","params":{"id":"s","job_id":"j1","nonce":"0","result":"0"}}',
    '<{"jsonrpc":"2.0","method":"job","params":{"blob":"00","job_id":"j2","target":"0000000000000001"}}',
    '<{"id":2,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}',
    '>{"id":3,"jsonrpc":"2.0","method":"submit","params":{"id":"s","job_id":"j2","nonce":"0","result":"0"}}',
    '<{"id":3,"jsonrpc":"2.0","error":{"code":-1,"message":"Block expired"}}',
    '>{"id":4,"jsonrpc":"2.0","method":"keepalived","params":{"id":"s"}}',
    '<{"id":4,"jsonrpc":"2.0","error":null,"result":{"status":"KEEPALIVED"}}',
  ];

  it('reads a session', () => {
    expect(talk(new CryptonoteReader(), talkOfMonero)).toMatchObject([
      { kind: 'login', isAccepted: true },
      { kind: 'target', work_hashes: expect.closeTo(256, 3) as number },
      { kind: 'submit', id: 'n2', work_hashes: expect.closeTo(256, 3) as number },
      { kind: 'target', work_hashes: 256 },
      { kind: 'answer', id: 'n2', outcome: 'accepted' },
      { kind: 'submit', id: 'n3', work_hashes: 256 },
      { kind: 'answer', id: 'n3', outcome: 'stale' },
      { kind: 'answer', id: 'n4', outcome: 'rejected' },
    ]);
  });

  it('sees a refused login', () => {
    const events = talk(new CryptonoteReader(), [
      '>{"id":1,"method":"login","params":{"login":"w"}}',
      '<{"id":1,"error":{"code":-1,"message":"Invalid address"}}',
    ]);
    expect(events).toEqual([{ kind: 'login', isAccepted: false, detail: 'Invalid address' }]);
  });

  it('replaces the login and nothing else', () => {
    const login = { id: 1, method: 'login', params: { login: 'w', pass: 'x', agent: 'a' } };
    const own = { login: 'own', password: 'p' };
    const params = { login: 'own', pass: 'p', agent: 'a' };
    expect(new CryptonoteReader().withLogin(login, own)).toEqual({ ...login, params });
    expect(new CryptonoteReader().withLogin({ id: 2, method: 'submit', params: { id: 's' } }, own)).toBeNull();
  });
});

describe('messages', () => {
  it.each([
    ['{"result":true,"error":null}', 'accepted'],
    ['{"result":{"status":"OK"}}', 'accepted'],
    ['{"result":null,"error":[21,"Job not found",null]}', 'stale'],
    ['{"result":null,"error":{"code":21,"message":""}}', 'stale'],
    ['{"result":false,"error":"Stale share"}', 'stale'],
    ['{"result":false,"reject-reason":"stale"}', 'stale'],
    ['{"result":null,"error":[23,"Low difficulty share",null]}', 'rejected'],
    ['{"result":false}', 'rejected'],
    ['{"result":{"status":7}}', 'rejected'],
    ['{"result":"true"}', 'rejected'],
  ])('%s is %s', (line, outcome) => {
    expect(outcomeOf(parseMessage(Buffer.from(line)) ?? {})).toBe(outcome);
  });

  it('sees no error where pools write an empty one', () => {
    for (const error of [null, false, '', []]) expect(errorOf({ error })).toBeNull();
  });

  it('never throws, whatever is in the lines', () => {
    const names = ['mining.submit', 'mining.authorize', 'mining.set_difficulty', 'mining.set_target', 'mining.notify'];
    const method = fc.oneof(fc.constantFrom(...names, 'login', 'submit', 'job', '__proto__'), fc.jsonValue());
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(1e308, -0, 1e-320, '__proto__', { __proto__: 1 }));
    const message = fc.record({ id: value, method, params: value, result: value, error: value }, { requiredKeys: [] });
    const own = { login: 'own', password: null };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), message), { maxLength: 20 }), (messages) => {
        for (const reader of [new BitcoinReader(), new CryptonoteReader()]) {
          for (const [isMiner, content] of messages) {
            const events = isMiner ? reader.fromMiner(content) : reader.fromPool(content as JsonObject);
            reader.withLogin(content, own);
            for (const e of events) if ('work_hashes' in e) expect(Number.isNaN(e.work_hashes)).toBe(false);
          }
        }
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseMessage(Buffer.from(bytes))));
  });
});
