import { describe, expect, it } from 'vitest';
import { MatrixAnswer, REACHABILITY_STALE_MS } from '../../wire/api.ts';
import type { Network } from '../../wire/reachability.ts';
import type { VerdictName } from '../../wire/verdict.ts';
import { networkOf, poolTarget, reachabilityOf, verdictOf } from '../../test/fakes/reachability.ts';
import { MATRIX_CELLS_MAX, matrixOf, TARGETS_PER_WORKER_MAX } from './matrix.ts';
import type { JudgedTarget } from './reachability.ts';
import { matrixCsv } from './matrix-csv.ts';

const NOW = Date.parse('2026-01-02T12:00:00Z');
const MIN = 60_000;

interface At {
  url?: string;
  network?: Network;
  since_min?: number;
}

/** A worker's newest sample of one pool in one network unless said otherwise. */
function sample(worker: string, ago_min: number, name: VerdictName, at: At = {}): JudgedTarget {
  const target = { ...poolTarget('a.example', 1), url: at.url ?? 'stratum+tcp://a.example:1' };
  return {
    worker,
    at_ms: NOW - ago_min * MIN,
    since_ms: NOW - (at.since_min ?? ago_min) * MIN,
    network: at.network ?? networkOf(12389, 'RU'),
    record: reachabilityOf({ target }),
    verdict: verdictOf(name),
  };
}

function ago(iso: string): number {
  return (NOW - Date.parse(iso)) / MIN;
}

/** The only cell of the samples: its verdict, agreeing of workers, minutes since and minutes old. */
function cellOf(...samples: JudgedTarget[]) {
  const { cells } = MatrixAnswer.parse(matrixOf(samples, NOW));
  expect(cells).toHaveLength(1);
  const [cell] = cells;
  if (cell === undefined) throw new Error('no cell');
  const { verdict, agreeing, workers, since, at } = cell;
  return [verdict.verdict, `${agreeing}/${workers}`, ago(since), ago(at)];
}

