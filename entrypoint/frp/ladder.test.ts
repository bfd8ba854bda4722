import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointOf } from '../../stratum/frp-rungs.ts';
import { parseFrpUrl, type FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_RUNGS } from '../../wire/frp-names.ts';
import {
  LADDER_TIMES,
  Ladder,
  readLadderMemory,
  serialiseLadderMemory,
  waysOf,
  winnerIn,
  withWinner,
  type LadderMemory,
  type Outcome,
  type Way,
} from './ladder.ts';

const KEY = `AAAAC3NzaC1lZDI1NTE5AAAAI${'b'.repeat(43)}`;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function frps(text: string): FrpAddress {
  const read = parseFrpUrl(text);
  if ('complaints' in read) throw new Error(read.complaints.join('; '));
  return read.frps;
}

/** Has every rung but `tls_no_name`. */
const full = (host: string, more = ''): FrpAddress =>
  frps(
    `frp://${host}:443?other=x.example&wss=www.${host}:443&ssh=t@${host}:22&hostkey=${KEY}&nomux=${host}:8444${more}`,
  );
const A = full('a.example');
const B = frps('frp://b.example:443');

const shown = ({ place, rung }: Way): string => `${String(place)} ${rung}`;
const shownAll = (ways: readonly Way[]): string[] => ways.map(shown);

/** In the middle of every jitter. */
const ladderOf = (addresses: FrpAddress[], o: { winner?: Way; country?: string; random?: () => number } = {}): Ladder =>
  new Ladder({ addresses, country: o.country ?? null, winner: o.winner ?? null, random: o.random ?? (() => 0.5) });

/** Tries until the round ends or a way is up, at `nowMs`, with what `outcomes` says of a way (else `login_timeout`). */
function tryRound(ladder: Ladder, outcomes: Record<string, Outcome> = {}, nowMs = 0): string[] {
  const tried: string[] = [];
  for (;;) {
    const step = ladder.next(nowMs);
    if ('wait_ms' in step) return tried;
    tried.push(shown(step.way));
    const outcome = outcomes[shown(step.way)] ?? 'login_timeout';
    ladder.record(outcome, nowMs);
    if (outcome === 'up') return tried;
  }
}

