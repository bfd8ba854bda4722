import type { FastifyReply } from 'fastify';

/** Sends a table as a file `spotrig-<name>-<day>.csv`. */
export function csvReply(
  reply: FastifyReply,
  { name, text, now_ms }: { name: string; text: string; now_ms: number },
): FastifyReply {
  const day = new Date(now_ms).toISOString().slice(0, 10);
  return reply
    .type('text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="spotrig-${name}-${day}.csv"`)
    .send(text);
}
