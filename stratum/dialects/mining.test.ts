import { describe, expect, it } from 'vitest';
import { outcomesOf, sharesOf, talk } from '../../test/fakes/stratum-talk.ts';
import { algoProfile } from '../algos.ts';
import { BITCOIN_DIFFICULTY_ONE, hashesOfTarget } from '../target.ts';
import { bitcoinReader } from './bitcoin.ts';
import { detectDialect } from './detect.ts';
import type { DialectReader } from './dialect.ts';
import { equihashReader } from './equihash.ts';
import { ethereumStratum1Reader } from './ethereumstratum1.ts';
import { kaspaReader } from './kaspa.ts';

const DIFFICULTY_ONE_HASHES = hashesOfTarget(BITCOIN_DIFFICULTY_ONE) ?? 0;
const bitcoin = (): DialectReader => bitcoinReader(BITCOIN_DIFFICULTY_ONE);

const opening = [
  '>{"id":1,"method":"mining.subscribe","params":["m/1"]}',
  '<{"id":1,"result":[[["mining.notify","a"]],"08000002",4],"error":null}',
  '>{"id":2,"method":"mining.authorize","params":["w.r","x"]}',
  '<{"id":2,"result":true,"error":null}',
];

describe('bitcoin', () => {
  it('measures a share by the target that held when its job came', () => {
    const events = talk(bitcoin(), [
      ...opening,
      '<{"id":null,"method":"mining.set_difficulty","params":[2]}',
      '<{"id":null,"method":"mining.notify","params":["a","00"]}',
      '<{"id":null,"method":"mining.set_difficulty","params":[8]}',
      '>{"id":3,"method":"mining.submit","params":["w.r","a","00","00","00"]}',
      '<{"id":null,"method":"mining.notify","params":["b","00"]}',
      '>{"id":4,"method":"mining.submit","params":["w.r","b","00","00","00"]}',
      '>{"id":5,"method":"mining.submit","params":["w.r","gone","00","00","00"]}',
    ]);
    expect(events).toEqual([
      { kind: 'login', isAccepted: true, detail: '' },
      { kind: 'target', work_hashes: 2 * DIFFICULTY_ONE_HASHES },
      { kind: 'target', work_hashes: 8 * DIFFICULTY_ONE_HASHES },
      { kind: 'submit', id: 'n3', work_hashes: 2 * DIFFICULTY_ONE_HASHES },
      { kind: 'submit', id: 'n4', work_hashes: 8 * DIFFICULTY_ONE_HASHES },
      { kind: 'submit', id: 'n5', work_hashes: null },
    ]);
  });

  it('reads a KawPow session by its set_target', () => {
    const header = 'ab'.repeat(32);
    const target = `00000000ff${'0'.repeat(54)}`;
    const events = talk(bitcoin(), [
      '>{"id":1,"method":"mining.subscribe","params":["GMiner/2.09",null,"pool.example","4505"]}',
      '<{"id":1,"result":[null,"64290b"],"error":null}',
      '>{"id":2,"method":"mining.authorize","params":["w.r","x"]}',
      '<{"id":2,"result":true,"error":null}',
      `<{"id":null,"method":"mining.set_target","params":["${target}"]}`,
      `<{"id":null,"method":"mining.notify","params":["7e","${header}","${header}","${target}",true,3000000,"1b00ffff"]}`,
      `>{"id":3,"method":"mining.submit","params":["w.r","7e","0x64290b0000000001","0x${header}","0x${header}"]}`,
      '<{"id":3,"result":null,"error":[23,"kawpow share didn\'t meet job or block difficulty level",null]}',
    ]);
    // Difficulty 1 of the KawPow pools: 2^40/255 times 2^... = 4,311,810,305 hashes.
    expect(sharesOf(events)).toEqual([expect.closeTo(4_311_810_305, 0)]);
    expect(outcomesOf(events)).toEqual(['rejected']);
  });

  it('reads Ergo’s targets out of its jobs', () => {
    const b = (2n ** 256n / 5_000_000n).toString();
    const job = (id: string, target: string): string =>
      `<{"id":null,"method":"mining.notify","params":["${id}",1200000,"ab","","",2,"${target}","",true]}`;
    const submit = (job: string): string => `>{"id":4,"method":"mining.submit","params":["w.r","${job}","00","","00"]}`;
    const events = talk(bitcoinReader(algoProfile('AUTOLYKOS2').difficultyOne), [
      ...opening,
      '<{"id":null,"method":"mining.set_difficulty","params":[1]}',
      job('a', b),
      submit('a'),
      '<{"id":null,"method":"mining.set_difficulty","params":[240000]}',
      job('b', b),
      submit('b'),
      job('c', '9'.repeat(78)),
      submit('c'),
    ]);
    expect(sharesOf(events)).toEqual([expect.closeTo(5_000_000, 3), null, null]);
    expect(events).toContainEqual({ kind: 'target', work_hashes: expect.closeTo(5_000_000, 3) as number });
  });

  it('counts no work by set_difficulty where its base is not known', () => {
    const events = talk(bitcoinReader(null), [
      '<{"id":null,"method":"mining.set_difficulty","params":[2]}',
      '<{"id":null,"method":"mining.notify","params":["a","00"]}',
      '>{"id":3,"method":"mining.submit","params":["w.r","a"]}',
    ]);
    expect(events).toEqual([
      { kind: 'target', work_hashes: null },
      { kind: 'submit', id: 'n3', work_hashes: null },
    ]);
  });

  it('never keeps an old target when the new one cannot be read', () => {
    const events = talk(bitcoin(), [
      '<{"method":"mining.set_difficulty","params":[2]}',
      '<{"method":"mining.set_difficulty","params":["2"]}',
      '<{"method":"mining.notify","params":["a"]}',
      '>{"id":3,"method":"mining.submit","params":["w","a"]}',
    ]);
    expect(events.at(-1)).toEqual({ kind: 'submit', id: 'n3', work_hashes: null });
  });

  it('tells a refused login by its reason, and keeps ids 1 and "1" apart', () => {
    const refused = talk(bitcoin(), [
      '>{"id":"2","method":"mining.submit","params":["w","a"]}',
      '>{"id":2,"method":"mining.authorize","params":["w","x"]}',
      '<{"id":2,"result":null,"error":[24,"Unauthorized worker",null]}',
      '<{"id":"2","result":true,"error":null}',
    ]);
    expect(refused.slice(1)).toEqual([
      { kind: 'login', isAccepted: false, detail: 'Unauthorized worker' },
      { kind: 'answer', id: 's2', outcome: 'accepted' },
    ]);
  });

  it('takes no other answer for a share’s, though all ids are the same', () => {
    const events = talk(bitcoin(), [
      '>{"id":1,"method":"mining.subscribe","params":["m"]}',
      '>{"id":1,"method":"mining.authorize","params":["w","x"]}',
      '<{"id":1,"result":[[],"00",4],"error":null}',
      '<{"id":1,"result":true,"error":null}',
      '>{"id":1,"method":"mining.submit","params":["w","a"]}',
      '>{"id":1,"method":"eth_submitHashrate","params":["0x1","0x2"]}',
      '>{"id":1,"method":"mining.submit","params":["w","a"]}',
      '<{"id":1,"result":true,"error":null}',
      '<{"id":1,"result":true,"error":null}',
      '<{"id":1,"result":false,"error":[21,"Job not found",null]}',
      '<{"id":1,"result":true,"error":null}',
      '<{"id":9,"result":true,"error":null}',
    ]);
    expect(events.filter((e) => e.kind === 'login')).toEqual([{ kind: 'login', isAccepted: true, detail: '' }]);
    expect(outcomesOf(events)).toEqual(['accepted', 'stale']);
  });

  it('does not wait for answers that pools leave out, nor take the miner’s own answers for requests', () => {
    const events = talk(bitcoin(), [
      '>{"id":1,"method":"mining.extranonce.subscribe","params":[]}',
      '<{"id":1,"method":"client.get_version","params":[]}',
      '>{"id":1,"result":"m/1","error":null}',
      '>{"id":1,"method":"mining.submit","params":["w","a"]}',
      '<{"id":1,"result":true,"error":null}',
    ]);
    expect(outcomesOf(events)).toEqual(['accepted']);
  });

  it('puts the own login into authorize, and into submits of the user that it replaced', () => {
    const reader = bitcoin();
    const own = { login: 'own', password: null };
    const before = { id: 3, method: 'mining.submit', params: ['w', 'job'] };
    expect(reader.withLogin(before, own)).toBeNull();
    const authorize = { id: 2, method: 'mining.authorize', params: ['w', 'p'], extra: 1 };
    expect(reader.withLogin(authorize, own)).toEqual({ ...authorize, params: ['own', 'p'] });
    expect(reader.withLogin(authorize, { login: 'own', password: 'q' })).toMatchObject({ params: ['own', 'q'] });
    expect(reader.withLogin(before, own)).toEqual({ ...before, params: ['own', 'job'] });
    expect(reader.withLogin({ id: 1, method: 'mining.subscribe', params: ['w'] }, own)).toBeNull();
    const fresh = bitcoin();
    expect(fresh.withLogin(authorize, { login: null, password: 'q' })).toMatchObject({ params: ['w', 'q'] });
    expect(fresh.withLogin(before, { login: null, password: 'q' })).toBeNull();
  });

  it('tells where the pool sends the miner, and nothing that is no name', () => {
    const events = talk(bitcoin(), [
      '<{"id":null,"method":"client.reconnect","params":["other.example",3334,5]}',
      '<{"id":null,"method":"client.reconnect","params":["other.example","3334"]}',
      '<{"id":null,"method":"client.reconnect","params":[]}',
      '<{"id":null,"method":"client.reconnect","params":["evil\\nline",99999]}',
    ]);
    const there = { kind: 'reconnect', host: 'other.example', port: 3334 };
    const here = { kind: 'reconnect', host: null, port: null };
    expect(events).toEqual([there, there, here, here]);
  });
});

