import { describe, expect, it } from 'vitest';
import { networkOf, verdictOf } from '../../test/fakes/reachability.ts';
import { VERDICT_FLAGS, VERDICTS } from '../../wire/verdict.ts';
import {
  endpointParts,
  findingsOf,
  isTroubleVerdict,
  isVerdictFilter,
  matchesVerdict,
  networkLabel,
  VERDICTS_SHOWN,
  wordsOf,
} from './verdict.ts';

describe('verdicts in words', () => {
  it('has every verdict of the API, each with a word and a sentence of its own', () => {
    expect(VERDICTS_SHOWN.toSorted()).toEqual([...VERDICTS].toSorted());
    expect(new Set(VERDICTS.map((verdict) => wordsOf(verdict).word)).size).toBe(VERDICTS.length);
    for (const verdict of VERDICTS) expect(wordsOf(verdict).sentence).toMatch(/^[A-Z].*\.$/);
  });
  it('keeps the API’s names: only case, colon and underscore differ', () => {
    for (const verdict of VERDICTS) {
      expect(wordsOf(verdict).word.toLowerCase().replace(': ', ':').replaceAll(' ', '_')).toBe(verdict);
    }
  });
  it('takes neither the unknown nor the reachable for trouble', () => {
    expect(VERDICTS.filter((verdict) => !isTroubleVerdict(verdict))).toEqual([
      'reachable',
      'reachable_stable',
      'worker_offline',
      'inconclusive',
    ]);
  });
  it('filters by name, by trouble, or not', () => {
    expect(matchesVerdict('reachable', 'all')).toBe(true);
    expect(matchesVerdict('reachable', 'trouble')).toBe(false);
    expect(matchesVerdict('blocked:dns', 'trouble')).toBe(true);
    expect(matchesVerdict('blocked:dns', 'blocked:tls')).toBe(false);
    expect(['all', 'trouble', 'blocked:tls', 'toString', ''].map(isVerdictFilter)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('findingsOf', () => {
  it('tells what is known and nothing else', () => {
    expect(findingsOf(verdictOf('pool_down'))).toEqual([]);
    expect(findingsOf({ ...verdictOf('blocked:tls'), layer: 'tls', method: 'rst', scope: 'port' })).toEqual([
      { label: 'Layer', value: 'TLS' },
      { label: 'Method', value: 'a reset' },
      { label: 'Scope', value: 'this port' },
    ]);
  });
  it('has words for every flag', () => {
    const [note] = findingsOf({ ...verdictOf('degraded'), flags: [...VERDICT_FLAGS] });
    expect(note?.value.split('; ')).toHaveLength(VERDICT_FLAGS.length);
    expect(note?.value).not.toContain('undefined');
  });
});

describe('names', () => {
  it('splits an endpoint, whatever it looks like', () => {
    expect(endpointParts('stratum+ssl://a.example:1')).toEqual({ host: 'a.example:1', scheme: 'stratum+ssl' });
    expect(endpointParts('a.example:1')).toEqual({ host: 'a.example:1', scheme: '' });
  });
  it('names a network by its AS and country, or by its prefix', () => {
    expect(networkLabel(networkOf(12389, 'RU'))).toBe('AS12389 RU');
    expect(networkLabel({ address: null, asn: null, country: null, key: '203.0.113.0/24' })).toBe('203.0.113.0/24');
  });
});
