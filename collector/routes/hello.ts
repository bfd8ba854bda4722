// POST /v1/hello: a line from the head, before Node runs. curl and wget send it, so any content type will do.
import type { FastifyInstance } from 'fastify';
import { Hello } from '../../wire/envelope.ts';
import { HELLO_BODY_MAX_BYTES } from '../../wire/limits.ts';
import type { CollectorDeps } from '../deps.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';
import { requireOwnName, takeQuota } from './worker-request.ts';

/** A head says hello at its start and at each failed stage, with back-off between. */
const REQUESTS = { burst: 60, per_s: 0.2 };

/** Registers the route in a scope whose hook has set `request.worker`. */
export function helloRoute(app: FastifyInstance, deps: CollectorDeps): void {
  const requests = new RateLimit(REQUESTS);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: HELLO_BODY_MAX_BYTES }, (_request, body, done) =>
    done(null, body),
  );
  app.route<{ Body: unknown }>({
    method: 'POST',
    url: '/v1/hello',
    onRequest: async (request) => takeQuota(requests, request, 1, deps.clock.monoMs()),
    handler: async (request): Promise<{ ok: true }> => {
      const hello = parseHello(request.body);
      requireOwnName(request, hello.worker);
      await deps.store.addHello({ ...hello, received_at_ms: deps.clock.nowMs() });
      deps.counters.add('hellos_stored');
      return { ok: true };
    },
  });
}

function parseHello(body: unknown): Hello {
  let value: unknown;
  try {
    value = typeof body === 'string' ? JSON.parse(body) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal('bad_json', 'the body is not JSON');
    throw error;
  }
  const parsed = Hello.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal('invalid_field', issue?.message ?? 'the body does not have the shape of a hello', {
    field: issue?.path.join('.') ?? '',
  });
}
