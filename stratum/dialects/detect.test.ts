import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DIALECTS } from '../../wire/dialect.ts';
import { algoProfile } from '../algos.ts';
import { ReadAlong } from '../read-along.ts';
import { BITCOIN_DIFFICULTY_ONE } from '../target.ts';
import { detectDialect, type DialectHint } from './detect.ts';
import type { StratumEvent } from './dialect.ts';
import { parseMessage, type JsonObject } from './message.ts';

/** One way to begin for each dialect that is read. */
const OPENINGS: [JsonObject, DialectHint][] = [
  [{ id: 1, method: 'mining.subscribe', params: ['m'] }, algoProfile('kawpow')],
  [{ id: 1, method: 'mining.subscribe', params: ['m'] }, algoProfile('autolykos2')],
  [{ id: 1, method: 'mining.subscribe', params: ['m', 'EthereumStratum/1.0.0'] }, algoProfile('etchash')],
  [{ id: 1, method: 'mining.subscribe', params: ['m', 'EthereumStratum/1.0.0'] }, algoProfile('kaspa')],
  [{ id: 1, method: 'mining.subscribe', params: ['m', null, 'h', 1] }, algoProfile('equihash125_4')],
  [{ id: 0, method: 'mining.hello', params: {} }, algoProfile('ethash')],
  [{ id: 1, method: 'eth_submitLogin', params: ['0x1'] }, algoProfile('etchash')],
  [{ id: 1, method: 'login', params: { login: 'w' } }, algoProfile('rx/0')],
];

describe('detectDialect', () => {
  it.each([
    ['mining.subscribe', 'bitcoin'],
    ['mining.configure', 'bitcoin'],
    ['mining.authorize', 'bitcoin'],
    ['login', 'cryptonote'],
    ['mining.hello', 'ethereumstratum2'],
    ['eth_submitLogin', 'ethproxy'],
    ['eth_getWork', 'ethproxy'],
    ['getblocktemplate', undefined],
    ['constructor', undefined],
    [7, undefined],
  ])('takes a first line with method %j as %s', (method, dialect) => {
    expect(detectDialect({ id: 1, method })?.dialect).toBe(dialect);
  });

  it.each([
    [['m', 'EthereumStratum/1.0.0'], 'etchash', 'ethereumstratum1'],
    [['m', 'EthereumStratum/1.0.0'], 'kheavyhash', 'kaspa'],
    [['m', 'EthereumStratum/1.0.0'], 'nexapow', 'ethereumstratum1'],
    [['m'], 'kheavyhash', 'kaspa'],
    [['m', null, 'pool.example', 3333], 'equihash144_5', 'equihash'],
    // KawPow miners name host and port as well (NiceHash's KawPow document).
    [['m', null, 'pool.example', '4505'], 'kawpow', 'bitcoin'],
    [['m'], 'etchash', 'bitcoin'],
    [['m'], 'autolykos2', 'bitcoin'],
    [['m'], 'nexapow', 'bitcoin'],
    [['m'], 'octopus', undefined],
  ])('takes mining.subscribe %j of %s as %s', (params, algo, dialect) => {
    expect(detectDialect({ id: 1, method: 'mining.subscribe', params }, algoProfile(algo))?.dialect).toBe(dialect);
  });

  it('goes by what the miner says where that is plain, whatever the algorithm', () => {
    expect(detectDialect({ method: 'login' }, algoProfile('sha256d'))?.dialect).toBe('cryptonote');
    expect(detectDialect({ method: 'mining.hello' }, algoProfile('kawpow'))?.dialect).toBe('ethereumstratum2');
  });

  it('knows no dialect without JSON, nor in a protocol that is none of ours', () => {
    expect(detectDialect(null)).toBeNull();
    expect(detectDialect({ method: 'login', params: { api_key: 'k' } }, algoProfile('BEAM-III'))).toBeNull();
  });

  it('has a reader for every dialect of the wire', () => {
    const read = OPENINGS.map(([first, hint]) => detectDialect(first, hint)?.dialect);
    expect(new Set([...read, 'unknown'])).toEqual(new Set(DIALECTS));
  });
});

