// GET and POST /v1/bulk: bytes and many small messages between a worker and this collector, so that a line which freezes or slows
// down after some bytes or packets is known (facts/censorship.md section 1, rows 16 and 17). The bytes are random: nothing on the
// way can squeeze or cache them.
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BulkAck } from '../../wire/control.ts';
import { BULK_MAX_BYTES } from '../../wire/limits.ts';
import type { CollectorDeps } from '../deps.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';
import { takeQuota } from './worker-request.ts';

/** What a request costs of the quota beside its bytes: about its headers both ways. */
const REQUEST_BYTES = 1024;

/** Registers the routes in a scope whose hook has set `request.worker`. */
export function bulkRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const per_hour = deps.settings.config.limits.bulk_bytes_per_hour;
  const quota = new RateLimit({ burst: per_hour, per_s: per_hour / 3600 });
  const bytes = randomBytes(BULK_MAX_BYTES);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (_request: FastifyRequest, body: Readable) => discard(body));

  app.get<{ Querystring: { bytes?: unknown } }>('/v1/bulk', (request, reply): FastifyReply => {
    const wanted = wantedBytes(request.query.bytes);
    takeQuota(quota, request, REQUEST_BYTES + wanted, deps.clock.monoMs());
    return reply.type('application/octet-stream').send(bytes.subarray(0, wanted));
  });

  app.route<{ Body: number | undefined }>({
    method: 'POST',
    url: '/v1/bulk',
    onRequest: async (request) => {
      // Paid before it is read; a body without a length costs as much as the largest.
      const length = Number(request.headers['content-length'] ?? BULK_MAX_BYTES);
      if (length > BULK_MAX_BYTES) throw tooLarge();
      takeQuota(quota, request, REQUEST_BYTES + length, deps.clock.monoMs());
    },
    handler: async (request): Promise<BulkAck> => ({ bytes: request.body ?? 0 }),
  });
}

function wantedBytes(text: unknown): number {
  const wanted = typeof text === 'string' && /^[0-9]{1,6}$/.test(text) ? Number(text) : NaN;
  if (wanted <= BULK_MAX_BYTES) return wanted;
  throw new Refusal('bad_request', `bytes: a whole number up to ${BULK_MAX_BYTES}`, { field: 'bytes' });
}

/** Reads a body to its end and keeps nothing of it; the number of its bytes. */
async function discard(body: Readable): Promise<number> {
  let count = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    count += chunk.length;
    if (count > BULK_MAX_BYTES) throw tooLarge();
  }
  return count;
}

function tooLarge(): Refusal {
  return new Refusal('too_large', `a bulk body may have ${BULK_MAX_BYTES} bytes`, { headers: { connection: 'close' } });
}
