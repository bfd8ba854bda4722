// POST /v1/control: how endpoints look from here, and how they looked to workers in other networks. A worker only names entries of
// collector.toml; nothing that it sends is resolved or dialled.
import type { FastifyInstance } from 'fastify';
import { type ControlAnswer, ControlRequest } from '../../wire/control.ts';
import { CONTROL_BODY_MAX_BYTES } from '../../wire/limits.ts';
import { insideControls } from '../analysis/reachability.ts';
import type { CollectorDeps } from '../deps.ts';
import { networkOf } from '../networks/network.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';
import { takeQuota } from './worker-request.ts';

/** A worker waits this long at most; what is not measured by then is left out, and there when he asks again. */
const WAIT_MS = 25_000;

/** Registers the route in a scope whose hook has set `request.worker`. */
export function controlRoute(app: FastifyInstance, deps: CollectorDeps): void {
  const { controls, clock, settings, store } = deps;
  const { limits, asns } = settings.config;
  const requests = new RateLimit({ burst: limits.requests_per_hour, per_s: limits.requests_per_hour / 3600 });

  app.route<{ Body: unknown }>({
    method: 'POST',
    url: '/v1/control',
    bodyLimit: CONTROL_BODY_MAX_BYTES,
    onRequest: async (request) => takeQuota(requests, request, 1, clock.monoMs()),
    handler: async (request): Promise<ControlAnswer> => {
      const entries = [...new Set(parse(request.body).entries)];
      const listed = entries.filter((entry) => controls.isListed(entry));
      const found = await Promise.all(listed.map((entry) => controls.sample(entry, WAIT_MS)));
      deps.counters.add('controls_answered', listed.length);
      const now_ms = clock.nowMs();
      const network = networkOf(request.ip, asns);
      const { worker } = request.worker;
      const asker = { worker, network, server: await store.samples.serverOf(worker) };
      const inside = await Promise.all(
        listed.map(async (entry) => ({
          entry,
          controls: await insideControls(store, { target: entry, asker, at_ms: now_ms, until_ms: now_ms }),
        })),
      );
      return {
        v: 1,
        now_ms,
        network,
        samples: found.filter((sample) => sample !== null),
        unlisted: entries.filter((entry) => !controls.isListed(entry)),
        inside: inside.filter(({ controls: found_inside }) => found_inside.length > 0),
      };
    },
  });
}

function parse(body: unknown): ControlRequest {
  const parsed = ControlRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal('invalid_field', issue?.message ?? 'the body does not have the shape of a control request', {
    field: issue?.path.join('.') ?? '',
  });
}
