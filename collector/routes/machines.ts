// What the judge says of machines and hosts. Answered from memory: a bot may ask often.
import type { FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import { WorkerName } from '../../wire/fields.ts';
import type { MachinesAnswer } from '../../wire/machine-api.ts';
import { machinesCsv } from '../analysis/machines-csv.ts';
import type { CollectorDeps } from '../deps.ts';
import { csvReply } from './csv-reply.ts';
import { parsed } from './query.ts';

/** `all=1`: also machines whose order has ended; `worker`: only this one. */
const MachinesQuery = z.object({ all: z._default(z.enum(['0', '1']), '0'), worker: z.optional(WorkerName) });

/** Registers `/api/v1/machines` and its CSV in a scope that lets readers pass only. */
export function machineRoutes(app: FastifyInstance, { board, clock }: CollectorDeps): void {
  app.get('/api/v1/machines', async (request): Promise<MachinesAnswer> => {
    const { all, worker } = parsed(MachinesQuery, request.query);
    const answer = board.answer(all === '1');
    if (worker === undefined) return answer;
    return {
      machines: answer.machines.filter((row) => row.worker === worker),
      hosts: answer.hosts.filter(({ workers }) => workers.includes(worker)),
    };
  });

  app.get('/api/v1/machines.csv', async (request, reply) => {
    const { all } = parsed(MachinesQuery, request.query);
    const text = machinesCsv(board.answer(all === '1').machines);
    return csvReply(reply, { name: 'machines', text, now_ms: clock.nowMs() });
  });
}
