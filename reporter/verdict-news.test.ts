import { describe, expect, it } from 'vitest';
import { poolTarget, reachabilityOf, verdictOf } from '../test/fakes/reachability.ts';
import type { VerdictName } from '../wire/verdict.ts';
import { VerdictNews } from './verdict-news.ts';

const record = (verdict: VerdictName, role: 'pool' | 'collector' | 'baseline' = 'pool') =>
  reachabilityOf({ target: { ...poolTarget('a.example', 3333), role }, verdict: verdictOf(verdict) });

describe('news of verdicts', () => {
  it('tells a block once, another kind of block, and its end', () => {
    const news = new VerdictNews();
    const told = (
      ['reachable', 'blocked:tls', 'blocked:tls', 'degraded', 'blocked:tcp', 'reachable', 'reachable'] as const
    ).map((verdict) => news.of(record(verdict))?.event ?? null);
    expect(told).toEqual([null, 'pool_blocked', null, null, 'pool_blocked', 'pool_unblocked', null]);
  });

  it('names the target, the verdict, the confidence and the evidence', () => {
    const verdict = { ...verdictOf('blocked:tls'), method: 'rst' as const, evidence: ['An innocent name passes.'] };
    expect(new VerdictNews().of(reachabilityOf({ verdict }))).toEqual({
      event: 'pool_blocked',
      level: 'warn',
      detail: 'stratum+tcp://pool.example:3333: blocked:tls by rst, confidence 0.90. An innocent name passes.',
    });
  });

  it('has events of their own for collectors, and none for baselines and records without a verdict', () => {
    const news = new VerdictNews();
    expect(news.of(record('blocked:tcp', 'collector'))?.event).toBe('collector_blocked');
    expect(news.of(record('blocked:tcp', 'baseline'))).toBeNull();
    expect(news.of(reachabilityOf())).toBeNull();
  });

  it('tells a repaired name once, and its end', () => {
    const news = new VerdictNews();
    const told = [[], ['203.0.113.1'], ['203.0.113.1', '203.0.113.2'], [], []].map(
      (addresses) => news.ofPins('stratum+tcp://a.example:3333', addresses)?.level ?? null,
    );
    expect(told).toEqual([null, 'warn', null, 'info', null]);
  });
});
