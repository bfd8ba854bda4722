import { describe, expect, it } from 'vitest';
import { outcomesOf, sharesOf, talk } from '../../test/fakes/stratum-talk.ts';
import { BITCOIN_DIFFICULTY_ONE, hashesOfTarget } from '../target.ts';
import { EthereumStratum2Reader } from './ethereumstratum2.ts';
import { EthproxyReader } from './ethproxy.ts';

describe('EthereumStratum/2.0.0', () => {
  const session = [
    '>{"id":0,"method":"mining.hello","params":{"agent":"m","host":"pool.example","port":"4d2","proto":"EthereumStratum/2.0.0"}}',
    '<{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain","resume":"0","timeout":"b4","maxerrors":"5","node":"n"}}',
    '>{"id":1,"method":"mining.subscribe"}',
    '<{"id":1,"result":"s-12345"}',
    '>{"id":2,"method":"mining.authorize","params":["w.r","x"]}',
    '<{"id":2,"result":"w-123"}',
  ];
  const notify = (job: string): string => `<{"method":"mining.notify","params":["${job}","6526d5","645cf201","0"]}`;
  const submit = (id: number, job: string): string =>
    `>{"id":${id},"method":"mining.submit","params":["${job}","68765fccd712","w-123"]}`;

  it('takes a target for the next jobs, with or without its leading zeros', () => {
    const target = '0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba';
    const events = talk(new EthereumStratum2Reader(), [
      ...session,
      `<{"method":"mining.set","params":{"epoch":"dc","target":"${target}","algo":"ethash","extranonce":"af4c"}}`,
      notify('a'),
      '<{"method":"mining.set","params":{"target":"0000000100000000000000000000000000000000000000000000000000000000"}}',
      '<{"method":"mining.set","params":{"extranonce":"af4d"}}',
      submit(3, 'a'),
      notify('b'),
      submit(4, 'b'),
    ]);
    expect(events.slice(0, 2)).toEqual([
      { kind: 'login', isAccepted: true, detail: '' },
      { kind: 'target', work_hashes: hashesOfTarget(BigInt(`0x${target}`)) },
    ]);
    expect(sharesOf(events)).toEqual([hashesOfTarget(BigInt(`0x${target}`)), 2 ** 32]);
  });

  it('assumes the boundary of the standard before one is set', () => {
    const events = talk(new EthereumStratum2Reader(), [...session, notify('a'), submit(3, 'a')]);
    expect(sharesOf(events)).toEqual([hashesOfTarget(BITCOIN_DIFFICULTY_ONE)]);
  });

  it('reads answers by the standard’s codes', () => {
    const answers = [
      '{"id":3}',
      '{"id":3,"result":true}',
      '{"id":3,"result":false}',
      '{"id":3,"error":{"code":202,"message":"Stale"}}',
      '{"id":3,"error":{"code":404,"message":"Job not found"}}',
      '{"id":3,"error":{"code":220,"message":"Enhance your calm"}}',
      '{"id":3,"error":{"code":406,"message":"Bad nonce"}}',
      '{"id":3,"error":{"code":500,"message":"Server error"}}',
    ];
    const events = talk(
      new EthereumStratum2Reader(),
      answers.flatMap((answer) => [submit(3, 'a'), `<${answer}`]),
    );
    expect(outcomesOf(events)).toEqual([
      ...['accepted', 'accepted', 'rejected', 'stale', 'stale'],
      ...['accepted', 'rejected', 'rejected'],
    ]);
  });

  it('counts neither a hashrate report nor a noop, and sees a refused worker', () => {
    const events = talk(new EthereumStratum2Reader(), [
      '>{"id":2,"method":"mining.authorize","params":["w.bad name","x"]}',
      '<{"id":2,"error":{"code":215,"message":"Invalid Worker Name"}}',
      '>{"id":16,"method":"mining.hashrate","params":["500000","w-123"]}',
      '<{"id":16}',
      '>{"id":50,"method":"mining.noop"}',
      '<{"id":50}',
      '<{"method":"mining.reconnect","params":{"host":"someotherhost.com","port":"d80","resume":"1"}}',
    ]);
    expect(events).toEqual([
      { kind: 'login', isAccepted: false, detail: 'Invalid Worker Name' },
      { kind: 'reconnect', host: 'someotherhost.com', port: 0xd80 },
    ]);
  });

  it('replaces the login in authorize alone: a submit begins with the job', () => {
    const reader = new EthereumStratum2Reader();
    const authorize = { id: 2, method: 'mining.authorize', params: ['w', 'x'] };
    const own = { login: 'own', password: 'p' };
    expect(reader.withLogin(authorize, own)).toEqual({ ...authorize, params: ['own', 'p'] });
    expect(reader.withLogin({ id: 3, method: 'mining.submit', params: ['w', '00', 'w-1'] }, own)).toBeNull();
  });
});

