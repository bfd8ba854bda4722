// What the worker's two routes share: who asks, and how often he may.
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../refusal.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { TokenIdentity, TokenRef } from '../store/store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the token check of the `/v1` routes, before any of their handlers. */
    worker: TokenIdentity & TokenRef;
  }
}

/** Takes `amount` from the worker's quota or throws Refusal 429 with Retry-After. */
export function takeQuota(limit: RateLimit, request: FastifyRequest, amount: number, mono_ms: number): void {
  const wait_ms = limit.take(request.worker.worker, amount, mono_ms);
  if (wait_ms === 0) return;
  throw new Refusal('rate_limited', 'too much from this worker: wait as long as Retry-After says', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(wait_ms / 1000))) },
  });
}

/** Refuses a body that names another worker than the token. */
export function requireOwnName(request: FastifyRequest, name: string): void {
  if (name !== request.worker.worker) {
    throw new Refusal('worker_mismatch', `the token is of the worker ${request.worker.worker}, not of ${name}`, {
      field: 'worker',
    });
  }
}
