// What the reader's API says about reachability: samples with their verdicts, and the matrix endpoint × network.
import type { FastifyInstance, FastifyReply } from 'fastify';
import * as z from 'zod/mini';
import type { MatrixAnswer, ReachabilityAnswer } from '../../wire/api.ts';
import { EndpointUrl, Name, WorkerName } from '../../wire/fields.ts';
import { matrixOf } from '../analysis/matrix.ts';
import { matrixCsv } from '../analysis/matrix-csv.ts';
import { type JudgedTarget, judgedReachability } from '../analysis/reachability.ts';
import type { CollectorDeps } from '../deps.ts';
import { parsed } from './query.ts';

/** A worker's sample of a target is forgotten when no newer one came for so long. */
const HISTORY_MS = 86_400_000;

const Query = z.object({
  worker: z.optional(WorkerName),
  target: z.optional(EndpointUrl),
  network: z.optional(Name),
});

/** Registers `/api/v1/reachability` and its matrix in a scope that lets readers pass only. */
export function reachabilityRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const { store, clock } = deps;

  const judged = (): Promise<JudgedTarget[]> => judgedReachability({ store, since_ms: clock.nowMs() - HISTORY_MS });

  app.get('/api/v1/reachability', async (request): Promise<ReachabilityAnswer> => {
    const { worker, target, network } = parsed(Query, request.query);
    const wanted = (await judged()).filter(
      (sample) =>
        (worker === undefined || worker === sample.worker) &&
        (target === undefined || target === sample.record.target.url) &&
        (network === undefined || network === sample.network.key),
    );
    return {
      reachability: wanted.map(({ worker, at_ms, network, record, verdict }) => ({
        worker,
        at: new Date(at_ms).toISOString(),
        network,
        record,
        verdict,
      })),
    };
  });

  const matrix = async (): Promise<MatrixAnswer> => matrixOf(await judged(), clock.nowMs());

  app.get('/api/v1/reachability/matrix', matrix);

  app.get('/api/v1/reachability/matrix.csv', async (_request, reply: FastifyReply) => {
    const { cells } = await matrix();
    const day = new Date(clock.nowMs()).toISOString().slice(0, 10);
    return reply
      .type('text/csv; charset=utf-8; header=present')
      .header('content-disposition', `attachment; filename="spotrig-reachability-${day}.csv"`)
      .send(matrixCsv(cells));
  });
}
