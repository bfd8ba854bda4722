// Names of the way through frp, without a schema: the worker's settings need them before the miner runs.

/**
 * How frps is spoken to, from what is tried first by default. `tls`: TCP and TLS with frps's own name. `tls_classic`: the same with a
 * small hello (no post-quantum key). `tls_other_name`, `tls_no_name`: another or no name in the hello. `wss`: a websocket behind a web
 * server. `ssh`: frpc's connection inside an SSH session. `tls_no_mux`: a second frps, a connection for each stream.
 */
export const FRP_RUNGS = ['tls', 'tls_classic', 'tls_other_name', 'tls_no_name', 'wss', 'ssh', 'tls_no_mux'] as const;
export type FrpRung = (typeof FRP_RUNGS)[number];

export const FRP_SERVICE = /^[a-z][a-z0-9-]{0,30}$/;
/** The echo that proves a rung; no user's service may have this name. */
export const FRP_CANARY = 'canary';

/** frp users beside the workers (whose frp user is their name): no worker's name begins with `_`. */
export const FRP_OWNER = '_owner';
export const FRP_EGRESS = '_egress';

/** Key of frpc's `metadatas` that carries the ticket to the hook. */
export const FRP_TICKET_META = 'spotrig';

/** Labels of `deriveSecret` (platform/derive.ts), of a token's mac or of a collector's key. */
export const FRP_TICKET_LABEL = 'frp ticket';
export const frpSecretLabel = (service: string): string => `frp stcp ${service}`;

/**
 * Tickets: `worker.<kid>.<worker>.<expires_s>.<secret>`, secret of the token's mac; `owner.<kid>.<expires_s>.<secret>` and
 * `egress.<kid>.<expires_s>.<secret>`, secret of the collector's key <kid> by the label `frp owner <expires_s>` and the like.
 */
export type FrpTicket =
  | { role: 'worker'; kid: string; worker: string; expires_s: number; secret: string }
  | { role: 'owner' | 'egress'; kid: string; expires_s: number; secret: string };

const WORKER_TICKET = /^worker\.([a-z0-9]{1,16})\.([a-z0-9][a-z0-9_-]{0,62})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})$/;
const STAFF_TICKET = /^(owner|egress)\.([a-z0-9]{1,16})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})$/;

export function formatFrpTicket(t: FrpTicket): string {
  const who = t.role === 'worker' ? `worker.${t.kid}.${t.worker}` : `${t.role}.${t.kid}`;
  return `${who}.${String(t.expires_s)}.${t.secret}`;
}

/** null for what has not the form. Says nothing about whether the secret is good. */
export function parseFrpTicket(text: string): FrpTicket | null {
  const [, kid, worker, expires, secret] = WORKER_TICKET.exec(text) ?? [];
  if (kid !== undefined && worker !== undefined && expires !== undefined && secret !== undefined)
    return { role: 'worker', kid, worker, expires_s: Number(expires), secret };
  const [, role, keyId, until, proof] = STAFF_TICKET.exec(text) ?? [];
  if ((role !== 'owner' && role !== 'egress') || keyId === undefined || until === undefined || proof === undefined)
    return null;
  return { role, kid: keyId, expires_s: Number(until), secret: proof };
}

/** Name of the exported target's proxy under one egress key: two keys live side by side while orders with the old one run. */
export const egressProxyName = (name: string, keyId: string): string => `${name}-${keyId}`;
