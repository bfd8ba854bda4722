// The matrix endpoint × network: what workers of one network say together about one endpoint. Pure: the same samples and the
// same moment give the same matrix.
import { type MatrixAnswer, type MatrixCell, REACHABILITY_STALE_MS } from '../../wire/api.ts';
import { isSameFinding, standing } from '../../wire/standing.ts';
import type { JudgedTarget } from './reachability.ts';

/** Cells in one answer: more than any screen or sheet is read for. */
export const MATRIX_CELLS_MAX = 6000;
/** Endpoints that one worker may bring in, its newest: a worker that invents names must not bury the others' cells. */
export const TARGETS_PER_WORKER_MAX = 64;

/** The matrix of each worker's newest samples, in any order. */
export function matrixOf(samples: readonly JudgedTarget[], now_ms: number): MatrixAnswer {
  const cells = [...samplesByCell(samples).values()]
    .map((newestFirst) => cellOf(newestFirst, now_ms))
    .toSorted((a, b) => worstFirst(a, b, now_ms));
  return { cells: cells.slice(0, MATRIX_CELLS_MAX), left_out: Math.max(0, cells.length - MATRIX_CELLS_MAX) };
}

/** Newest first in each; the endpoints of a worker are capped. */
function samplesByCell(samples: readonly JudgedTarget[]): Map<string, JudgedTarget[]> {
  const targetsOf = new Map<string, number>();
  const byCell = new Map<string, JudgedTarget[]>();
  for (const sample of samples.toSorted((a, b) => b.at_ms - a.at_ms)) {
    const { worker, network, record } = sample;
    const nth = targetsOf.get(worker) ?? 0;
    targetsOf.set(worker, nth + 1);
    if (nth >= TARGETS_PER_WORKER_MAX) continue;
    const key = `${record.target.role} ${record.target.url} ${network.key}`;
    const found = byCell.get(key);
    if (found === undefined) byCell.set(key, [sample]);
    else found.push(sample);
  }
  return byCell;
}

function cellOf(newestFirst: readonly JudgedTarget[], now_ms: number): MatrixCell {
  const fresh = newestFirst.filter((sample) => now_ms - sample.at_ms <= REACHABILITY_STALE_MS);
  const heard = fresh.length > 0 ? fresh : newestFirst;
  const telling = heard.filter(tells);
  const voices = telling.length > 0 ? telling : heard;
  const agreeing = mostSaid(voices);
  const [shown] = agreeing;
  if (shown === undefined) throw new Error('a cell without a sample');
  return {
    target: shown.record.target.url,
    role: shown.record.target.role,
    network: { ...shown.network, address: null },
    verdict: shown.verdict,
    since: new Date(Math.min(...agreeing.map((sample) => sample.since_ms))).toISOString(),
    at: new Date(shown.at_ms).toISOString(),
    workers: voices.length,
    agreeing: agreeing.length,
  };
}

/** Says something about the endpoint, not only about the worker or about nothing. */
function tells(sample: JudgedTarget): boolean {
  return sample.verdict.verdict !== 'inconclusive' && sample.verdict.verdict !== 'worker_offline';
}

/** What most of them say; of several that are said as often, the newest. */
function mostSaid(newestFirst: readonly JudgedTarget[]): JudgedTarget[] {
  let most: JudgedTarget[] = [];
  for (const said of newestFirst) {
    const agreeing = newestFirst.filter((other) => isSameFinding(said.verdict.verdict, other.verdict.verdict));
    if (agreeing.length > most.length) most = agreeing;
    if (most.length * 2 >= newestFirst.length) break;
  }
  return most;
}

function worstFirst(a: MatrixCell, b: MatrixCell, now_ms: number): number {
  return (
    Number(isOld(a, now_ms)) - Number(isOld(b, now_ms)) ||
    standing(b.verdict.verdict) - standing(a.verdict.verdict) ||
    a.verdict.verdict.localeCompare(b.verdict.verdict) ||
    a.role.localeCompare(b.role) ||
    a.target.localeCompare(b.target) ||
    a.network.key.localeCompare(b.network.key)
  );
}

function isOld(cell: MatrixCell, now_ms: number): boolean {
  return now_ms - Date.parse(cell.at) > REACHABILITY_STALE_MS;
}