describe('matrixOf', () => {
  it('has no cell without a sample', () => {
    expect(matrixOf([], NOW)).toEqual({ cells: [], left_out: 0 });
  });

  it('shows a verdict with its age and since when it has been so', () => {
    expect(cellOf(sample('a', 5, 'blocked:tls', { since_min: 50 }))).toEqual(['blocked:tls', '1/1', 50, 5]);
  });

  it('takes reachable and reachable_stable as one finding, seen since the first of them', () => {
    const a = sample('a', 5, 'reachable_stable', { since_min: 20 });
    const b = sample('b', 7, 'reachable', { since_min: 30 });
    expect(cellOf(a, b)).toEqual(['reachable_stable', '2/2', 30, 5]);
    expect(cellOf(b, a)).toEqual(['reachable_stable', '2/2', 30, 5]);
  });

  it('shows what most workers say, whoever spoke last; of as many, the newest', () => {
    const a = sample('a', 5, 'reachable', { since_min: 20 });
    const b = sample('b', 9, 'reachable');
    const c = sample('c', 1, 'blocked:tcp', { since_min: 90 });
    expect(cellOf(c, a, b)).toEqual(['reachable', '2/3', 20, 5]);
    expect(cellOf(a, c)).toEqual(['blocked:tcp', '1/2', 90, 1]);
  });

  it('counts only workers that were heard lately, as long as there is one', () => {
    const b = sample('b', 60, 'blocked:tcp');
    const c = sample('c', 61, 'blocked:tcp');
    expect(cellOf(sample('a', 5, 'reachable'), b, c)).toEqual(['reachable', '1/1', 5, 5]);
    expect(cellOf(b, c)).toEqual(['blocked:tcp', '2/2', 61, 60]);
  });

  it('lets a sample that tells nothing of the endpoint not speak for the network', () => {
    const offline = sample('b', 1, 'worker_offline');
    const unclear = sample('c', 2, 'inconclusive');
    expect(cellOf(offline, unclear, sample('a', 5, 'blocked:tls'))).toEqual(['blocked:tls', '1/1', 5, 5]);
    expect(cellOf(offline, unclear, sample('d', 3, 'inconclusive'))).toEqual(['inconclusive', '2/3', 3, 2]);
    // An old finding is not repeated beside a new "not known".
    expect(cellOf(unclear, sample('a', 50, 'blocked:tls'))).toEqual(['inconclusive', '1/1', 2, 2]);
  });

  it('has one cell for each endpoint and network, worst first, old ones last', () => {
    const at = (url: string, asn: number) => ({ url, network: networkOf(asn, 'RU') });
    const { cells } = matrixOf(
      [
        sample('a', 5, 'reachable', at('stratum+tcp://a.example:1', 1)),
        sample('a', 5, 'inconclusive', at('stratum+tcp://b.example:1', 1)),
        sample('b', 5, 'blocked:dns', at('stratum+tcp://a.example:1', 2)),
        sample('b', 5, 'pool_down', at('stratum+tcp://b.example:1', 2)),
        sample('c', 41, 'blocked:tcp', at('stratum+tcp://a.example:1', 3)),
        sample('d', 5, 'blocked:tcp', at('stratum+tcp://a.example:1', 4)),
      ],
      NOW,
    );
    expect(cells.map(({ verdict, network }) => `${verdict.verdict} ${network.key}`)).toEqual([
      'blocked:dns AS2',
      'blocked:tcp AS4',
      'pool_down AS2',
      'inconclusive AS1',
      'reachable AS1',
      'blocked:tcp AS3',
    ]);
    expect(NOW - Date.parse(cells[5]?.at ?? '')).toBeGreaterThan(REACHABILITY_STALE_MS);
  });

  it('shows no worker’s address', () => {
    const network = { ...networkOf(12389, 'RU'), address: '203.0.113.9' };
    expect(JSON.stringify(matrixOf([sample('a', 1, 'reachable', { network })], NOW))).not.toContain('203.0.113.9');
  });

  it('caps what one worker brings in, and the whole', () => {
    const many = (worker: string, count: number, network = networkOf(1, null)) =>
      Array.from({ length: count }, (_, i) =>
        sample(worker, i / 1000, 'blocked:tcp', { url: `stratum+tcp://${i}:1`, network }),
      );
    expect(matrixOf(many('a', 100), NOW).cells.map(({ target }) => target)).toEqual(
      many('a', TARGETS_PER_WORKER_MAX)
        .map(({ record }) => record.target.url)
        .toSorted((a, b) => a.localeCompare(b)),
    );
    const fleet = Array.from({ length: 100 }, (_, i) => many(`w${i}`, 64, networkOf(i + 1, null))).flat();
    const { cells, left_out } = matrixOf(fleet, NOW);
    expect([cells.length, left_out]).toEqual([MATRIX_CELLS_MAX, 6400 - MATRIX_CELLS_MAX]);
  });
});

describe('matrixCsv', () => {
  it('has a row for each cell', () => {
    const verdict = {
      ...verdictOf('blocked:tls'),
      layer: 'tls' as const,
      method: 'rst' as const,
      scope: 'host' as const,
      flags: ['residual' as const, 'self_proven' as const],
      confidence: 0.95,
      evidence: ['=HYPERLINK("x")', 'it said "no", twice'],
    };
    const { cells } = matrixOf([{ ...sample('a', 5, 'blocked:tls'), verdict }], NOW);
    expect(matrixCsv(cells)).toBe(
      'role,target,network,asn,country,verdict,layer,method,scope,flags,confidence,since,at,workers,agreeing,evidence\r\n' +
        'pool,stratum+tcp://a.example:1,AS12389,12389,RU,blocked:tls,tls,rst,host,residual; self_proven,0.95,' +
        `2026-01-02T11:55:00.000Z,2026-01-02T11:55:00.000Z,1,1,"'=HYPERLINK(""x""); it said ""no"", twice"\r\n`,
    );
  });
});
