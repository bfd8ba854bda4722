// The reader's API: the fleet, one worker, its last hours, events. Reachability is in reachability.ts. Its shapes are wire/api.ts.
import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import type { EventRow, EventsAnswer, SeriesAnswer, WorkerDetail, WorkersAnswer } from '../../wire/api.ts';
import { WorkerName } from '../../wire/fields.ts';
import type { AttachAnswer } from '../../wire/frp.ts';
import { requireAdmin } from '../access.ts';
import { DELIVERED_WINDOW_MS } from '../analysis/delivered.ts';
import { eventsCsv } from '../analysis/events-csv.ts';
import { seriesOf, seriesOfRollups } from '../analysis/series.ts';
import { eventRow, workerRow } from '../analysis/worker-row.ts';
import type { CollectorDeps } from '../deps.ts';
import { attachAnswer } from '../frp/attach.ts';
import { Refusal } from '../refusal.ts';
import type { RollupSpan } from '../store/machine-store.ts';
import type { WorkerFacts } from '../store/store.ts';
import { csvReply } from './csv-reply.ts';
import { numberIn, parsed } from './query.ts';

const DETAIL_LOG_LINES = 200;
const DETAIL_EVENTS = 50;
/** A day at one record of a kind per ten seconds. */
const SERIES_RECORDS_MAX = 8640;
/** A week of minutes, more than a year of hours. */
const SERIES_ROLLUPS_MAX = 10_100;
/** Up to here a series is drawn from the raw records, then from minutes, and beyond a week from hours. */
const RAW_SERIES_S = 86_400;
const MINUTE_SERIES_S = 7 * 86_400;

const IdParams = z.object({ id: WorkerName });
const SeriesQuery = z.object({ since_s: numberIn(60, 400 * 86_400, 3600) });
const EventsQuery = z.object({
  limit: numberIn(1, 1000, 100),
  worker: z.optional(WorkerName),
  /** Of no worker. */
  of: z.optional(z.literal('collector')),
});

/** Which sums a series over so many seconds is drawn from; null: from the records. */
function spanOf(since_s: number): RollupSpan | null {
  if (since_s <= RAW_SERIES_S) return null;
  return since_s <= MINUTE_SERIES_S ? 'minute' : 'hour';
}

/** Registers `/api/v1/*` in a scope that lets readers pass only. */
export function readerRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const { store, clock, settings, fleet } = deps;

  async function factsOf(params: unknown): Promise<WorkerFacts> {
    const { id } = parsed(IdParams, params);
    const facts = await store.worker(id, clock.nowMs() - DELIVERED_WINDOW_MS);
    if (facts === null) throw new Refusal('not_found', `no worker ${id} has reported`);
    return facts;
  }

  app.get('/api/v1/workers', async (): Promise<WorkersAnswer> => ({ workers: [...(await fleet.rows())] }));

  app.get('/api/v1/workers/:id', async (request): Promise<WorkerDetail> => {
    const facts = await factsOf(request.params);
    const [host, frp, logs, events] = await Promise.all([
      store.host(facts.id),
      store.frp(facts.id),
      store.series(facts.id, 'log', 0, DETAIL_LOG_LINES),
      store.events({ worker: facts.id, limit: DETAIL_EVENTS }),
    ]);
    const lines = logs.flatMap(({ at_ms, record }) =>
      record.lines.map((line) => ({ at: new Date(at_ms).toISOString(), source: record.source, line })),
    );
    return {
      worker: workerRow(facts, clock.nowMs(), settings),
      host: host?.record ?? null,
      frp: frp?.record ?? null,
      log: lines.slice(-DETAIL_LOG_LINES),
      events: events.map(eventRow),
    };
  });

  app.get('/api/v1/workers/:id/attach', async (request): Promise<AttachAnswer> => {
    requireAdmin(request, deps);
    const { id } = await factsOf(request.params);
    return attachAnswer(id, deps);
  });

  app.get('/api/v1/workers/:id/series', async (request): Promise<SeriesAnswer> => {
    const { since_s } = parsed(SeriesQuery, request.query);
    const { id } = parsed(IdParams, request.params);
    const now_ms = clock.nowMs();
    const since_ms = now_ms - since_s * 1000;
    const span = spanOf(since_s);
    if (span !== null) return rolledSeries(id, { span, since_ms, now_ms });
    await factsOf(request.params);
    const [hashrate, shares, gpu] = await Promise.all([
      store.series(id, 'hashrate', since_ms, SERIES_RECORDS_MAX),
      store.series(id, 'shares', since_ms - DELIVERED_WINDOW_MS, SERIES_RECORDS_MAX),
      store.series(id, 'gpu', since_ms, SERIES_RECORDS_MAX),
    ]);
    return seriesOf({ hashrate, shares, gpu, since_ms, now_ms });
  });

  async function rolledSeries(
    id: string,
    o: { span: RollupSpan; since_ms: number; now_ms: number },
  ): Promise<SeriesAnswer> {
    const query = { worker: id, span: o.span, since_ms: o.since_ms - DELIVERED_WINDOW_MS, limit: SERIES_ROLLUPS_MAX };
    const rollups = await store.machines.rollups(query);
    if (rollups.length === 0) await factsOf({ id });
    return seriesOfRollups({ rollups, ...o });
  }

  async function eventsOf(query: unknown): Promise<EventRow[]> {
    const { limit, worker, of } = parsed(EventsQuery, query);
    const whose = worker ?? (of === undefined ? undefined : null);
    return (await store.events(whose === undefined ? { limit } : { limit, worker: whose })).map(eventRow);
  }

  app.get('/api/v1/events', async (request): Promise<EventsAnswer> => ({ events: await eventsOf(request.query) }));

  app.get('/api/v1/events.csv', async (request, reply) =>
    csvReply(reply, { name: 'events', text: eventsCsv(await eventsOf(request.query)), now_ms: clock.nowMs() }),
  );
}
