// The real network under a run.
import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import type { Clock } from '../../platform/clock.ts';
import { httpRequest } from '../../platform/http.ts';
import { probeDeps } from '../../stratum/probe/connection.ts';
import type { NetDeps } from './context.ts';

/** Everything real, by this clock and this randomness. */
export function netDeps(clock: Clock, random: () => number): NetDeps {
  return {
    clock,
    random,
    probe: probeDeps(clock),
    udp: (type) => createSocket(type),
    lookup: (host, family) => dns.lookup(host, { family, all: true }),
    http: httpRequest,
  };
}
