// /login turns the admin token into a session cookie, so that the browser never keeps the token itself.
import type { FastifyInstance } from 'fastify';
import { SESSION_COOKIE, SESSION_S, newSession, requireHttps, requireSameSite, sameText } from '../access.ts';
import type { CollectorDeps } from '../deps.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';

/** Guesses from one address. */
const TRIES = { burst: 5, per_s: 1 / 12 };

const FORM = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>spotrig: sign in</title>
<form method="post" action="/login">
<p><label>Admin token <input type="password" name="token" required autofocus autocomplete="current-password"></label>
<p><button>Sign in</button>
</form>
</html>
`;

/** Registers `/login` and `/logout`. Without an admin token there is nothing to sign in to: both lead to the page. */
export function loginRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const tries = new RateLimit(TRIES);
  const { admin_token } = deps.settings;
  const cookie = { path: '/', httpOnly: true, sameSite: 'strict' } as const;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
  app.addHook('onRequest', async (request) => {
    requireHttps(request, deps);
    if (request.method === 'POST') requireSameSite(request);
  });

  app.get('/login', async (_request, reply) => {
    if (admin_token === null) return reply.redirect('/', 303);
    // Under no-referrer a browser sends the form with `Origin: null`, which looks like another site's.
    return reply.header('referrer-policy', 'same-origin').type('text/html; charset=utf-8').send(FORM);
  });

  app.post<{ Body: URLSearchParams | undefined }>('/login', async (request, reply) => {
    if (admin_token === null) return reply.redirect('/', 303);
    const wait_ms = tries.take(request.ip, 1, deps.clock.monoMs());
    if (wait_ms > 0) {
      throw new Refusal('rate_limited', 'too many tries from this address: wait as long as Retry-After says', {
        headers: { 'retry-after': String(Math.ceil(wait_ms / 1000)) },
      });
    }
    if (!sameText(request.body?.get('token')?.trim() ?? '', admin_token)) {
      throw new Refusal('admin_token_needed', 'this is not the admin token');
    }
    const value = newSession(admin_token, deps.clock.nowMs());
    const secure = request.protocol === 'https';
    return reply.setCookie(SESSION_COOKIE, value, { ...cookie, secure, maxAge: SESSION_S }).redirect('/', 303);
  });

  app.post('/logout', async (_request, reply) => reply.clearCookie(SESSION_COOKIE, cookie).redirect('/login', 303));
}
