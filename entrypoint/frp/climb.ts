// The ladder: which frps is tried by which rung next, as a pure function of what was tried. Two dimensions: reports say that the address
// decides more than the way to it, so every address is tried on a rung before the next rung (facts/frp.md section 5).
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_RUNGS, type FrpRung } from '../../wire/frp-names.ts';
import { rungsOf } from './transport.ts';

/** One address by one rung. */
export interface Candidate {
  /** Of the address, in the order of the settings. */
  place: number;
  rung: FrpRung;
  /** The name that `tls_other_name` sends; null on other rungs. */
  otherName: string | null;
}

/**
 * What an attempt came to. `refused`: nobody listens. `silent`: no answer to TCP or to what was said after it. `broken`: the connection
 * ended or was reset. `certificate`: not the one that the authority vouches for. `login_refused`: frps said no. `frozen`, `slow`: the
 * canary. `failed`: anything else, as a name that does not resolve.
 */
export type End =
  'worked' | 'refused' | 'silent' | 'broken' | 'certificate' | 'login_refused' | 'frozen' | 'slow' | 'failed';

export interface Tried {
  candidate: Candidate;
  end: End;
}

/** What a worker remembers of the last way that worked in a network. */
export interface Winner {
  /** Key of the network (wire/reachability.ts), or null where nobody has told it. */
  network: string | null;
  url: string;
  rung: FrpRung;
  otherName: string | null;
}

/** Failures of a way that worked within this time, and how many of them end it. */
const FAILURES_WITHIN_MS = 600_000;
const FAILURES_MAX = 3;
const WINNERS_MAX = 16;
const JITTER_SHARE = 0.3;

/** All that can be tried, in order: rung by rung, and on each the addresses, those for this country first. */
export function candidatesOf(addresses: readonly FrpAddress[], country: string | null): Candidate[] {
  const isMeant = (address: FrpAddress): boolean => country !== null && address.tags.includes(country);
  const all = addresses.flatMap((address, place) => {
    const order = address.rungs ?? FRP_RUNGS;
    return rungsOf(address).flatMap((rung) => {
      const names = rung === 'tls_other_name' ? address.otherNames : [null];
      return names.map((otherName) => ({
        candidate: { place, rung, otherName },
        rank: [order.indexOf(rung), isMeant(address) ? 0 : 1, place],
      }));
    });
  });
  const compare = (a: readonly number[], b: readonly number[]): number =>
    a.map((value, i) => value - (b[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
  return all.toSorted((a, b) => compare(a.rank, b.rank)).map(({ candidate }) => candidate);
}

/** The same with some put first. */
export function withFirst(candidates: readonly Candidate[], first: readonly Candidate[]): Candidate[] {
  return [...first, ...candidates.filter((candidate) => !first.some((other) => isSame(candidate, other)))];
}

export function isSame(a: Candidate, b: Candidate): boolean {
  return a.place === b.place && a.rung === b.rung && a.otherName === b.otherName;
}

/** The first that was not tried in this round and that nothing speaks against; null: the round is over. */
export function nextOf(candidates: readonly Candidate[], tried: readonly Tried[]): Candidate | null {
  const isTried = (candidate: Candidate): boolean => tried.some((one) => isSame(one.candidate, candidate));
  const isIdle = (candidate: Candidate): boolean =>
    tried.some(({ candidate: { place, rung }, end }) => place === candidate.place && skips(rung, end, candidate.rung));
  return candidates.find((candidate) => !isTried(candidate) && !isIdle(candidate)) ?? null;
}

/** Rungs that end at the port that the address names. */
const OWN_PORT: readonly FrpRung[] = ['tls', 'tls_classic', 'tls_other_name', 'tls_no_name'];

/** Whether what one rung of an address showed makes another one of it useless. */
function skips(rung: FrpRung, end: End, other: FrpRung): boolean {
  switch (end) {
    // The next ones say the same to a port where nobody listens.
    case 'refused':
      return OWN_PORT.includes(rung) && OWN_PORT.includes(other);
    // The way is fine, and frps is the same by each of them; the second one may be another matter.
    case 'login_refused':
      return other !== 'tls_no_mux';
    // Another hello or a web server in front change nothing of it: another name may, SSH does, and so do more connections.
    case 'frozen':
    case 'slow':
      return other === 'tls' || other === 'tls_classic' || other === 'tls_no_name' || other === 'wss';
    // A smaller hello brings the same certificate.
    case 'certificate':
      return rung === 'tls' && other === 'tls_classic';
    case 'worked':
    case 'silent':
    case 'broken':
    case 'failed':
      return false;
  }
}

/** Whether a way that worked is given up. `failuresMs`: when it failed, monotonic, in any order. */
export function isGivenUp(failuresMs: readonly number[], nowMs: number): boolean {
  return failuresMs.filter((atMs) => nowMs - atMs <= FAILURES_WITHIN_MS).length >= FAILURES_MAX;
}

/** `ms` give or take 30 %: a fleet that lost its frps at one moment does not come back at one moment. */
export function jittered(ms: number, random: () => number): number {
  return Math.round(ms * (1 - JITTER_SHARE + 2 * JITTER_SHARE * random()));
}

/** The candidate that worked last in this network, else in any; null: none that can be tried still. */
export function winnerOf(
  winners: readonly Winner[],
  network: string | null,
  addresses: readonly FrpAddress[],
  candidates: readonly Candidate[],
): Candidate | null {
  const own = winners.filter((winner) => network !== null && winner.network === network);
  for (const { url, rung, otherName } of [...own, ...winners]) {
    const place = addresses.findIndex((address) => address.url === url);
    const found = candidates.find((candidate) => isSame(candidate, { place, rung, otherName }));
    if (found !== undefined) return found;
  }
  return null;
}

/** The memory with this one newest; one for each network. */
export function remember(winners: readonly Winner[], winner: Winner): Winner[] {
  return [winner, ...winners.filter(({ network }) => network !== winner.network)].slice(0, WINNERS_MAX);
}

/** The memory without this way. */
export function forget(winners: readonly Winner[], lost: Omit<Winner, 'network'>): Winner[] {
  return winners.filter(
    ({ url, rung, otherName }) => url !== lost.url || rung !== lost.rung || otherName !== lost.otherName,
  );
}

/** What frpc's words on a failed login mean. */
export function endOf(words: string): End {
  for (const [pattern, end] of ENDS) if (pattern.test(words)) return end;
  return 'failed';
}

const ENDS: readonly (readonly [RegExp, End])[] = [
  [/connection refused/i, 'refused'],
  [/no such host|lookup .*:|server misbehaving/i, 'failed'],
  [/x509|certificate|tls: (?:failed to verify|first record)/i, 'certificate'],
  [/i\/o timeout|deadline|write timeout|network is unreachable|no route to host|timed out/i, 'silent'],
  [/reset by peer|EOF|broken pipe|session shutdown|closed/i, 'broken'],
  [/login to the server failed|connect to server error/i, 'login_refused'],
];