describe('ethproxy', () => {
  const header = (n: number): string => `0x${n.toString(16).repeat(64)}`;
  const job = (id: number, n: number, target: string): string =>
    `<{"id":${id},"jsonrpc":"2.0","result":["${header(n)}","0xabad","${target}"]}`;
  const submit = (id: number, n: number): string =>
    `>{"id":${id},"jsonrpc":"2.0","method":"eth_submitWork","params":["0x01","${header(n).toUpperCase().replace('X', 'x')}","0x02"]}`;
  const login = '>{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","worker":"rig","params":["0xabc"]}';

  it('reads asked and pushed jobs, and measures a share by its header hash', () => {
    const events = talk(new EthproxyReader(), [
      login,
      '<{"id":1,"jsonrpc":"2.0","result":true}',
      '>{"id":5,"jsonrpc":"2.0","method":"eth_getWork","params":[]}',
      // open-ethereum-pool writes the number without leading zeros.
      job(5, 0xa, '0x0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ba'),
      job(0, 0xb, '0x0000000100000000000000000000000000000000000000000000000000000000'),
      submit(40, 0xb),
      submit(41, 0xa),
      submit(42, 0xc),
      job(0, 0xd, 'none'),
      submit(43, 0xd),
    ]);
    expect(events[0]).toEqual({ kind: 'login', isAccepted: true, detail: '' });
    const first = hashesOfTarget(0x0112e0be826d694b2e62d01511f12a6061fbaec8bc02357593e70e52ban);
    expect(sharesOf(events)).toEqual([2 ** 32, first, null, null]);
  });

  it('tells the answers apart when the miner gives everything one id', () => {
    const events = talk(new EthproxyReader(), [
      login.replace('"id":1', '"id":0'),
      job(0, 0xa, '0x0000000100000000000000000000000000000000000000000000000000000000'),
      '<{"id":0,"jsonrpc":"2.0","error":{"code":-1,"message":"Invalid login"}}',
      submit(0, 0xa),
      '>{"id":0,"method":"eth_submitHashrate","params":["0x500000","0x1"]}',
      submit(0, 0xa),
      submit(0, 0xa),
      '<{"id":0,"jsonrpc":"2.0","result":false,"error":{"code":22,"message":"Duplicate share"}}',
      '<{"id":0,"jsonrpc":"2.0","result":true}',
      '<{"id":0,"jsonrpc":"2.0","result":true}',
      '<{"id":0,"jsonrpc":"2.0","result":false}',
    ]);
    expect(events.filter((e) => e.kind === 'login')).toEqual([
      { kind: 'login', isAccepted: false, detail: 'Invalid login' },
    ]);
    expect(outcomesOf(events)).toEqual(['rejected', 'accepted', 'rejected']);
  });

  it('replaces the wallet and keeps the worker’s name', () => {
    const message = { id: 1, method: 'eth_submitLogin', worker: 'rig', params: ['0xabc'] };
    const reader = new EthproxyReader();
    expect(reader.withLogin(message, { login: '0xown', password: null })).toEqual({ ...message, params: ['0xown'] });
    expect(reader.withLogin(message, { login: null, password: 'p' })).toEqual({ ...message, params: ['0xabc', 'p'] });
    const submitted = { id: 2, method: 'eth_submitWork', worker: 'rig', params: ['0x1', '0x2', '0x3'] };
    expect(reader.withLogin(submitted, { login: '0xown', password: 'p' })).toBeNull();
  });
});
