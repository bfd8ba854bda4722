// As a process in a network namespace: makes reports as a flood of events and logs would, and sends them by the real spool and uplink.
// LAB_UPLINK is { collector, token, worker, home }. Says "sent in <ms> ms, <n> reports" when the spool is empty.
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '../../platform/clock.ts';
import { httpRequest } from '../../platform/http.ts';
import { createLogger } from '../../platform/logger.ts';
import { lifecycleRecord } from '../../reporter/lifecycle.ts';
import { packReports } from '../../reporter/packing.ts';
import { openSpool } from '../../reporter/spool/spool.ts';
import { Uplink } from '../../reporter/uplink.ts';

const EVENTS = 400;

interface Order {
  collector: string;
  token: string;
  worker: string;
  home: string;
}

const { collector, token, worker, home } = JSON.parse(process.env['LAB_UPLINK'] ?? '{}') as Order;
await mkdir(join(home, 'spool'), { recursive: true });
const spool = await openSpool({ dir: join(home, 'spool'), boot: 'b'.repeat(32), onLoss: () => process.exit(3) });
// Compresses to about a quarter, as real reports do.
const detail = (n: number): string =>
  `stratum+tcp://ru${n}.example.org:${1024 + n} not reached after ${randomInt(99_999)} ms, session ${randomBytes(12).toString('hex')}`;
const records = Array.from({ length: EVENTS }, (_, n) =>
  lifecycleRecord({ event: 'pool_unreachable', level: 'warn', detail: detail(n) }, realClock.nowMs() + n),
);
const reports = packReports(records);
for (const report of reports) await spool.append(report);
const logger = createLogger({ name: 'reports', level: 'info' });
const begun = performance.now();
const uplink = new Uplink({
  ...{ worker, token, collectors: [collector], pins: [], spool, clock: realClock, random: Math.random },
  ...{ http: httpRequest, logger, onEvent: ({ detail: text }) => logger.warn({}, text) },
});
while (spool.stats().reports > 0) await realClock.sleep(100);
process.stdout.write(`sent in ${(performance.now() - begun).toFixed(0)} ms, ${reports.length} reports\n`);
await uplink.finish(1000);
