// The tickets that frpc carries to the hook (wire/frp-names.ts), checked and made. A worker's is derived from its token's mac, which
// the key ring can make again; the owner's and the exporting frpc's from a key of the ring itself.
import { timingSafeEqual } from 'node:crypto';
import { deriveSecret } from '../../platform/derive.ts';
import {
  FRP_EGRESS,
  FRP_OWNER,
  FRP_TICKET_LABEL,
  type FrpTicket,
  formatFrpTicket,
  parseFrpTicket,
} from '../../wire/frp-names.ts';
import type { KeyRing } from '../keys.ts';
import type { TokenIdentity } from '../store/store.ts';
import { macOf, tokenDigest } from '../tokens.ts';

/** Whom a good ticket speaks for. A worker's can still be revoked: that is the store's to say. */
export type FrpHolder = { role: 'worker'; identity: TokenIdentity } | { role: 'owner' | 'egress' };

export type TicketCheck =
  | { ok: true; holder: FrpHolder }
  | {
      ok: false;
      fault: 'no_ticket' | 'unknown_kid' | 'bad_secret' | 'foreign_user' | 'expired';
      /** The worker that the ticket names, and whether that is proven. */
      worker: { name: string; proven: boolean } | null;
    };

/** Checks form, key, secret, user and end, in this order. */
export function checkTicket(
  ask: { user: string; ticket: string | undefined },
  keys: Pick<KeyRing, 'secretOf'>,
  now_ms: number,
): TicketCheck {
  const ticket = ask.ticket === undefined ? null : parseFrpTicket(ask.ticket);
  if (ticket === null) return { ok: false, fault: 'no_ticket', worker: null };
  const named = (proven: boolean) => (ticket.role === 'worker' ? { name: ticket.worker, proven } : null);
  const key = keys.secretOf(ticket.kid);
  if (key === null) return { ok: false, fault: 'unknown_kid', worker: named(false) };
  const mac = ticket.role === 'worker' ? macOf(key, ticket.kid, ticket.worker, ticket.expires_s) : null;
  const secret = mac === null ? staffSecret(key, ticket) : deriveSecret(mac, FRP_TICKET_LABEL);
  // As text: both have 43 characters, and base64url has several spellings of the same bytes.
  if (!timingSafeEqual(Buffer.from(secret, 'latin1'), Buffer.from(ticket.secret, 'latin1'))) {
    return { ok: false, fault: 'bad_secret', worker: named(false) };
  }
  if (ask.user !== userOf(ticket)) return { ok: false, fault: 'foreign_user', worker: named(true) };
  if (ticket.expires_s * 1000 <= now_ms) return { ok: false, fault: 'expired', worker: named(true) };
  if (ticket.role !== 'worker' || mac === null)
    return { ok: true, holder: { role: ticket.role as 'owner' | 'egress' } };
  const identity = { worker: ticket.worker, digest: tokenDigest(mac), expires_s: ticket.expires_s };
  return { ok: true, holder: { role: 'worker', identity } };
}

/** A ticket of the owner's or of the frpc that exports the operator's targets, by the newest key. */
export function staffTicket(keys: Pick<KeyRing, 'newest'>, role: 'owner' | 'egress', expires_s: number): string {
  const { kid, secret } = keys.newest;
  return formatFrpTicket({ role, kid, expires_s, secret: staffSecret(secret, { role, expires_s }) });
}

function staffSecret(
  key: Parameters<typeof deriveSecret>[0],
  { role, expires_s }: Pick<FrpTicket, 'role' | 'expires_s'>,
): string {
  return deriveSecret(key, `frp ${role} ${expires_s}`);
}

function userOf(ticket: FrpTicket): string {
  if (ticket.role === 'worker') return ticket.worker;
  return ticket.role === 'owner' ? FRP_OWNER : FRP_EGRESS;
}
