// Collector ingest against a bare Fastify route that parses and validates the same body (design section 8: at least half).
import { resolve } from 'node:path';
import { execa } from 'execa';
import { Pool } from 'undici';
import { gzipped, typicalEnvelope } from '../fakes/reports.ts';

const SERVER = resolve(import.meta.dirname, 'ingest-server.ts');
const CONNECTIONS = 256;
const REPORTS = 1500;
const ROUNDS = 15;

export interface IngestBench {
  bare_per_s: number;
  collector_per_s: number;
  /** collector ÷ bare, the median of the rounds' ratios. */
  ratio: number;
}

/** Medians of many short rounds, the two arms in turn: what else the machine does then hits both alike. */
export async function benchIngest(): Promise<IngestBench> {
  await using bare = await startArm('bare');
  await using collector = await startArm('collector');
  const rounds: { bare: number; collector: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    rounds.push({ bare: await bare.round(round), collector: await collector.round(round) });
  }
  // The first round warms both up.
  const counted = rounds.slice(1);
  return {
    bare_per_s: median(counted.map((round) => round.bare)),
    collector_per_s: median(counted.map((round) => round.collector)),
    ratio: median(counted.map((round) => round.collector / round.bare)),
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

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
