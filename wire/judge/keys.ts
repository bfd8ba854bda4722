// Public keys of the target: pools sign their own certificates, so a key is compared with what others saw, never with authorities.
import type { AddressTrial, ReachabilityRecord } from '../reachability.ts';
import type { Controls } from './controls.ts';

export interface ForeignKey {
  key: string;
  address: string;
  issuer: string | null;
  /** A fresh control saw another key at this very address. */
  isSameAddress: boolean;
  /** This worker saw another key here earlier, to which no control objected. */
  isNewHere: boolean;
  /** Other keys' sightings by controls, of any age, those of earlier samples among them. */
  sightings: number;
}

interface Seen {
  key: string;
  address: string;
  issuer: string | null;
}

function keysOf(trials: readonly AddressTrial[]): Seen[] {
  return trials.flatMap(({ address, tls }) =>
    tls?.spki_sha256 == null ? [] : [{ key: tls.spki_sha256, address, issuer: tls.issuer }],
  );
}

/** A key that the controls of the same moment saw another one for is no good past: who is always listened in on sees nothing new. */
function undisputedKeysOf(old: ReachabilityRecord): Seen[] {
  const theirs = old.controls.flatMap((sample) => keysOf(sample.trials));
  const isDisputed = ({ key, address }: Seen): boolean =>
    theirs.some((other) => other.address === address) && !theirs.some((other) => other.key === key);
  return keysOf(old.addresses).filter((seen) => !isDisputed(seen));
}

/** The worker's key where neither any control nor this worker's own past knows it, on every address; null = nothing strange. */
export function foreignKeyOf(
  record: ReachabilityRecord,
  history: readonly ReachabilityRecord[],
  controls: Controls,
): ForeignKey | null {
  const mine = keysOf(record.addresses);
  const past = history.flatMap(undisputedKeysOf);
  const samples = [...controls.all, ...history.flatMap((old) => old.controls)];
  // A control answers from its cache for a while: that is one sighting.
  const single = new Map(samples.map((sample) => [`${sample.by} ${sample.at_ms}`, sample]));
  const theirs = [...single.values()].flatMap((sample) => keysOf(sample.trials));
  const fresh = controls.near.flatMap((sample) => keysOf(sample.trials));
  const known = new Set([...past, ...theirs].map((seen) => seen.key));
  const [first] = mine;
  if (first === undefined || fresh.length === 0 || mine.some((seen) => known.has(seen.key))) return null;
  return {
    ...first,
    isSameAddress: mine.some((seen) => fresh.some((other) => other.address === seen.address)),
    isNewHere: past.length > 0,
    sightings: theirs.length,
  };
}
