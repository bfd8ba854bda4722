import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFrpUrl, type FrpAddress } from '../../stratum/frp-url.ts';
import {
  candidatesOf,
  endOf,
  forget,
  isGivenUp,
  jittered,
  nextOf,
  remember,
  winnerOf,
  withFirst,
  type Candidate,
  type End,
  type Tried,
  type Winner,
} from './climb.ts';

const KEY = `AAAAC3NzaC1lZDI1NTE5AAAAI${'b'.repeat(43)}`;
const FULL = `frp://a.example:443?other=x.example,y.example&wss=w.example:443&ssh=me@a.example:22&hostkey=${KEY}&nomux=a.example:8444`;

function addressOf(text: string): FrpAddress {
  const read = parseFrpUrl(text);
  if ('complaints' in read) throw new Error(read.complaints.join());
  return read.frps;
}

const words = (candidates: readonly Candidate[]): string[] =>
  candidates.map(({ place, rung, otherName }) => `${place} ${rung}${otherName === null ? '' : ` ${otherName}`}`);

/** All that a round tries, where every attempt ends so. */
function roundOf(candidates: readonly Candidate[], end: (candidate: Candidate) => End): string[] {
  const tried: Tried[] = [];
  for (;;) {
    const candidate = nextOf(candidates, tried);
    if (candidate === null) return words(tried.map((one) => one.candidate));
    tried.push({ candidate, end: end(candidate) });
  }
}

describe('the ladder', () => {
  const two = [addressOf(FULL), addressOf('frp://192.0.2.1:443?sni=b.example#RU')];

  it('tries every address on a rung before the next rung', () => {
    expect(words(candidatesOf(two, null))).toEqual([
      ...[
        '0 tls',
        '1 tls',
        '0 tls_classic',
        '1 tls_classic',
        '0 tls_other_name x.example',
        '0 tls_other_name y.example',
      ],
      ...['1 tls_no_name', '0 wss', '0 ssh', '0 tls_no_mux'],
    ]);
    expect(words(candidatesOf(two, 'RU')).slice(0, 4)).toEqual(['1 tls', '0 tls', '1 tls_classic', '0 tls_classic']);
    expect(words(candidatesOf([addressOf(`${FULL}&rungs=ssh,tls`)], null))).toEqual(['0 ssh', '0 tls']);
  });

  it('leaves out what the evidence says is in vain', () => {
    const all = candidatesOf(two, null);
    expect(roundOf(all, ({ rung }) => (rung === 'tls' ? 'frozen' : 'silent'))).toEqual([
      ...['0 tls', '1 tls', '0 tls_other_name x.example', '0 tls_other_name y.example', '0 ssh', '0 tls_no_mux'],
    ]);
    expect(roundOf(all, () => 'refused')).toEqual(['0 tls', '1 tls', '0 wss', '0 ssh', '0 tls_no_mux']);
    expect(roundOf(all, () => 'login_refused')).toEqual(['0 tls', '1 tls', '0 tls_no_mux']);
    expect(roundOf(all, () => 'silent')).toHaveLength(all.length);
  });

  it('ends a round after each candidate once, whatever happens', () => {
    const ends: End[] = ['refused', 'silent', 'broken', 'certificate', 'login_refused', 'frozen', 'slow', 'failed'];
    fc.assert(
      fc.property(fc.infiniteStream(fc.constantFrom(...ends)), (stream) => {
        const all = candidatesOf(two, null);
        const seen = roundOf(all, () => stream.next().value as End);
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  it('remembers what worked, by network', () => {
    const all = candidatesOf(two, null);
    const url = 'frp://a.example:443';
    const ssh: Winner = { network: 'AS1', url, rung: 'ssh', otherName: null };
    const wss: Winner = { network: null, url, rung: 'wss', otherName: null };
    const both = remember(remember([], ssh), wss);
    expect(winnerOf(both, 'AS1', two, all)).toMatchObject({ rung: 'ssh' });
    expect(winnerOf(both, 'AS2', two, all)).toMatchObject({ rung: 'wss' });
    expect(winnerOf(forget(both, wss), null, two, all)).toMatchObject({ rung: 'ssh' });
    expect(winnerOf(both, null, [], all)).toBeNull();
    expect(remember(both, { ...ssh, rung: 'tls' })).toHaveLength(2);
    const winner = winnerOf(both, null, two, all);
    expect(words(withFirst(all, winner === null ? [] : [winner])).slice(0, 2)).toEqual(['0 wss', '0 tls']);
    expect(withFirst(all, winner === null ? [] : [winner])).toHaveLength(all.length);
  });

  it('gives a way up after three failures within ten minutes', () => {
    expect(isGivenUp([0, 100_000], 100_000)).toBe(false);
    expect(isGivenUp([0, 100_000, 599_000], 599_000)).toBe(true);
    expect(isGivenUp([0, 100_000, 650_000], 650_000)).toBe(false);
    expect([0, 0.5, 1].map((x) => jittered(1000, () => x))).toEqual([700, 1000, 1300]);
  });

  it.each([
    ['connect to server error: dial tcp 192.0.2.1:443: connect: connection refused', 'refused'],
    ['login to the server failed: i/o deadline reached', 'silent'],
    ['login to the server failed: EOF', 'broken'],
    ['tls: failed to verify certificate: x509: certificate signed by unknown authority', 'certificate'],
    ['dial tcp: lookup tun.example on 1.1.1.1:53: no such host', 'failed'],
    ['login to the server failed: token in login doesn’t match token from configuration', 'login_refused'],
    ['unknown field', 'failed'],
  ])('%s', (text, end) => {
    expect(endOf(text)).toBe(end);
  });
});
