// GET /metrics, Prometheus text format 0.0.4. Labels are bounded: worker names come from tokens that the owner minted, and a
// worker has one miner, one algorithm and few GPUs at a time. What is unknown has no line.
import type { FastifyInstance } from 'fastify';
import type { WorkerRow } from '../../wire/api.ts';
import type { MachineRow, MachinesAnswer } from '../../wire/machine-api.ts';
import type { CollectorDeps } from '../deps.ts';

type Labels = Record<string, string>;
interface Family {
  name: string;
  help: string;
  type: 'gauge' | 'counter';
  samples: { labels: Labels; value: number | null }[];
}

/** Registers the route in a scope that lets readers pass only. */
export function metricsRoute(app: FastifyInstance, deps: CollectorDeps): void {
  app.get('/metrics', async (_request, reply) => {
    const rows = await deps.fleet.rows();
    const counts = deps.counters.entries().map(([event, value]) => ({ labels: { event }, value }));
    const own = family('collector_events_total', 'What the collector did since it started.', 'counter', counts);
    return reply
      .type('text/plain; version=0.0.4; charset=utf-8')
      .send(metricsText([...workerFamilies(rows), ...machineFamilies(deps.board.answer(false)), own]));
  });
}

/** The families of a fleet. */
export function workerFamilies(rows: readonly WorkerRow[]): Family[] {
  const each = (value: (row: WorkerRow) => number | null): Family['samples'] =>
    rows.map((row) => ({ labels: { worker: row.id }, value: value(row) }));
  const hashrate = (value: (row: WorkerRow) => number | null): Family['samples'] =>
    rows.map((row) => ({
      labels: { worker: row.id, miner: row.miner ?? '', algo: row.algo ?? '' },
      value: value(row),
    }));
  const eachGpu = (value: (gpu: WorkerRow['gpus'][number]) => number | null): Family['samples'] =>
    rows.flatMap((row) =>
      row.gpus.map((gpu) => ({ labels: { worker: row.id, gpu: String(gpu.index) }, value: value(gpu) })),
    );
  const states = rows.map((row) => ({ labels: { worker: row.id, state: row.state }, value: 1 }));
  return [
    family('worker_state', 'The state a worker is in: 1 for the label that holds.', 'gauge', states),
    family('worker_last_seen_timestamp_seconds', 'When the worker was last heard of.', 'gauge', each(lastSeenSeconds)),
    family(
      'worker_claimed_hashrate_hs',
      'Hashrate by the miner, H/s.',
      'gauge',
      hashrate((row) => row.claimed_hs),
    ),
    family(
      'worker_delivered_hashrate_hs',
      'Hashrate by shares, H/s.',
      'gauge',
      hashrate((row) => row.delivered_hs),
    ),
    family(
      'worker_delivered_low_hashrate_hs',
      'Lower end of the 99.9 % interval, H/s.',
      'gauge',
      hashrate((row) => row.delivered_low_hs),
    ),
    family(
      'worker_delivered_high_hashrate_hs',
      'Upper end of the 99.9 % interval, H/s.',
      'gauge',
      hashrate((row) => row.delivered_high_hs),
    ),
    family(
      'worker_shares_accepted_total',
      'Shares of this boot that the pool took.',
      'counter',
      each((row) => row.accepted),
    ),
    family(
      'worker_shares_rejected_total',
      'Shares of this boot that it refused.',
      'counter',
      each((row) => row.rejected),
    ),
    family(
      'worker_shares_unanswered_total',
      'Shares of this boot without an answer.',
      'counter',
      each((row) => row.unanswered),
    ),
    family(
      'worker_power_watts',
      'Power of all GPUs.',
      'gauge',
      each((row) => row.power_w),
    ),
    family(
      'worker_gpu_power_watts',
      'Power of a GPU.',
      'gauge',
      eachGpu((gpu) => gpu.power_w),
    ),
    family(
      'worker_gpu_temperature_celsius',
      'Temperature of a GPU.',
      'gauge',
      eachGpu((gpu) => gpu.temperature_c),
    ),
  ];
}

/** The families of machines and hosts. A verdict has a line while it holds, by the host's, the path's or the owner's doing. */
export function machineFamilies({ machines, hosts }: MachinesAnswer): Family[] {
  const each = (value: (row: MachineRow) => number | null): Family['samples'] =>
    machines.map((row) => ({ labels: { worker: row.worker, algo: row.algo ?? '' }, value: value(row) }));
  const advice = machines.map(({ worker, server, advice: is }) => ({
    labels: { worker, server: server === null ? '' : String(server), advice: is },
    value: 1,
  }));
  const verdicts = machines.flatMap(({ worker, verdicts: all }) =>
    all.map(({ verdict, blame, confidence }) => ({ labels: { worker, verdict, blame }, value: confidence })),
  );
  return [
    family('machine_advice', 'What is advised: 1 for the label that holds.', 'gauge', advice),
    family('machine_verdict', 'Confidence of what is wrong with a machine, 0 to 1.', 'gauge', verdicts),
    family(
      'machine_expected_hashrate_hs',
      'What it can be expected to hash, H/s.',
      'gauge',
      each((row) => row.expected?.rate_hs ?? null),
    ),
    family(
      'machine_pool_hashrate_hs',
      'What the pool credits it with, H/s.',
      'gauge',
      each((row) => row.pool?.pool_hs ?? null),
    ),
    family(
      'machine_bid_clore_per_day',
      'What was bid for it, CLORE a day.',
      'gauge',
      each((row) => row.bid_clore_day),
    ),
    family(
      'machine_price_clore_per_ths_day',
      'CLORE for 1 TH/s of accepted work over a day.',
      'gauge',
      each((row) => row.clore_per_ths_day),
    ),
    family(
      'host_advice',
      'What is advised about an owner of servers: 1 for the label that holds.',
      'gauge',
      hosts.map(({ host, advice: is }) => ({ labels: { host, advice: is }, value: 1 })),
    ),
  ];
}

/** Families as text; samples of unknown value and families without samples are left out. */
export function metricsText(families: readonly Family[]): string {
  const lines = families.flatMap(({ name, help, type, samples }) => {
    const known = samples.filter((sample) => sample.value !== null);
    if (known.length === 0) return [];
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...known.map(({ labels, value }) => `${name}{${labelText(labels)}} ${value}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

function family(name: string, help: string, type: Family['type'], samples: Family['samples']): Family {
  return { name: `spotrig_${name}`, help, type, samples };
}

function labelText(labels: Labels): string {
  const escaped = (text: string): string =>
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

function lastSeenSeconds(row: WorkerRow): number | null {
  return row.last_seen_at === null ? null : Date.parse(row.last_seen_at) / 1000;
}
