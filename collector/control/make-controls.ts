// Puts the control measurements of a collector together: settings, resolver, pacer, the steps of stratum/probe, the store.
import { randomBytes } from 'node:crypto';
import { type NetConnectOpts, type Socket, connect } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../platform/clock.ts';
import { readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import type { Logger } from '../../platform/logger.ts';
import { probeDeps } from '../../stratum/probe/connection.ts';
import { firstRequest } from '../../stratum/probe/first-request.ts';
import { tryAddress, type Question, type TrialLimits } from '../../stratum/probe/trial.ts';
import type { AddressTrial, Target } from '../../wire/reachability.ts';
import type { CollectorConfig } from '../config.ts';
import type { Store } from '../store/store.ts';
import { Controls } from './controls.ts';
import { goalOf, measure } from './measure.ts';
import { Pacer } from './pacer.ts';
import { makeResolve } from './resolver.ts';

/** The same limits as a worker's (facts/censorship.md sections 1 and 3.2). */
const LIMITS: TrialLimits = { tcp_ms: 10_000, tls_ms: 10_000, reply_ms: 15_000, ack_ms: 3000, close_ms: 1000 };
const AGENT = 'spotrig-probe/1.0';
const NAME_FILE = 'vantage-name';

export interface MakeControlsOptions {
  config: CollectorConfig;
  /** This vantage point. */
  name: string;
  clock: Clock;
  logger: Logger;
  store: Store;
  /** Ends everything at once: a collector that stops waits for no pool. */
  signal: AbortSignal;
}

export function makeControls(o: MakeControlsOptions): Controls {
  const { config, clock, signal } = o;
  const { cache_ms, pool_pause_ms, at_once } = config.limits;
  const pacer = new Pacer({ clock, pause_ms: pool_pause_ms, at_once, signal });
  const resolve = makeResolve(config.resolvers, signal);
  const attempt = attempter(clock, signal);
  return new Controls({
    by: o.name,
    endpoints: config.endpoints,
    cache_ms,
    clock,
    logger: o.logger,
    measure: async (target) => {
      signal.throwIfAborted();
      return measure(target, { by: o.name, refuse: config.refuse, clock, pacer, resolve, attempt });
    },
    keep: (sample) => o.store.samples.addControl(sample),
  });
}

/** The configured name, or a random one that stays the same for this data folder: it tells nothing of the host. */
export async function vantageName(config: CollectorConfig, dataDir: string): Promise<string> {
  if (config.name !== null) return config.name;
  const path = join(dataDir, NAME_FILE);
  const kept = (await readTextIfPresent(path, 100))?.trim() ?? '';
  if (/^[a-z0-9-]{1,40}$/.test(kept)) return kept;
  const name = `collector-${randomBytes(4).toString('hex')}`;
  await writeFileDurable(path, `${name}\n`);
  return name;
}

function attempter(clock: Clock, signal: AbortSignal) {
  const deps = { ...probeDeps(clock), connect: (o: NetConnectOpts) => cutWith(signal, connect(o)) };
  return async (target: Target, address: string, attempt: number): Promise<AddressTrial> => {
    const { host, port } = target;
    const request = firstRequest({ dialect: target.dialect ?? 'unknown', host, port, agent: AGENT, login: null });
    const question: Question = request === null ? { kind: 'none' } : { kind: 'stratum', request };
    const goal = goalOf(target);
    const upTo = goal === 'stratum' ? 'answer' : goal;
    const { trial } = await tryAddress(
      { target, address, attempt, upTo, question, agent: AGENT, limits: LIMITS },
      deps,
    );
    return trial;
  };
}

/** The socket, which ends with the signal. */
function cutWith(signal: AbortSignal, socket: Socket): Socket {
  const cut = (): unknown => socket.destroy(new Error('the collector stops'));
  signal.addEventListener('abort', cut, { once: true });
  return socket.once('close', () => signal.removeEventListener('abort', cut));
}
