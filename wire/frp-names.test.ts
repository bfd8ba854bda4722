import { describe, expect, it } from 'vitest';
import { formatFrpTicket, parseFrpTicket, type FrpTicket } from './frp-names.ts';

const secret = 'A'.repeat(43);

describe('a ticket', () => {
  it.each<FrpTicket>([
    { role: 'worker', kid: 'k1', worker: 'rig-7', expires_s: 1_900_000_000, secret },
    { role: 'owner', kid: 'k1', expires_s: 1_900_000_000, secret },
    { role: 'egress', kid: 'k1', expires_s: 1_900_000_000, secret },
  ])('of role $role is read as it was written', (ticket) => {
    expect(parseFrpTicket(formatFrpTicket(ticket))).toEqual(ticket);
  });

  it.each(['', 'worker.k1.rig-7.0.x', `owner.k1.rig.1.${secret}`, `worker.k1._owner.1.${secret}`, `a.k1.1.${secret}`])(
    'of another form is none: %s',
    (text) => {
      expect(parseFrpTicket(text)).toBeNull();
    },
  );
});
