import { createHash } from 'node:crypto';
import { sameText } from '../access.ts';

/**
 * Whether a Login shows frp's own token: `privilege_key` is the MD5, in hex, of the token and the login's unix second (frp's
 * `auth.method = "token"`). frps checks the same after the hook has let the login pass, and tells the hook nothing of it. Of
 * another form (frp's OIDC, none at all) it is frps's to judge: true.
 */
export function provesToken(login: { privilege_key: string; timestamp: number }, token: string): boolean {
  if (!/^[0-9a-f]{32}$/.test(login.privilege_key)) return true;
  const proof = createHash('md5').update(`${token}${login.timestamp}`).digest('hex');
  return sameText(proof, login.privilege_key);
}
