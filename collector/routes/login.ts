// /login turns the admin token into a session cookie, so that the browser never keeps the token itself.
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SESSION_COOKIE, SESSION_S, newSession, requireHttps, requireSameSite, sameText } from '../access.ts';
import type { CollectorDeps } from '../deps.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';

/** Guesses from one address. */
const TRIES = { burst: 5, per_s: 1 / 12 };

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.4 system-ui,sans-serif;max-width:22rem;margin:20vh auto 0;padding:0 1rem}
h1{font-size:1.2rem}label{display:block;margin-bottom:.3rem}
input,button{font:inherit;padding:.45rem .7rem;box-sizing:border-box}input{width:100%}[role=alert]{color:light-dark(#b3261e,#ff8a80)}`;
/** The form has its style in itself, since the page's own files are for readers only. */
const STYLE_DIGEST = createHash('sha256').update(STYLE).digest('base64');
const FORM_HEADERS = {
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${STYLE_DIGEST}'; img-src data:; ` +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  // Under no-referrer a browser sends the form with `Origin: null`, which looks like another site's.
  'referrer-policy': 'same-origin',
};

function form(complaint: string | null): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>spotrig: sign in</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<h1>spotrig</h1>
<form method="post" action="/login">
<p><label for="token">Admin token</label>
<input id="token" type="password" name="token" required autofocus autocomplete="current-password"></p>
${complaint === null ? '' : `<p role="alert">${complaint}</p>\n`}<p><button>Sign in</button></p>
</form>
</html>
`;
}

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
    return reply.headers(FORM_HEADERS).type('text/html; charset=utf-8').send(form(null));
  });

  app.post<{ Body: URLSearchParams | undefined }>('/login', async (request, reply) => {
    if (admin_token === null) return reply.redirect('/', 303);
    const refusal = refusalOf(request, tries.take(request.ip, 1, deps.clock.monoMs()), admin_token);
    if (refusal !== null) {
      if (request.headers.accept?.includes('text/html') !== true) throw refusal;
      deps.counters.add(`refused_${refusal.code}`);
      reply.code(refusal.status).headers({ ...refusal.headers, ...FORM_HEADERS });
      return reply.type('text/html; charset=utf-8').send(form(refusal.message));
    }
    const value = newSession(admin_token, deps.clock.nowMs());
    const secure = request.protocol === 'https';
    return reply.setCookie(SESSION_COOKIE, value, { ...cookie, secure, maxAge: SESSION_S }).redirect('/', 303);
  });

  app.post('/logout', async (_request, reply) => reply.clearCookie(SESSION_COOKIE, cookie).redirect('/login', 303));
}

function refusalOf(
  request: FastifyRequest<{ Body: URLSearchParams | undefined }>,
  wait_ms: number,
  admin_token: string,
): Refusal | null {
  if (wait_ms > 0) {
    const wait_s = String(Math.ceil(wait_ms / 1000));
    return new Refusal('rate_limited', `too many tries from this address: wait ${wait_s} s`, {
      headers: { 'retry-after': wait_s },
    });
  }
  if (sameText(request.body?.get('token')?.trim() ?? '', admin_token)) return null;
  return new Refusal('admin_token_needed', 'this is not the admin token');
}