describe('waysOf', () => {
  it('goes through every address on a rung before the next rung, and leaves out rungs without their option', () => {
    expect(shownAll(waysOf([A, B], null))).toEqual([
      '0 tls',
      '1 tls',
      '0 tls_classic',
      '1 tls_classic',
      '0 tls_other_name',
      '0 wss',
      '0 ssh',
      '0 tls_no_mux',
    ]);
    expect(waysOf([], 'RU')).toEqual([]);
  });

  it('tries each of an address’s other names, one after the other', () => {
    const named = frps('frp://a.example:443?other=b.example,c.example&rungs=tls_other_name,tls');
    expect(waysOf([B, named], null)).toEqual([
      { place: 0, rung: 'tls' },
      { place: 1, rung: 'tls_other_name', name: 'b.example' },
      { place: 1, rung: 'tls_other_name', name: 'c.example' },
      { place: 0, rung: 'tls_classic' },
      { place: 1, rung: 'tls' },
    ]);
    // The one that worked is gone back to, by its name.
    const winner = winnerIn(
      readLadderMemory(
        JSON.parse(
          serialiseLadderMemory(
            withWinner(new Map(), 'AS1', { url: named.url, rung: 'tls_other_name', name: 'c.example' }),
          ),
        ),
      ),
      'AS1',
      [B, named],
    );
    expect(winner).not.toBeNull();
    expect(ladderOf([B, named], winner === null ? {} : { winner }).next(0)).toEqual({
      way: { place: 1, rung: 'tls_other_name', name: 'c.example' },
    });
    // A freeze leads to all of them before the rest.
    const frozen = frps('frp://a.example:443?other=b.example,c.example&wss=w.example:443');
    expect(tryRound(ladderOf([frozen]), { '0 tls': 'frozen', '0 tls_other_name': 'frozen' }).slice(0, 4)).toEqual([
      '0 tls',
      '0 tls_other_name',
      '0 tls_other_name',
      '0 wss',
    ]);
  });

  it('begins with the addresses of the machine’s country', () => {
    const here = frps('frp://c.example:443#RU');
    expect(shownAll(waysOf([B, here], 'RU'))).toEqual(['1 tls', '0 tls', '1 tls_classic', '0 tls_classic']);
    expect(shownAll(waysOf([B, here], 'DE')).slice(0, 2)).toEqual(['0 tls', '1 tls']);
    expect(shownAll(waysOf([B, here], null)).slice(0, 2)).toEqual(['0 tls', '1 tls']);
  });

  it('sends no name only to a literal address that has a name otherwise', () => {
    const named = frps('frp://192.0.2.1:443?sni=a.example&rungs=tls_no_name,tls');
    const bare = frps('frp://192.0.2.1:443?rungs=tls_no_name,tls');
    expect(shownAll(waysOf([named], null))).toEqual(['0 tls_no_name', '0 tls']);
    expect(shownAll(waysOf([bare], null))).toEqual(['0 tls']);
    expect(shownAll(waysOf([full('a.example', '&rungs=tls_no_name,tls')], null))).toEqual(['0 tls']);
  });

  it('keeps the order of the address, else of the country', () => {
    const own = full('c.example', '&rungs=ssh,tls');
    expect(shownAll(waysOf([own, B], 'IR'))).toEqual(['0 ssh', '1 tls', '0 tls', '1 tls_classic']);
    const named = frps(`frp://192.0.2.1:443?sni=a.example&ssh=t@192.0.2.1:22&hostkey=${KEY}`);
    expect(shownAll(waysOf([named], 'IR'))).toEqual(['0 tls', '0 tls_classic', '0 ssh', '0 tls_no_name']);
    expect(shownAll(waysOf([named], 'RU'))).toEqual(['0 tls', '0 tls_classic', '0 tls_no_name', '0 ssh']);
  });

  it('knows where each way goes', () => {
    expect(endpointOf(A, 'tls_classic')).toEqual({ host: 'a.example', port: 443 });
    expect(endpointOf(A, 'wss')).toEqual({ host: 'www.a.example', port: 443 });
    expect(endpointOf(A, 'ssh')).toMatchObject({ host: 'a.example', port: 22 });
    expect(endpointOf(A, 'tls_no_mux')).toEqual({ host: 'a.example', port: 8444 });
    expect(endpointOf(B, 'wss')).toBeNull();
  });
});

