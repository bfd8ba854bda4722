import { describe, expect, it } from 'vitest';
import { networkOf, verdictOf } from '../../test/fakes/reachability.ts';
import type { MatrixCell } from '../../wire/api.ts';
import type { VerdictName } from '../../wire/verdict.ts';
import { findCells, gridOf, isOld } from './grid.ts';

const NOW = Date.UTC(2026, 0, 1);
const MIN = 60_000;
const ALL = { text: '', verdict: 'all' } as const;

function cell(target: string, asn: number, verdict: VerdictName, change: Partial<MatrixCell> = {}): MatrixCell {
  const at = new Date(NOW - 5 * MIN).toISOString();
  const network = networkOf(asn, 'RU');
  return {
    role: 'pool',
    target,
    network,
    verdict: verdictOf(verdict),
    since: at,
    at,
    workers: 1,
    agreeing: 1,
    ...change,
  };
}

function picture(...[cells, filter = ALL]: [MatrixCell[], Parameters<typeof gridOf>[1]?]): string[] {
  const { columns, groups } = gridOf(cells, filter, NOW);
  return [
    columns.map(({ key }) => key).join(' '),
    ...groups.flatMap(({ role, rows }) =>
      rows.map((row) => [role, row.target, ...row.cells.map((found) => found?.verdict.verdict ?? '-')].join(' ')),
    ),
  ];
}

const CELLS = [
  cell('a', 1, 'reachable'),
  cell('a', 2, 'reachable'),
  cell('b10', 1, 'pool_down'),
  cell('b9', 1, 'pool_down'),
  cell('c', 2, 'blocked:tls'),
  cell('d', 10, 'inconclusive'),
  cell('d', 9, 'inconclusive'),
  cell('e', 1, 'reachable', { role: 'collector' }),
];

describe('gridOf', () => {
  it('groups by role; rows and columns are worst first, then as people count; what was not measured is empty', () => {
    expect(picture(CELLS)).toEqual([
      'AS2 AS1 AS9 AS10',
      'pool c blocked:tls - - -',
      'pool b9 - pool_down - -',
      'pool b10 - pool_down - -',
      'pool a reachable reachable - -',
      'pool d - - inconclusive inconclusive',
      'collector e - reachable - -',
    ]);
    expect(gridOf([], ALL, NOW)).toEqual({ columns: [], groups: [], found: 0 });
  });
  it('lets an old verdict not lift its row', () => {
    const old = new Date(NOW - 41 * MIN).toISOString();
    const cells = [cell('z', 1, 'blocked:tcp', { at: old }), cell('a', 1, 'reachable'), cell('b', 2, 'degraded')];
    expect(
      picture(cells)
        .slice(1)
        .map((row) => row.split(' ')[1]),
    ).toEqual(['b', 'a', 'z']);
    expect(cells.map((one) => isOld(one, NOW))).toEqual([true, false, false]);
  });
  it('keeps the rows and columns of what is looked for, with all their cells', () => {
    expect(picture(CELLS, { text: '', verdict: 'blocked:tls' })).toEqual(['AS2', 'pool c blocked:tls']);
    expect(picture(CELLS, { text: 'as2', verdict: 'all' })).toEqual(['AS2', 'pool c blocked:tls', 'pool a reachable']);
    const both = [cell('a', 1, 'blocked:tls'), cell('a', 2, 'reachable'), cell('b', 2, 'blocked:tls')];
    expect(picture(both, { text: '', verdict: 'trouble' })).toEqual([
      'AS1 AS2',
      'pool a blocked:tls reachable',
      'pool b - blocked:tls',
    ]);
  });
});

describe('findCells', () => {
  it('wants every word, in the endpoint, the network or the verdict', () => {
    const find = (text: string) => findCells(CELLS, { text, verdict: 'all' }).map(({ target }) => target);
    expect(find('TLS ru')).toEqual(['c']);
    expect(find('pool down as1')).toEqual(['b10', 'b9']);
    expect(find('as1 nothing')).toEqual([]);
  });
});
