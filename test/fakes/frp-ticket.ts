import { deriveSecret } from '../../platform/derive.ts';
import { FRP_TICKET_LABEL, formatFrpTicket } from '../../wire/frp-names.ts';
import { parseToken } from '../../wire/token.ts';

/** The ticket that a worker makes of its token. */
export function workerTicketOf(token: string): string {
  const fields = parseToken(token);
  if (fields === null) throw new Error('not a token');
  const { kid, worker, expires_s, mac } = fields;
  return formatFrpTicket({ role: 'worker', kid, worker, expires_s, secret: deriveSecret(mac, FRP_TICKET_LABEL) });
}