describe('a round', () => {
  it('tries the winner of this network first, and forgets one that the settings do not have', () => {
    expect(tryRound(ladderOf([A, B], { winner: { place: 0, rung: 'ssh' } })).slice(0, 3)).toEqual([
      '0 ssh',
      '0 tls',
      '1 tls',
    ]);
    expect(tryRound(ladderOf([B], { winner: { place: 0, rung: 'ssh' } }))).toEqual(['0 tls', '0 tls_classic']);
    expect(tryRound(ladderOf([B], { winner: { place: 7, rung: 'tls' } }))[0]).toBe('0 tls');
  });

  it('after a freeze goes on with another name, then ssh, and leaves out what looks the same', () => {
    expect(tryRound(ladderOf([A]), { '0 tls': 'frozen' })).toEqual([
      '0 tls',
      '0 tls_other_name',
      '0 ssh',
      '0 wss',
      '0 tls_no_mux',
    ]);
    expect(tryRound(ladderOf([A]), { '0 tls': 'frozen', '0 tls_other_name': 'frozen' }).slice(0, 3)).toEqual([
      '0 tls',
      '0 tls_other_name',
      '0 ssh',
    ]);
    // The other address has not frozen.
    expect(tryRound(ladderOf([A, B]), { '0 tls': 'frozen' }).slice(0, 4)).toEqual([
      '0 tls',
      '1 tls',
      '1 tls_classic',
      '0 tls_other_name',
    ]);
  });

  it('after a freeze does not try a websocket at the same host', () => {
    const same = frps('frp://a.example:443?wss=a.example:8443');
    expect(tryRound(ladderOf([same]), { '0 tls': 'frozen' })).toEqual(['0 tls']);
    expect(tryRound(ladderOf([same]))).toEqual(['0 tls', '0 tls_classic', '0 wss']);
  });

  it('a freeze inside ssh says nothing about the others', () => {
    const own = full('a.example', '&rungs=ssh,tls,tls_classic');
    expect(tryRound(ladderOf([own]), { '0 ssh': 'frozen' })).toEqual(['0 ssh', '0 tls', '0 tls_classic']);
  });

  it('after a hello without answer goes on with the small one', () => {
    const own = full('a.example', '&rungs=tls,wss,ssh,tls_classic');
    expect(tryRound(ladderOf([own]), { '0 tls': 'hello' })).toEqual(['0 tls', '0 tls_classic', '0 wss', '0 ssh']);
    expect(tryRound(ladderOf([own]), { '0 tls': 'tls_bad' })).toEqual(['0 tls', '0 wss', '0 ssh', '0 tls_classic']);
  });

  it('does not dial a port again that nobody listens on, of whichever address', () => {
    expect(tryRound(ladderOf([A, frps('frp://a.example:443?sni=b.example')]), { '0 tls': 'no_tcp' })).toEqual([
      '0 tls',
      '0 wss',
      '0 ssh',
      '0 tls_no_mux',
    ]);
  });

  it('goes to the next address after a refused login', () => {
    expect(tryRound(ladderOf([A, B]), { '0 tls': 'login_refused' })).toEqual(['0 tls', '1 tls', '1 tls_classic']);
  });

  it('does without ssh where it is missing, and ends where frpc is', () => {
    const two = [A, full('b.example')];
    expect(tryRound(ladderOf(two), { '0 ssh': 'no_program' })).not.toContain('1 ssh');
    expect(tryRound(ladderOf(two), { '0 tls': 'no_program' })).toEqual(['0 tls']);
  });

  it('gives the same way until it is recorded, and nothing is recorded twice', () => {
    const ladder = ladderOf([A]);
    expect(ladder.next(0)).toEqual(ladder.next(5));
    expect(ladder.record('slow', 7)).toEqual({ way: { place: 0, rung: 'tls' }, outcome: 'slow', at_ms: 7 });
    expect(() => ladder.record('slow', 8)).toThrow('no way is being tried');
  });

  it('is followed by a pause of a minute that grows to five', () => {
    const pauses = (random: number): number[] => {
      const ladder = ladderOf([B], { random: () => random });
      let nowMs = 0;
      return Array.from({ length: 5 }, () => {
        expect(tryRound(ladder, {}, nowMs)).toHaveLength(2);
        const step = ladder.next(nowMs);
        const waitMs = 'wait_ms' in step ? step.wait_ms : 0;
        expect(ladder.next(nowMs + waitMs - 1)).toEqual({ wait_ms: 1 });
        nowMs += waitMs;
        return waitMs;
      });
    };
    expect(pauses(0.5).slice(0, 2)).toEqual([MINUTE, 2 * MINUTE]);
    expect(pauses(0)[0]).toBe(42_000);
    expect(pauses(1)[0]).toBe(78_000);
    expect(pauses(1).at(-1)).toBe(5 * MINUTE);
  });

  it('waits where there is no way at all', () => {
    expect(ladderOf([]).next(0)).toEqual({ wait_ms: MINUTE });
  });

  const outcome = fc.constantFrom<Outcome>(
    'no_tcp',
    'hello',
    'tls_bad',
    'login_timeout',
    'login_refused',
    'frozen',
    'slow',
    'canary_failed',
    'no_program',
  );
  const order = fc.option(fc.shuffledSubarray([...FRP_RUNGS], { minLength: 1 }), { nil: null });
  const option = fc.boolean();
  const address = fc
    .record({
      host: fc.constantFrom('a.example', 'b.example', '192.0.2.1'),
      other: option,
      far: option,
      ssh: option,
      order,
    })
    .map(({ host, other, far, ssh, order: rungs }) => ({
      ...frps(
        `frp://${host}:443?sni=s.example&wss=${far ? 'w.example' : host}:8443` +
          (other ? '&other=x.example' : '') +
          (ssh ? `&ssh=t@${host}:22&hostkey=${KEY}` : ''),
      ),
      // Also such as leave no way: without its key the rung ssh is none.
      rungs,
    }));
  const addresses = fc.array(address, { minLength: 1, maxLength: 4 });
  const winner = fc.option(
    fc
      .record({ place: fc.nat(4), rung: fc.constantFrom(...FRP_RUNGS) })
      .map((way) => (way.rung === 'tls_other_name' ? { ...way, name: 'x.example' } : way)),
    { nil: undefined },
  );

  it('tries no way twice and ends, whatever the attempts show', () => {
    fc.assert(
      fc.property(
        addresses,
        winner,
        fc.array(outcome, { minLength: 32, maxLength: 32 }),
        option,
        (all, won, met, again) => {
          const ladder = ladderOf(all, won === undefined ? {} : { winner: won });
          if (again && ladder.ways.length > 0) {
            ladder.next(0);
            ladder.record('up', 0);
            ladder.retryFirst();
          }
          const tried: string[] = [];
          for (let step = ladder.next(0); 'way' in step; step = ladder.next(0)) {
            tried.push(shown(step.way));
            ladder.record(met[tried.length] ?? 'slow', 0);
          }
          expect(new Set(tried).size).toBe(tried.length);
          expect(tried.length).toBeGreaterThanOrEqual(ladder.ways.length > 0 ? 1 : 0);
        },
      ),
    );
  });

  it('reaches every way when all fail without evidence, the winner first and the rest in their order', () => {
    fc.assert(
      fc.property(addresses, winner, (all, won) => {
        const ladder = ladderOf(all, won === undefined ? {} : { winner: won });
        const tried = tryRound(ladder);
        const ways = shownAll(ladder.ways);
        const first = ways.filter((way) => won !== undefined && way === shown(won));
        expect(tried).toEqual([...first, ...ways.filter((way) => !first.includes(way))]);
      }),
    );
  });
});