describe('EthereumStratum/1.0.0', () => {
  // The talk of NiceHash's specification, section IV.
  const session = [
    '>{"id":1,"method":"mining.subscribe","params":["EthereumMiner/1.0.0","EthereumStratum/1.0.0"]}',
    '<{"id":1,"result":[["mining.notify","ae6812eb4cd7735a302a8a9dd95cf71f","EthereumStratum/1.0.0"],"a2eea0"],"error":null}',
    '>{"id":2,"method":"mining.authorize","params":["test","password"]}',
    '<{"id":2,"result":true,"error":null}',
  ];
  const job = '<{"id":null,"method":"mining.notify","params":["bf0488aa","abad8f99","fc12eb20",true]}';
  const submit = '>{"id":3,"method":"mining.submit","params":["test","bf0488aa","cfae7df760"]}';

  it('reads a difficulty below 1, and difficulty 1 before the first is set', () => {
    const reader = (): DialectReader => ethereumStratum1Reader(algoProfile('etchash').difficultyOne);
    const set = '<{"id":null,"method":"mining.set_difficulty","params":[0.5]}';
    const stale = '<{"id":3,"result":false,"error":[-1,"Job not found",null]}';
    const events = talk(reader(), [...session, set, job, submit, stale]);
    expect(sharesOf(events)).toEqual([DIFFICULTY_ONE_HASHES / 2]);
    expect(outcomesOf(events)).toEqual(['stale']);
    const silent = talk(reader(), [...session, job, submit]);
    expect(sharesOf(silent)).toEqual([DIFFICULTY_ONE_HASHES]);
    expect(silent).toContainEqual({ kind: 'target', work_hashes: DIFFICULTY_ONE_HASHES });
  });

  it('proves no work for an algorithm whose difficulty is not known', () => {
    expect(sharesOf(talk(ethereumStratum1Reader(null), [...session, job, submit]))).toEqual([null]);
  });
});