/** JSON that looks like stratum, and JSON that does not. */
const hostile = ((): fc.Arbitrary<JsonObject> => {
  const names = ['submit', 'authorize', 'set_difficulty', 'set_target', 'notify', 'set', 'reconnect', 'hello'];
  const others = ['login', 'submit', 'job', 'eth_submitWork', 'eth_submitLogin', 'eth_getWork', 'set_extranonce'];
  const method = fc.oneof(
    fc.constantFrom(...names.map((name) => `mining.${name}`), ...others, 'client.reconnect', '__proto__'),
    fc.jsonValue(),
  );
  const odd = fc.constantFrom(1e308, -0, 1e-320, 1, '9'.repeat(78), '0xff', 'ff'.repeat(32), '__proto__', {
    __proto__: 1,
  });
  const value = fc.oneof(
    fc.jsonValue(),
    odd,
    fc.array(odd, { maxLength: 8 }),
    fc.record({ target: odd, job_id: odd, job: odd }),
  );
  return fc.record({ id: value, method, params: value, result: value, error: value }, { requiredKeys: [] });
})();

describe('every reader', () => {
  it('never throws and never counts a number that is none, whatever is in the lines', () => {
    const own = { login: 'own', password: null };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), hostile), { maxLength: 20 }), (messages) => {
        for (const [first, hint] of OPENINGS) {
          const reader = detectDialect(first, hint);
          for (const [isMiner, content] of messages) {
            const events = isMiner ? reader?.fromMiner(content) : reader?.fromPool(content);
            reader?.withLogin(content, own);
            for (const e of events ?? []) {
              const work = 'work_hashes' in e ? e.work_hashes : null;
              expect(work === null || (Number.isFinite(work) && work > 0)).toBe(true);
            }
          }
        }
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseMessage(Buffer.from(bytes))));
  });

  it('makes the same of a connection however its bytes are cut', () => {
    const line = fc.oneof(
      hostile.map((message) => JSON.stringify(message)),
      fc.string().map((text) => text.replaceAll('\n', ' ')),
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
    const talk = fc.array(fc.tuple(fc.boolean(), line), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...OPENINGS), talk, cuts, (opening, lines, sizes) => {
        const [whole, cut] = [readThrough(opening, lines, null), readThrough(opening, lines, sizes)];
        expect(cut).toEqual(whole);
        expect(whole.sent).toBe(
          [JSON.stringify(opening[0]), ...lines.flatMap(([m, l]) => (m ? [l] : []))].join('\n') + '\n',
        );
      }),
    );
  });
});

/** What a connection's reader says, and what goes on to the pool, with each line whole or cut into pieces of these sizes. */
function readThrough(
  [first, hint]: [JsonObject, DialectHint],
  lines: readonly [boolean, string][],
  sizes: readonly number[] | null,
): { events: (StratumEvent | string)[]; sent: string } {
  const events: (StratumEvent | string)[] = [];
  let sent = '';
  const reading = new ReadAlong({
    login: null,
    hint,
    onDialect: (dialect) => events.push(dialect),
    onEvent: (event) => events.push(event),
  });
  let turn = 0;
  for (const [isMiner, text] of [[true, JSON.stringify(first)] as const, ...lines]) {
    const bytes = Buffer.from(`${text}\n`);
    for (let at = 0; at < bytes.length;) {
      const size = sizes?.[turn % sizes.length] ?? bytes.length;
      const chunk = bytes.subarray(at, at + size);
      if (isMiner) reading.fromMiner(chunk, (out) => (sent += out.toString()));
      else reading.fromPool(chunk);
      at += size;
      turn += 1;
    }
  }
  return { events, sent };
}

it('counts a Bitcoin pool’s work where no algorithm is named', () => {
  const reader = detectDialect({ method: 'mining.subscribe' });
  const [event] = reader?.fromPool({ method: 'mining.set_difficulty', params: [1] }) ?? [];
  expect(event).toMatchObject({
    kind: 'target',
    work_hashes: expect.closeTo(Number(2n ** 256n / BITCOIN_DIFFICULTY_ONE), -1) as number,
  });
});
