// What the reader's API says about reachability: samples with their verdicts, and the matrix endpoint × network.
import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import type { MatrixAnswer, ReachabilityAnswer } from '../../wire/api.ts';
import { EndpointUrl, Name, WorkerName } from '../../wire/fields.ts';
import { matrixOf } from '../analysis/matrix.ts';
import { matrixCsv } from '../analysis/matrix-csv.ts';
import { type JudgedTarget, judgedReachability } from '../analysis/reachability.ts';
import type { CollectorDeps } from '../deps.ts';
import type { NewestQuery } from '../store/sample-store.ts';
import { csvReply } from './csv-reply.ts';
import { parsed } from './query.ts';

/** A worker's sample of a target is forgotten when no newer one came for so long. */
const HISTORY_MS = 86_400_000;

/** Samples come every quarter of an hour; a large fleet's are read for seconds. */
const MATRIX_KEPT_MS = 10_000;

const Query = z.object({
  worker: z.optional(WorkerName),
  target: z.optional(EndpointUrl),
  network: z.optional(Name),
});

/** Registers `/api/v1/reachability` and its matrix in a scope that lets readers pass only. */
export function reachabilityRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const { store, clock } = deps;

  const judged = (of?: NewestQuery['of']): Promise<JudgedTarget[]> =>
    judgedReachability({ store, since_ms: clock.nowMs() - HISTORY_MS, of });

  app.get('/api/v1/reachability', async (request): Promise<ReachabilityAnswer> => {
    const { worker, target, network } = parsed(Query, request.query);
    const of = worker !== undefined ? { worker } : target !== undefined ? { target } : undefined;
    const wanted = (await judged(of)).filter(
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

  // It is of all samples, and the same for every reader.
  let kept: { at_ms: number; answer: Promise<MatrixAnswer> } | null = null;
  function matrix(): Promise<MatrixAnswer> {
    const now_ms = clock.nowMs();
    if (kept === null || now_ms - kept.at_ms >= MATRIX_KEPT_MS) {
      kept = { at_ms: now_ms, answer: judged().then((samples) => matrixOf(samples, now_ms)) };
      // A failure is told to who asks now, not to who asks next.
      kept.answer.catch(() => (kept = null));
    }
    return kept.answer;
  }

  app.get('/api/v1/reachability/matrix', matrix);

  app.get('/api/v1/reachability/matrix.csv', async (_request, reply) => {
    const { cells } = await matrix();
    return csvReply(reply, { name: 'reachability', text: matrixCsv(cells), now_ms: clock.nowMs() });
  });
}
