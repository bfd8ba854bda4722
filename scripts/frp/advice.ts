// What is wrong on the way to an frps, and how to mend it. Pure.
import type { FrpRung } from '../../wire/frp-names.ts';
import type { Reach } from './reach.ts';

const DAY_MS = 86_400_000;
/** An order lives for 21 days. */
const SOON_MS = 21 * DAY_MS;

/** null: it is reached as it should be. */
export function mendReach({ fault, detail, expires, missing_names }: Reach, now_ms: number): string | null {
  switch (fault) {
    case 'tcp':
      if (detail === 'ENOTFOUND' || detail === 'EAI_AGAIN') return 'the name leads nowhere: add it to the DNS, or wait';
      return detail === 'ECONNREFUSED'
        ? 'nothing listens there: start nginx and frps, and look at the port'
        : 'open the port in the firewall; where other networks reach it, this one blocks it';
    case 'tls':
      return 'no TLS comes about: look at nginx’s stream part and frps’s certFile; where other networks reach it, this one cuts the hello';
    case 'ca':
      return 'the certificate is not of this authority: give the CA that frps-config wrote, and start frps again if it was renewed';
    case 'name':
      return `run frps-config again with ${missing_names.join(', ')} among its names, and start frps again`;
    case 'time':
      return detail === 'CERT_NOT_YET_VALID'
        ? 'the certificate begins later: set this machine’s clock'
        : 'the certificate has ended: run frps-config again and start frps again (or set this machine’s clock)';
    case 'ssh':
      return 'no sshd answers there: look at the option ssh of the address';
    case null:
      break;
  }
  if (expires === null || Date.parse(expires) - now_ms > SOON_MS) return null;
  return `the certificate ends ${expires.slice(0, 10)}, within an order’s life: run frps-config again and start frps again`;
}

/** By what frpc said when it was not let in. */
export function mendLogin(words: string, rung: FrpRung): string {
  if (/frp.s token is another|token.*(?:match|mismatch)/i.test(words))
    return 'frp’s token is another one: take SPOTRIG_FRP from frps-config, and start frps again';
  if (rung === 'ssh') {
    if (/permission denied/i.test(words))
      return 'the account does not take this key: put the line of authorized_keys that frps-config --ssh wrote into its file';
    if (/host key verification failed/i.test(words))
      return 'the sshd has another key than the option hostkey says: give frps-config its ssh_host_ed25519_key.pub';
    if (/session shutdown|EOF|open failed/i.test(words))
      return 'SSH stands, and then nothing: permitopen of authorized_keys and the option sshto must both be the port that frps has on loopback';
  }
  if (/plugin error/i.test(words))
    return 'frps does not reach the collector: start it, and compare httpPlugins of frps.toml with [frp].hook';
  if (/ticket|token was revoked|token has expired/i.test(words))
    return 'the collector refuses the ticket: look at the token, and at the collector’s --data';
  if (/bad status|unexpected EOF/i.test(words) && rung === 'wss')
    return 'the web server does not pass the websocket on: look at nginx.conf’s location /~!frp, and at tls.force (must be false)';
  if (/session shutdown|EOF|i\/o deadline|no login within|timeout/i.test(words))
    return rung === 'tls_no_mux'
      ? 'TLS stands, and then nothing: the second frps must have transport.tcpMux = false'
      : 'TLS stands, and then nothing: frps must have transport.tcpMux = true; else this network freezes the connection';
  return 'frpc’s words above say what it was';
}
