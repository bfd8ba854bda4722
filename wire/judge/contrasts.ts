// Variants: the same test with one thing changed. What changes the result names the trigger.
import type { Operation } from '../failure.ts';
import type { ReachabilityRecord, Variant } from '../reachability.ts';
import { DEPTH, layerOf, type Ending } from './ending.ts';

type Kind = Variant['variant'];

const HELLOS: readonly Kind[] = ['no_sni', 'innocent_sni', 'split_hello', 'tls12', 'tls13'];
/** Of these, the ones that hide the name: what they change, the name triggered. */
const NAMES: readonly Kind[] = ['no_sni', 'innocent_sni', 'split_hello'];

export interface Contrasts {
  /** Another hello to the same address came past the TLS handshake, where ours did not. */
  helloFlips: Variant | null;
  /** The same by hiding the name. */
  nameFlips: Variant | null;
  /** Hellos that were tried and ended as ours did. */
  hellosAlike: number;
  /** One of these was acknowledged, whatever became of ours: a hello as small as it passes, and the answer does not. */
  isHelloAcked: boolean;
  /** Another port of the same address works; or only connects. */
  portWorks: Variant | null;
  portConnects: Variant | null;
  portFails: Variant | null;
  regionWorks: Variant | null;
  /** The trigger dies at the collector's address as well, an innocent line does not. */
  diesAtCollector: Variant | null;
  /** The trigger passes there: no rule by content, at least not on that path. */
  passesAtCollector: boolean;
  /** The innocent test worked before the triggering ones and fails after them. */
  hasResidue: boolean;
}

const passes = (operation: Operation | null, depth: number): boolean => DEPTH[layerOf(operation)] > depth;

export function contrastsOf({ variants }: ReachabilityRecord, failure: Ending | null): Contrasts {
  const first = (kinds: readonly Kind[], test: (variant: Variant) => boolean): Variant | null =>
    variants.find((variant) => kinds.includes(variant.variant) && test(variant)) ?? null;
  const isHere = (variant: Variant): boolean => failure !== null && variant.address === failure.address;
  const isTls = failure?.layer === 'tls';
  const flips = (variant: Variant): boolean => isTls && isHere(variant) && passes(variant.operation, DEPTH.tls);
  const hangs = (variant: Variant): boolean =>
    isHere(variant) && variant.operation === 'tls_handshake' && variant.failure === 'generic_timeout_error';
  const works = (variant: Variant): boolean => variant.operation === null;
  const isInnocentWell = first(['innocent_at_collector'], works) !== null;
  return {
    helloFlips: first(HELLOS, flips),
    nameFlips: first(NAMES, flips),
    hellosAlike: variants.filter((v) => HELLOS.includes(v.variant) && isHere(v) && !passes(v.operation, DEPTH.tls))
      .length,
    isHelloAcked: first(HELLOS, (variant) => hangs(variant) && variant.tx_unacked_bytes === 0) !== null,
    portWorks: first(['alt_port'], (variant) => isHere(variant) && works(variant)),
    portConnects: first(['alt_port'], (variant) => isHere(variant) && passes(variant.operation, DEPTH.tcp)),
    portFails: first(['alt_port'], (variant) => isHere(variant) && !passes(variant.operation, DEPTH.tcp)),
    regionWorks: first(['alt_region'], works),
    diesAtCollector: isInnocentWell ? first(['at_collector'], (variant) => !works(variant)) : null,
    passesAtCollector: first(['at_collector'], works) !== null,
    hasResidue: isInnocentWell && first(['innocent_again'], (variant) => !works(variant)) !== null,
  };
}
