// Who may do what (design section 5). A worker's token speaks for one worker. The reader's part wants the admin token, as a
// header or as the session that /login made of it; on loopback without one it is open to local programs, but not to web pages
// that a local browser shows (DNS rebinding, cross-site requests).
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { CollectorDeps } from './deps.ts';
import { Refusal } from './refusal.ts';
import type { TokenIdentity, TokenRef } from './store/store.ts';
import { parseToken } from '../wire/token.ts';
import { verifyToken } from './tokens.ts';

/** The cookie that holds a session. */
export const SESSION_COOKIE = 'spotrig_session';
/** A session's life. */
export const SESSION_S = 12 * 3600;

/** The worker behind a request, checked against keys, end and revocations. Throws Refusal 401. */
export async function workerOf(request: FastifyRequest, deps: CollectorDeps): Promise<TokenIdentity & TokenRef> {
  requireHttps(request, deps);
  const token = bearerOf(request);
  let check = verifyToken(token, deps.keys, deps.clock.nowMs());
  if (!check.ok && check.fault === 'unknown_kid') {
    await deps.keys.refresh();
    check = verifyToken(token, deps.keys, deps.clock.nowMs());
  }
  if (!check.ok) {
    deps.logger.debug({ fault: check.fault, ip: request.ip }, 'worker token refused');
    if (check.fault === 'expired') {
      // Only a token that was ours gets here, so no stranger fills the log; its order is paid for and shows up nowhere else.
      deps.logger.warn({ worker: parseToken(token)?.worker, why: 'token_expired' }, 'a worker is refused');
      throw unauthorized('token_expired', 'the token has expired: mint a new one with `spotrig token mint`');
    }
    throw unauthorized(
      'token_invalid',
      'no valid worker token: send `Authorization: Bearer` with one of `spotrig token mint`',
    );
  }
  if (await deps.store.isRevoked(check.identity)) {
    deps.logger.warn({ worker: check.identity.worker, why: 'token_revoked' }, 'a worker is refused');
    throw unauthorized('token_revoked', 'the token was revoked: mint a new one with `spotrig token mint`');
  }
  return check.identity;
}

/** Lets a reader pass or throws Refusal: 401 without the admin token, 403 for a foreign Host or a cross-site request. */
export function requireReader(request: FastifyRequest, deps: CollectorDeps): void {
  requireHttps(request, deps);
  const { admin_token } = deps.settings;
  if (admin_token === null) {
    requireLoopbackHost(request, deps);
    requireSameSite(request);
    return;
  }
  const cookie = request.cookies[SESSION_COOKIE];
  if (cookie !== undefined && sessionHolds(cookie, admin_token, deps.clock.nowMs())) return;
  if (sameText(bearerOf(request), admin_token)) return;
  throw unauthorized(
    'admin_token_needed',
    'this needs the admin token: sign in at /login, or send `Authorization: Bearer`',
  );
}

/**
 * After `requireReader`, for an answer that holds secrets: lets the admin pass, and where there is no admin token whoever has the
 * collector's own, or throws Refusal 401 that names its file.
 */
export function requireAdmin(request: FastifyRequest, deps: CollectorDeps): void {
  const { own_token } = deps;
  if (deps.settings.admin_token !== null || own_token === null || sameText(bearerOf(request), own_token.token)) return;
  throw unauthorized(
    'admin_token_needed',
    `this answer holds secrets, so it needs a token: send the one in ${own_token.path} as \`Authorization: Bearer\`, or start the collector with --admin-token-file`,
  );
}

/** Refuses what a page of another origin asked the browser to send. */
export function requireSameSite(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  const { origin } = request.headers;
  // Browsers leave Sec-Fetch-Site out on plain http to another host; Origin then tells, where the method sends it.
  const own =
    site === undefined
      ? origin === undefined || origin === `${request.protocol}://${request.host}`
      : site === 'same-origin' || site === 'none';
  if (own) return;
  throw new Refusal(
    'cross_site_refused',
    'requests from other sites are refused: open the collector by its own address',
  );
}

/** Refuses plain http where TLS is a proxy's business and the request did not come through it. */
export function requireHttps(request: FastifyRequest, deps: CollectorDeps): void {
  const { trust_proxy, insecure_http } = deps.settings;
  if (trust_proxy.length > 0 && !insecure_http && request.protocol !== 'https') {
    throw new Refusal('https_required', 'use https: this address takes plain http from its trusted proxy only');
  }
}

/** A fresh session of the admin's, for the cookie. It names its end, and dies with the admin token it was made from. */
export function newSession(admin_token: string, now_ms: number): string {
  const expires_s = Math.floor(now_ms / 1000) + SESSION_S;
  return `${expires_s}.${sessionMac(admin_token, String(expires_s))}`;
}

/** Compares two secrets in a time that does not tell how much of them agrees. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function sessionHolds(cookie: string, admin_token: string, now_ms: number): boolean {
  const [expires, mac] = cookie.split('.');
  if (expires === undefined || mac === undefined || !/^[1-9][0-9]{0,11}$/.test(expires)) return false;
  return sameText(mac, sessionMac(admin_token, expires)) && Number(expires) * 1000 > now_ms;
}

function sessionMac(admin_token: string, expires: string): string {
  return createHmac('sha256', admin_token).update(`spotrig session v1\n${expires}`).digest('base64url');
}

function requireLoopbackHost(request: FastifyRequest, deps: CollectorDeps): void {
  // Under test there is no socket; the setting is then the port.
  const port = request.socket.localPort ?? deps.settings.listen.port;
  const found = /^(.*?)(?::([0-9]{1,5}))?$/.exec(request.headers.host ?? '');
  const name = (found?.[1] ?? '').toLowerCase();
  const asked = Number(found?.[2] ?? (request.protocol === 'https' ? 443 : 80));
  if (isLoopbackHost(name) && asked === port) return;
  throw new Refusal('host_refused', `without an admin token only http://127.0.0.1:${port}/ and its like are answered`);
}

/** Whether a host of a URL or of a bind names this machine only. */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost' || host === '[::1]' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

function bearerOf(request: FastifyRequest): string {
  return /^Bearer ([^\s]{1,4096})$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

function unauthorized(
  code: 'token_invalid' | 'token_expired' | 'token_revoked' | 'admin_token_needed',
  message: string,
): Refusal {
  return new Refusal(code, message, { headers: { 'www-authenticate': 'Bearer', connection: 'close' } });
}