describe('kaspa', () => {
  it('reads a bridge’s session: a base of its own, and an answer that is a push', () => {
    const first = { id: 1, method: 'mining.subscribe', params: ['lolMiner 1.76', 'EthereumStratum/1.0.0'] };
    const reader = detectDialect(first, algoProfile('KHEAVYHASH'));
    expect(reader?.dialect).toBe('kaspa');
    const events = talk(reader ?? kaspaReader(null), [
      `>${JSON.stringify(first)}`,
      '<{"id":1,"method":"set_extranonce","params":["0029",6]}',
      '>{"id":2,"method":"mining.authorize","params":["kaspa:qq.rig","x"]}',
      '<{"id":2,"jsonrpc":"2.0","result":true,"error":null}',
      '<{"jsonrpc":"2.0","method":"mining.set_difficulty","params":[4]}',
      '<{"id":1,"jsonrpc":"2.0","method":"mining.notify","params":["1",[1,2,3,4],1700000000]}',
      '>{"id":1,"method":"mining.submit","params":["kaspa:qq.rig","1","0x00290000000000ff"]}',
      '<{"id":1,"jsonrpc":"2.0","result":true,"error":null}',
    ]);
    expect(events).toEqual([
      { kind: 'login', isAccepted: true, detail: '' },
      { kind: 'target', work_hashes: 2 ** 34 },
      { kind: 'submit', id: 'n1', work_hashes: 2 ** 34 },
      { kind: 'answer', id: 'n1', outcome: 'accepted' },
    ]);
  });
});

describe('equihash', () => {
  it('reads ZIP-301: targets as big-endian numbers, and a set_difficulty as nothing', () => {
    const events = talk(equihashReader(), [
      '>{"id":1,"method":"mining.subscribe","params":["m/1",null,"pool.example",3333]}',
      '<{"id":1,"result":[null,"00ff"],"error":null}',
      '>{"id":2,"method":"mining.authorize","params":["t1.r","x"]}',
      '<{"id":2,"result":true,"error":null}',
      `<{"id":null,"method":"mining.set_target","params":["0080${'0'.repeat(60)}"]}`,
      '<{"id":null,"method":"mining.notify","params":["j1","04000000","aa","bb","cc","dd","ee",true]}',
      '>{"id":4,"method":"mining.submit","params":["t1.r","j1","dd","00","fd4005"]}',
      '<{"id":4,"result":null,"error":[22,"Duplicate share",null]}',
      '<{"id":null,"method":"mining.set_difficulty","params":[8]}',
    ]);
    expect(sharesOf(events)).toEqual([512]);
    expect(outcomesOf(events)).toEqual(['rejected']);
    expect(events.at(-1)).toEqual({ kind: 'target', work_hashes: null });
  });
});
