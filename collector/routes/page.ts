// The page: the files that were built, by their exact names.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireReader } from '../access.ts';
import type { CollectorDeps } from '../deps.ts';
import { Refusal } from '../refusal.ts';

/** Registers `/` and the page's assets. A browser without a session is led to /login. */
export function pageRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  app.addHook('onRequest', async (request, reply) => {
    try {
      requireReader(request, deps);
    } catch (error) {
      const browser = request.headers.accept?.includes('text/html') === true;
      if (!browser || !(error instanceof Refusal) || error.code !== 'admin_token_needed') throw error;
      return reply.redirect('/login', 303);
    }
    return undefined;
  });
  for (const file of deps.page) {
    app.get(file.path, (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('etag', file.etag).header('cache-control', 'private, no-cache');
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
      return reply.type(file.type).send(file.bytes);
    });
  }
  if (!deps.page.some((file) => file.path === '/')) {
    app.get('/', () => {
      throw new Refusal(
        'not_found',
        'the page is not built: run `npm run build`, then start the collector with --page dist/page',
      );
    });
  }
}