describe('the way in use', () => {
  const onSsh = (): Ladder => {
    const ladder = ladderOf([A, B]);
    expect(tryRound(ladder, { '0 ssh': 'up' }).at(-1)).toBe('0 ssh');
    return ladder;
  };

  it('stays, and is what next gives', () => {
    const ladder = onSsh();
    expect(ladder.inUse).toEqual({ place: 0, rung: 'ssh' });
    expect(ladder.next(HOUR)).toEqual({ way: { place: 0, rung: 'ssh' } });
  });

  it('is left after three failures within ten minutes, and counts as tried', () => {
    const ladder = onSsh();
    for (const minute of [0, 6, 11]) ladder.failed(minute * MINUTE);
    expect(ladder.shouldLeave(11 * MINUTE)).toBe(false);
    ladder.failed(12 * MINUTE);
    expect(ladder.shouldLeave(12 * MINUTE)).toBe(true);
    ladder.leave('frozen', 12 * MINUTE);
    expect(ladder.inUse).toBeNull();
    expect(ladder.shouldLeave(12 * MINUTE)).toBe(false);
    const tried = tryRound(ladder, {}, 12 * MINUTE);
    expect(tried).toHaveLength(7);
    expect(tried).not.toContain('0 ssh');
    // After the pause it is the first again.
    expect(tryRound(ladder, {}, 20 * MINUTE)[0]).toBe('0 ssh');
  });

  it('takes its evidence into the round after it', () => {
    const ladder = ladderOf([A]);
    expect(tryRound(ladder, { '0 tls': 'up' })).toEqual(['0 tls']);
    ladder.leave('frozen', MINUTE);
    expect(tryRound(ladder)[0]).toBe('0 tls_other_name');
  });

  it('gives way to the first rung every six hours, and is come back to', () => {
    const ladder = onSsh();
    expect(ladder.shouldRetryFirst(6 * HOUR - 1)).toBe(false);
    expect(ladder.shouldRetryFirst(6 * HOUR)).toBe(true);
    ladder.retryFirst();
    expect(tryRound(ladder, { '0 tls': 'frozen', '0 ssh': 'up' }, 6 * HOUR)).toEqual(['0 tls', '1 tls', '0 ssh']);
    expect(ladder.shouldRetryFirst(12 * HOUR - 1)).toBe(false);
    ladder.retryFirst();
    expect(tryRound(ladder, { '1 tls': 'up' }, 12 * HOUR)).toEqual(['0 tls', '1 tls']);
    // The first rung of its own address: nothing better is looked for.
    expect(ladder.shouldRetryFirst(48 * HOUR)).toBe(false);
  });

  it('goes back to the way that worked although the first rung’s evidence speaks against it', () => {
    const ladder = ladderOf([A]);
    expect(tryRound(ladder, { '0 tls_classic': 'up' })).toEqual(['0 tls', '0 tls_classic']);
    ladder.retryFirst();
    expect(tryRound(ladder, { '0 tls': 'frozen', '0 tls_classic': 'up' })).toEqual(['0 tls', '0 tls_classic']);
  });

  it('owes 1 KB every five minutes and 64 KB every hour and after each login', () => {
    const { large_bytes: large, small_bytes: small } = LADDER_TIMES;
    const ladder = ladderOf([B]);
    expect(ladder.canaryDue(0)).toBeNull();
    tryRound(ladder, { '0 tls': 'up' });
    expect(ladder.canaryDue(0)).toEqual({ wait_ms: 5 * MINUTE });
    expect(ladder.canaryDue(5 * MINUTE)).toEqual({ bytes: small });
    ladder.canaryBack(small, 5 * MINUTE);
    expect(ladder.canaryDue(6 * MINUTE)).toEqual({ wait_ms: 4 * MINUTE });
    ladder.canaryBack(small, 58 * MINUTE);
    expect(ladder.canaryDue(58 * MINUTE)).toEqual({ wait_ms: 2 * MINUTE });
    expect(ladder.canaryDue(HOUR)).toEqual({ bytes: large });
    ladder.canaryBack(large, HOUR);
    expect(ladder.canaryDue(HOUR)).toEqual({ wait_ms: 5 * MINUTE });
    ladder.loggedIn(HOUR);
    expect(ladder.canaryDue(HOUR)).toEqual({ bytes: large });
    ladder.failed(HOUR);
    expect(ladder.canaryDue(HOUR)).toEqual({ wait_ms: MINUTE });
    expect(ladder.canaryDue(HOUR + MINUTE)).toEqual({ bytes: large });
  });

  it('is left within minutes when it is dead', () => {
    const ladder = ladderOf([B], { random: () => 1 });
    tryRound(ladder, { '0 tls': 'up' });
    let nowMs = 0;
    while (!ladder.shouldLeave(nowMs)) {
      const due = ladder.canaryDue(nowMs);
      if (due !== null && 'wait_ms' in due) nowMs += due.wait_ms;
      else ladder.failed(nowMs);
    }
    expect(nowMs).toBeLessThan(10 * MINUTE);
  });

  it('draws its times 30 % shorter or longer', () => {
    const due = (random: number): unknown => {
      const ladder = ladderOf([B], { random: () => random });
      tryRound(ladder, { '0 tls': 'up' });
      return ladder.canaryDue(0);
    };
    expect([due(0), due(1)]).toEqual([{ wait_ms: 3.5 * MINUTE }, { wait_ms: 6.5 * MINUTE }]);
  });
});

