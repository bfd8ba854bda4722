import { describe, expect, it } from 'vitest';
import { talk } from '../../test/fakes/stratum-talk.ts';
import { CryptonoteReader } from './cryptonote.ts';

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
