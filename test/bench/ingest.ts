// Collector ingest against a bare Fastify route that parses and validates the same body (design section 8: at least half).
import { resolve } from 'node:path';
import { execa } from 'execa';
import { Pool } from 'undici';
import { gzipped, typicalEnvelope } from '../fakes/reports.ts';
import type { Bench, Findings, Measurement } from './measurement.ts';
import { median } from './statistics.ts';

const SERVER = resolve(import.meta.dirname, 'ingest-server.ts');
const CONNECTIONS = 256;
const REPORTS = 1500;
const RATIO_MIN = 0.5;

/** Reports per second of the collector. */
export const ingest: Measurement = { name: 'ingest', about: 'reports per second of the collector', run };

/** Many short rounds, the two arms in turn: what else the machine does then hits both alike. */
async function run(bench: Bench): Promise<Findings> {
  const count = bench.quick ? 5 : 15;
  await using bare = await startArm('bare');
  await using collector = await startArm('collector');
  const rounds: { bare_per_s: number; collector_per_s: number }[] = [];
  // The first round warms both up.
  for (let round = 0; round <= count; round++) {
    bench.signal.throwIfAborted();
    const rates = { bare_per_s: await bare.round(round), collector_per_s: await collector.round(round) };
    if (round > 0) rounds.push(rates);
    if (round % 5 === 0 && round > 0) bench.say(`round ${round} of ${count}`);
  }
  const bare_per_s = median(rounds.map((r) => r.bare_per_s));
  const collector_per_s = median(rounds.map((r) => r.collector_per_s));
  const ratio = median(rounds.map((r) => r.collector_per_s / r.bare_per_s));
  return {
    rows: [
      {
        what: 'collector ingest',
        measured: `${collector_per_s.toFixed(0)} reports/s`,
        against: `bare Fastify route: ${bare_per_s.toFixed(0)} reports/s`,
        ratio,
        budget: `≥ ${RATIO_MIN} ×`,
        isOk: ratio >= RATIO_MIN,
      },
    ],
    values: { rounds },
  };
}

async function startArm(arm: 'bare' | 'collector') {
  const child = execa(process.execPath, [SERVER, arm], { stdin: 'pipe', stderr: 'inherit' });
  const [line] = await child
    .iterable()
    [Symbol.asyncIterator]()
    .next()
    .then((first) => [String(first.value)]);
  const { url, tokens } = JSON.parse(line ?? '') as { url: string; tokens: string[] };
  const pool = new Pool(url, { connections: CONNECTIONS });
  return {
    /** Sends the reports of one round; reports per second. */
    async round(round: number): Promise<number> {
      const bodies = Array.from({ length: REPORTS }, (_, i) => {
        const worker = `rig-${i % tokens.length}`;
        return gzipped(typicalEnvelope({ worker, seq: round * REPORTS + i, sentAt: Date.now() }));
      });
      let next = 0;
      const begun = performance.now();
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          for (let i = next++; i < bodies.length; i = next++) {
            const answer = await pool.request({
              path: '/v1/reports',
              method: 'POST',
              headers: {
                authorization: `Bearer ${tokens[i % tokens.length]}`,
                'content-type': 'application/json',
                'content-encoding': 'gzip',
              },
              body: bodies[i] ?? null,
            });
            const text = await answer.body.text();
            if (answer.statusCode !== 200) throw new Error(`${arm} answered ${answer.statusCode}: ${text}`);
          }
        }),
      );
      return REPORTS / ((performance.now() - begun) / 1000);
    },
    async [Symbol.asyncDispose]() {
      await pool.close();
      child.stdin.end();
      await child;
    },
  };
}