describe('the memory', () => {
  it('keeps winners by network, by the address’s url', () => {
    const memory = withWinner(new Map(), 'AS1', { url: B.url, rung: 'tls_classic' });
    const read = readLadderMemory(JSON.parse(serialiseLadderMemory(memory)));
    expect(read).toEqual(memory);
    expect(winnerIn(read, 'AS1', [A, B])).toEqual({ place: 1, rung: 'tls_classic' });
    expect(winnerIn(read, 'AS1', [A])).toBeNull();
    expect(winnerIn(read, 'AS2', [A, B])).toBeNull();
  });

  it('forgets the network that won longest ago', () => {
    let memory: LadderMemory = new Map();
    for (let i = 0; i < 16; i++) memory = withWinner(memory, `AS${String(i)}`, { url: B.url, rung: 'tls' });
    memory = withWinner(memory, 'AS0', { url: B.url, rung: 'ssh' });
    memory = withWinner(memory, 'AS99', { url: B.url, rung: 'tls' });
    expect([...memory.keys()]).toHaveLength(16);
    expect(memory.has('AS1')).toBe(false);
    expect(memory.get('AS0')).toEqual({ url: B.url, rung: 'ssh' });
  });

  it('is empty where the file is anything else', () => {
    const good = { network: 'AS1', url: B.url, rung: 'tls' };
    for (const bad of [null, 7, 'x', [], {}, { winners: 3 }, { winners: [null, 1, { ...good, rung: 'quic' }] }])
      expect(readLadderMemory(bad).size).toBe(0);
    expect(
      readLadderMemory({ winners: [{ ...good, network: '' }, { ...good, url: 'x'.repeat(999) }, good] }).size,
    ).toBe(1);
    fc.assert(fc.property(fc.jsonValue(), (value) => readLadderMemory(value).size <= 16));
  });
});
