import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { workerTicketOf } from '../../test/fakes/frp-ticket.ts';
import { parseFrpTicket } from '../../wire/frp-names.ts';
import { mintToken } from '../tokens.ts';
import { checkTicket, staffTicket } from './tickets.ts';

const secret = createSecretKey(Buffer.alloc(32, 7));
const keys = {
  newest: { kid: 'k1', secret, created: '' },
  secretOf: (kid: string) => (kid === 'k1' ? secret : null),
};
const NOW = 1_790_000_000_000;
const EXPIRES_S = NOW / 1000 + 60;

const good = workerTicketOf(mintToken(keys, { worker: 'rig-1', expires_s: EXPIRES_S }));

describe('a ticket', () => {
  it('of a token of ours speaks for its worker until the token’s end', () => {
    expect(checkTicket({ user: 'rig-1', ticket: good }, keys, NOW)).toMatchObject({
      ok: true,
      holder: { role: 'worker', identity: { worker: 'rig-1', expires_s: EXPIRES_S } },
    });
    expect(checkTicket({ user: 'rig-1', ticket: good }, keys, EXPIRES_S * 1000)).toMatchObject({ fault: 'expired' });
  });

  it('of the owner and of the exporting frpc speaks for these', () => {
    for (const role of ['owner', 'egress'] as const) {
      const ticket = staffTicket(keys, role, EXPIRES_S);
      expect(checkTicket({ user: `_${role}`, ticket }, keys, NOW)).toEqual({ ok: true, holder: { role } });
      expect(checkTicket({ user: 'rig-1', ticket }, keys, NOW)).toEqual({
        ...{ ok: false, fault: 'foreign_user', worker: null },
      });
      expect(checkTicket({ user: `_${role}`, ticket }, keys, EXPIRES_S * 1000)).toMatchObject({ fault: 'expired' });
    }
    const asOwner = staffTicket(keys, 'egress', EXPIRES_S).replace('egress', 'owner');
    expect(checkTicket({ user: '_owner', ticket: asOwner }, keys, NOW)).toMatchObject({ fault: 'bad_secret' });
  });

  it.each([
    ['no_ticket', undefined, null],
    ['no_ticket', '', null],
    ['no_ticket', `${good}=`, null],
    ['unknown_kid', good.replace('k1', 'k2'), { name: 'rig-1', proven: false }],
    ['bad_secret', good.replace('rig-1', 'rig-2'), { name: 'rig-2', proven: false }],
    ['bad_secret', good.replace(String(EXPIRES_S), String(EXPIRES_S + 1)), { name: 'rig-1', proven: false }],
    ['bad_secret', `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`, { name: 'rig-1', proven: false }],
  ] as const)('is refused: %s', (fault, ticket, worker) => {
    expect(checkTicket({ user: 'rig-1', ticket }, keys, NOW)).toEqual({ ok: false, fault, worker });
  });

  it('of one worker is no other user’s', () => {
    for (const user of ['rig-2', '_owner', '_egress', '', 'RIG-1']) {
      expect(checkTicket({ user, ticket: good }, keys, NOW)).toEqual({
        ...{ ok: false, fault: 'foreign_user', worker: { name: 'rig-1', proven: true } },
      });
    }
    expect(parseFrpTicket(good)?.role).toBe('worker');
  });
});
